// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>

#include "dmaslab/tools/summary.h"

namespace dmaslab::tools {

/** Everything that `info` knows, with the ledger. */
[[nodiscard]] nlohmann::ordered_json summaryJson(const Recording &recording, const Summary &summary);
/** One index entry; `frame` is its number in the recording. */
[[nodiscard]] nlohmann::ordered_json indexJson(std::uint64_t frame, const IndexRecord &record);
/** The line that opens the frames of a segment from where the user is. */
[[nodiscard]] std::string numpyLine(const Recording &recording, std::size_t segment);

} // namespace dmaslab::tools
