// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dmaslab/archive/manifest.h"
#include "dmaslab/error.h"

namespace dmaslab::tools {

/** How to find grey, RGB or RGBA samples in the frames of a series. */
struct PictureFormat
{
    PlaneLayout plane;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    unsigned channels = 1;               ///< 1 grey, 3 RGB, 4 RGB and alpha
    unsigned sampleBytes = 1;            ///< 1 or 2
    unsigned pixelBytes = 1;             ///< from one pixel to the next
    std::array<unsigned, 4> component{}; ///< where each channel is in a pixel
    bool bigEndian = false;
    unsigned significantBits = 8;
    std::string note; ///< what of the frame the picture does not show; empty: it shows it as it is
};

/** Pixels without padding, samples of two bytes big endian: the order of PNG and PGM. */
struct Picture
{
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    unsigned channels = 1;
    unsigned sampleBytes = 1;
    unsigned maximum = 255; ///< what a sample can reach
    std::vector<std::byte> samples;
};

/** The error says what to use for frames that are no picture. */
[[nodiscard]] Result<PictureFormat> pictureFormat(const ManifestSeries &series);
/** False when the frame is shorter than its format says. */
[[nodiscard]] bool convertPicture(const PictureFormat &format, std::span<const std::byte> frame,
                                  Picture &picture);

/** PNG without compression: 8 or 16 bit, grey, RGB or RGBA. */
[[nodiscard]] std::vector<std::byte> encodePng(const Picture &picture);
/** Binary PGM (P5) or PPM (P6), which have no alpha. */
[[nodiscard]] std::vector<std::byte> encodePnm(const Picture &picture);

} // namespace dmaslab::tools
