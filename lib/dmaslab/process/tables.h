// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "dmaslab/process/bad_pixels.h"
#include "dmaslab/process/formats.h"
#include "dmaslab/simd/calibrate.h"

namespace dmaslab {

/** Where the light of one rectangle is expected, from its centre, in pixels. */
struct ReferenceOffset
{
    float x = 0, y = 0;
};

/** The tables of the settings in the form that the kernels take them. */
struct ProcessTables
{
    std::vector<std::uint16_t> dark, gain; ///< one value per pixel of the input, or empty
    unsigned gainShift = 15;
    BadPixels badPixels;
    std::vector<std::uint8_t> lut8; ///< at most one of the two is filled
    std::vector<std::uint16_t> lut16;
    std::vector<ReferenceOffset> reference; ///< one per rectangle, or empty

    [[nodiscard]] Calibration calibration(const PictureFormat &input) const;
};

/** Reads what the settings name. Errors name the property, the file, what is wrong in it and what it must be.
 */
[[nodiscard]] DMASLAB_EXPORT Result<ProcessTables> loadTables(const PictureFormat &input,
                                                              const ProcessSettings &settings);

} // namespace dmaslab
