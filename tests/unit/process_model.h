// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dmaslab/process/formats.h"
#include "dmaslab/process/processor.h"

namespace dmaslab::test {

/** A picture of plain numbers. */
struct Numbers
{
    std::size_t width = 0, height = 0;
    std::vector<std::uint32_t> values;

    [[nodiscard]] std::uint32_t at(std::size_t x, std::size_t y) const { return values[y * width + x]; }
    [[nodiscard]] std::uint32_t &at(std::size_t x, std::size_t y) { return values[y * width + x]; }
};

/** What the settings ask for, done one step and one pixel after the other, with nothing of the library. */
class Model
{
public:
    struct Tables
    {
        std::vector<double> dark, flat;
        std::vector<std::pair<std::size_t, std::size_t>> bad; ///< row, column
        std::vector<std::uint32_t> lut;
    };

    Model(const ProcessSettings &settings, Tables tables) : settings_(settings), tables_(std::move(tables)) {}

    /** Of a frame of the camera: what is measured, then what goes out. */
    void run(const Numbers &camera);

    Numbers measured, out;
    std::uint64_t changed = 0;
    std::uint64_t saturated = 0; ///< of the camera's pixels
    unsigned cameraBits = 16;

private:
    [[nodiscard]] Numbers calibrated(const Numbers &camera) const;
    void replaceBad(Numbers &picture) const;

    ProcessSettings settings_;
    Tables tables_;
    std::optional<Numbers> before_;
};

/** Rows of packed pixels, each beginning at a multiple of `stride` bytes. */
[[nodiscard]] std::vector<std::uint8_t> packed(const Numbers &picture, PixelPacking packing,
                                               std::size_t stride);
[[nodiscard]] Numbers unpacked(const std::vector<std::uint8_t> &bytes, const PictureFormat &format,
                               std::size_t stride);

/** Writes a .npy file and returns its path, under a directory that the test removes. */
void writeNpy(const std::string &path, const std::string &dtype, const std::vector<std::size_t> &shape,
              const std::vector<double> &values);

} // namespace dmaslab::test
