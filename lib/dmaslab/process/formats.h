// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include "dmaslab/error.h"
#include "dmaslab/export.h"
#include "dmaslab/process/settings.h"
#include "dmaslab/simd/unpack.h"

namespace dmaslab {

/** Pictures of one value per pixel. */
struct PictureFormat
{
    PixelPacking packing = PixelPacking::Mono16;
    std::uint32_t width = 0, height = 0;
    unsigned significantBits = 16; ///< values are below 2 to this power

    [[nodiscard]] std::uint16_t fullScale() const { return std::uint16_t((1u << significantBits) - 1); }
    bool operator==(const PictureFormat &) const = default;
};

/** Which pixels of the input go where. */
struct Geometry
{
    PixelRect source; ///< what is read: a multiple of `bin` in both directions
    std::uint32_t bin = 1;
    bool mirrored = false, upsideDown = false;
    std::uint32_t width = 0, height = 0; ///< of the output
};

/** The error names the setting that does not fit the picture. */
[[nodiscard]] DMASLAB_EXPORT Result<Geometry> geometryOf(const PictureFormat &input,
                                                         const ProcessSettings &settings);

/**
 * What comes out. Where the settings leave the pixels alone that is the input; where they do not, 16 bits
 * unless the input has 8 or a window or a table of bytes makes them 8 (`lut8`).
 */
[[nodiscard]] DMASLAB_EXPORT PictureFormat outputOf(const PictureFormat &input,
                                                    const ProcessSettings &settings, const Geometry &geometry,
                                                    bool lut8);

/** Whether a pixel may leave with another value, or at another place, than it came with. */
[[nodiscard]] DMASLAB_EXPORT bool changesPixels(const PictureFormat &input, const ProcessSettings &settings);

} // namespace dmaslab
