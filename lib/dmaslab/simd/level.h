// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "dmaslab/export.h"

namespace dmaslab {

/** Sets of vector instructions, as a user names them. */
enum class SimdLevel : std::uint8_t
{
    Auto,   ///< the best there is
    Scalar, ///< the plain loops that all others are tested against
    Sse4,
    Avx2,
    Avx512,
    Neon,
};

[[nodiscard]] DMASLAB_EXPORT std::string_view toString(SimdLevel level);
[[nodiscard]] DMASLAB_EXPORT std::optional<SimdLevel> simdLevelFromString(std::string_view name);

/** What this build and this CPU can run, worst first; always begins with Scalar. */
[[nodiscard]] DMASLAB_EXPORT const std::vector<SimdLevel> &usableSimdLevels();

/**
 * The best usable level that is not above @p cap: a cap that this machine does not reach is no error.
 * Never Auto.
 */
[[nodiscard]] DMASLAB_EXPORT SimdLevel bestSimdLevel(SimdLevel cap = SimdLevel::Auto);

} // namespace dmaslab
