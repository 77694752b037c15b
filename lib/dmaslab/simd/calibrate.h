// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include "dmaslab/simd/level.h"
#include "dmaslab/simd/rows.h"

namespace dmaslab {

/** What is taken off and what each pixel is multiplied by; where data is null, nothing. */
struct Calibration
{
    ConstPixels16 dark;
    ConstPixels16 gain;      ///< a gain of 1 is `1 << gainShift`
    unsigned gainShift = 15; ///< 8 to 15
};

/** The specification: what every level computes for a pixel. */
[[nodiscard]] constexpr std::uint16_t calibrated(std::uint16_t value, std::uint16_t dark, std::uint16_t gain,
                                                 unsigned gainShift)
{
    const std::uint32_t light = value > dark ? value - dark : 0u;
    const std::uint64_t scaled = (std::uint64_t{light} * gain + (1u << (gainShift - 1))) >> gainShift;
    return scaled > 0xFFFF ? 0xFFFF : std::uint16_t(scaled);
}

/**
 * (value - dark) * gain, rounded, between 0 and 65535. `in` and `out` may be the same pixels. Both tables
 * begin at the pixel that `in` begins at.
 */
struct CalibrateKernels
{
    void (*calibrate)(const ConstPixels16 &in, const Pixels16 &out, const Calibration &calibration,
                      Store store);
};

[[nodiscard]] DMASLAB_EXPORT const CalibrateKernels &calibrateKernels(SimdLevel level);

} // namespace dmaslab
