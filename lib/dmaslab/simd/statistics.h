// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "dmaslab/simd/level.h"
#include "dmaslab/simd/rows.h"

namespace dmaslab {

/** Exact integers, so that any division of a frame into parts adds up to the same. */
struct PixelSums
{
    std::uint64_t count = 0;
    std::uint64_t sum = 0;
    std::uint64_t squares = 0; ///< exact up to 2^32 pixels
    std::uint64_t saturated = 0;
    std::uint16_t min = 0xFFFF;
    std::uint16_t max = 0;

    void add(const PixelSums &other)
    {
        count += other.count;
        sum += other.sum;
        squares += other.squares;
        saturated += other.saturated;
        min = std::min(min, other.min);
        max = std::max(max, other.max);
    }
    [[nodiscard]] double mean() const { return count == 0 ? 0.0 : double(sum) / double(count); }
    /** Of all pixels (numpy's var() with ddof=0). */
    [[nodiscard]] double variance() const
    {
        if (count == 0)
            return 0.0;
        // In 128 bits: the difference of two large numbers is where a double would lose all of its digits.
        using Wide = unsigned __int128;
        const Wide spread = Wide{squares} * count - Wide{sum} * sum;
        return double(spread) / (double(count) * double(count));
    }
};

/** Each adds to what is there. */
struct StatisticsKernels
{
    /** Pixels at or above `saturation` count as saturated. */
    void (*sums16)(const ConstPixels16 &in, std::uint16_t saturation, PixelSums &sums);
    void (*sums8)(const ConstPixels8 &in, std::uint8_t saturation, PixelSums &sums);
    /** Counts each pixel in bin `value >> shift`, or in the last one if it lies beyond. */
    void (*histogram)(const ConstPixels16 &in, unsigned shift, std::span<std::uint32_t> bins);
    /** How many pixels differ by more than `threshold` from `before`, which becomes `now`. */
    std::uint64_t (*changed)(const ConstPixels16 &now, const Pixels16 &before, std::uint16_t threshold);
    /** How many pixels reach `level`. */
    std::uint64_t (*atLeast)(const ConstPixels16 &in, std::uint16_t level);
};

[[nodiscard]] DMASLAB_EXPORT const StatisticsKernels &statisticsKernels(SimdLevel level);

} // namespace dmaslab
