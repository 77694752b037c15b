// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "dmaslab/tools/summary.h"

namespace dmaslab::tools {

/** Fills span and picture of a summary whose first, last and losses are there. */
[[nodiscard]] Result<void> drawPicture(const Recording &recording, Summary &summary,
                                       const std::vector<std::uint64_t> &badSequences, unsigned columns);

} // namespace dmaslab::tools
