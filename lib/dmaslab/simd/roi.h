// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include "dmaslab/simd/level.h"
#include "dmaslab/simd/rows.h"

namespace dmaslab {

/** One row of a grid of rectangles that touch each other. */
struct RoiRow
{
    std::size_t x = 0;     ///< of the first rectangle
    std::size_t width = 0; ///< of each
    std::size_t columns = 0;
};

/** For the centre of gravity: the light above a threshold, and its moments from the rectangle's corner. */
struct RoiMoments
{
    std::uint64_t sum = 0;
    std::uint64_t x = 0; ///< sum of light * column
    std::uint64_t y = 0; ///< sum of light * row

    bool operator==(const RoiMoments &) const = default;

    void add(const RoiMoments &other)
    {
        sum += other.sum;
        x += other.x;
        y += other.y;
    }
};

/**
 * Rectangles of one row of the grid, `row.columns` results. `in` may be some of the rows that the rectangles
 * have: each result is added to what is there.
 */
struct RoiKernels
{
    void (*sums)(const ConstPixels16 &in, const RoiRow &row, std::uint64_t *sums);
    /** `firstRow`: which row of the rectangles `in` begins with. Light is what a pixel has above threshold.
     */
    void (*moments)(const ConstPixels16 &in, const RoiRow &row, std::size_t firstRow, std::uint16_t threshold,
                    RoiMoments *moments);
};

[[nodiscard]] DMASLAB_EXPORT const RoiKernels &roiKernels(SimdLevel level);

} // namespace dmaslab
