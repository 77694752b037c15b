// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dmaslab/export.h"

namespace dmaslab {

/** XXH3-64, unseeded, with the widest vectors this CPU has. Any thread. */
[[nodiscard]] DMASLAB_EXPORT std::uint64_t frameHash(std::span<const std::byte> bytes);

} // namespace dmaslab
