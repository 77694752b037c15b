// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include "dmaslab/simd/level.h"
#include "dmaslab/simd/rows.h"

namespace dmaslab {

enum class BinMode : std::uint8_t
{
    Sum,  ///< at most 65535
    Mean, ///< rounded, halves up
};

/**
 * Squares of 2x2 or 4x4 pixels to one. `in` has 2 (or 4) times the rows of `out`; of its columns as many are
 * read as `out` needs.
 */
struct BinKernels
{
    using Bin = void (*)(const ConstPixels16 &in, const Pixels16 &out, BinMode mode, Store store);
    Bin by2;
    Bin by4;
};

[[nodiscard]] DMASLAB_EXPORT const BinKernels &binKernels(SimdLevel level);

} // namespace dmaslab
