// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

#include "dmaslab/simd/bin.h"
#include "dmaslab/simd/level.h"

namespace dmaslab {

enum class Flip : std::uint8_t
{
    None,
    Horizontal,
    Vertical,
    Both,
};

enum class RoiMode : std::uint8_t
{
    None,
    Sum,       ///< of the pixels of each rectangle
    Occupancy, ///< and whether the sum reaches a threshold
    Centroid,  ///< centre of gravity of the light above a threshold
};

enum class WindowMode : std::uint8_t
{
    None,
    Fixed,
    Auto, ///< between two percentiles of the frame before
};

/** A part of the picture; a width of 0 stands for all of it. */
struct PixelRect
{
    std::uint32_t x = 0, y = 0, width = 0, height = 0;
};

/** A grid of rectangles that touch each other, in pixels of the finished picture. */
struct RoiGrid
{
    std::uint32_t x = 0, y = 0, width = 10, height = 10, columns = 1, rows = 1;

    [[nodiscard]] std::size_t count() const { return std::size_t{columns} * rows; }
};

/**
 * What is wanted of each frame. Steps follow each other in this order, whatever the order they are named in:
 * unpack, dark, flat, bad pixels, crop, flip, bin, threshold, [measure], window or lut.
 */
struct ProcessSettings
{
    // Paths of .npy files; empty: none.
    std::string dark, flat, badPixels, lut, reference;

    bool unpack = false; ///< packed pixels come out unpacked also when nothing else changes them
    PixelRect crop;
    Flip flip = Flip::None;
    std::uint32_t bin = 1;
    BinMode binMode = BinMode::Sum;
    std::uint16_t threshold = 0; ///< pixels below become 0
    WindowMode window = WindowMode::None;
    std::uint16_t windowLow = 0, windowHigh = 0xFFFF;

    bool statistics = false;
    bool histogram = false;
    std::uint32_t motion = 0; ///< how much a pixel must change to count; 0: not asked
    RoiMode roiMode = RoiMode::None;
    RoiGrid roi;
    std::uint16_t roiThreshold = 0; ///< taken off each pixel before the centre of gravity
    double lambdaOccupied = 10, lambdaEmpty = 0.5, fpTarget = 1e-3;

    std::uint32_t threads = 1;
    SimdLevel simd = SimdLevel::Auto;

    [[nodiscard]] bool measures() const
    {
        return statistics || histogram || motion != 0 || roiMode != RoiMode::None;
    }
};

} // namespace dmaslab
