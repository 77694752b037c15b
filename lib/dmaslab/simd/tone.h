// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include "dmaslab/simd/level.h"
#include "dmaslab/simd/rows.h"

namespace dmaslab {

/** 16 bits to 8: `low` and less become 0, `high` and more 255, evenly between. */
class ToneWindow
{
public:
    /** A high that is not above low makes a step: all above low is 255. */
    constexpr ToneWindow(std::uint16_t low, std::uint16_t high)
        : low_(low), range_(std::uint16_t(high > low ? high - low : 1))
    {
        // The range is spread over the upper half of 16 bits: then the factor has 16 bits that matter, and
        // the upper half of one 16-bit product is the level with 7 bits behind the point.
        while ((range_ << shift_) < 0x8000)
            ++shift_;
        const std::uint32_t spread = std::uint32_t{range_} << shift_;
        factor_ = std::uint16_t(((255ull << 23) + spread / 2) / spread);
    }

    /** The specification: within 0.51 of 255 * (value - low) / (high - low). */
    [[nodiscard]] constexpr std::uint8_t level(std::uint16_t value) const
    {
        std::uint32_t light = value > low_ ? value - low_ : 0u;
        light = (light > range_ ? range_ : light) << shift_;
        return std::uint8_t((((light * factor_) >> 16) + 64) >> 7);
    }

    [[nodiscard]] constexpr std::uint16_t low() const { return low_; }
    [[nodiscard]] constexpr std::uint16_t range() const { return range_; }
    [[nodiscard]] constexpr unsigned shift() const { return shift_; }
    [[nodiscard]] constexpr std::uint16_t factor() const { return factor_; }

private:
    std::uint16_t low_;
    std::uint16_t range_;
    unsigned shift_ = 0;
    std::uint16_t factor_ = 0;
};

/** Value by value; `in` and `out` may be the same pixels where their types are. */
struct ToneKernels
{
    /** Below the level becomes 0. */
    void (*zeroBelow)(const ConstPixels16 &in, const Pixels16 &out, std::uint16_t level, Store store);
    void (*window)(const ConstPixels16 &in, const Pixels8 &out, const ToneWindow &window, Store store);
    /** More than 255 becomes 255. */
    void (*narrow)(const ConstPixels16 &in, const Pixels8 &out, Store store);
    /** Values beyond the last entry take the last one. */
    void (*lookUp8)(const ConstPixels16 &in, const Pixels8 &out, const std::uint8_t *table,
                    std::size_t entries);
    void (*lookUp16)(const ConstPixels16 &in, const Pixels16 &out, const std::uint16_t *table,
                     std::size_t entries);
    /** Each row from right to left; never in place. */
    void (*mirror)(const ConstPixels16 &in, const Pixels16 &out);
};

[[nodiscard]] DMASLAB_EXPORT const ToneKernels &toneKernels(SimdLevel level);

} // namespace dmaslab
