// SPDX-License-Identifier: LGPL-2.1-or-later
// A whole chain of steps on one kind of frame, for FrameProcessor and for its peers: dark, flat, bad pixels
// (every thousandth), statistics, 16 bits to 8.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include <unistd.h>

#include "bench/harness.h"
#include "dmaslab/process/settings.h"

namespace bench {

/** A folder for tables that goes with the object. */
class TableFolder
{
public:
    TableFolder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "simd-bench-XXXXXX").string();
        if (!mkdtemp(name.data()))
            giveUp(name + ": cannot be made");
        path_ = name;
    }
    ~TableFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TableFolder(const TableFolder &) = delete;
    TableFolder &operator=(const TableFolder &) = delete;

    /** Two dimensions, little-endian; gives the path. */
    template <typename T>
    [[nodiscard]] std::string write(const std::string &name, const std::string &dtype, std::size_t rows,
                                    std::size_t columns, std::span<const T> values) const
    {
        std::string header = "{'descr': '" + dtype + "', 'fortran_order': False, 'shape': (" +
                             std::to_string(rows) + ", " + std::to_string(columns) + "), }";
        header.resize((10 + header.size() + 64) / 64 * 64 - 10 - 1, ' ');
        header += '\n';
        std::ofstream file(path_ / name, std::ios::binary);
        const char start[] = {
            '\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, char(header.size() & 0xFF), char(header.size() >> 8)};
        file.write(start, sizeof start);
        file << header;
        file.write(reinterpret_cast<const char *>(values.data()), std::streamsize(values.size_bytes()));
        return (path_ / name).string();
    }

private:
    std::filesystem::path path_;
};

/** The tables of the chain, the same for all sides. */
struct ChainTables
{
    static constexpr std::uint16_t kLow = 100, kHigh = 3900; ///< of the window

    std::size_t width, height;
    std::vector<std::uint16_t> dark;
    std::vector<float> flat;
    std::vector<std::uint32_t> bad; ///< places in row-by-row order

    ChainTables(std::size_t w, std::size_t h) : width(w), height(h), dark(w * h), flat(w * h)
    {
        for (std::size_t i = 0; i < w * h; ++i) {
            dark[i] = std::uint16_t(i * 7 % 60);
            flat[i] = 1000.0f + float(i * 13 % 200);
            if (i % 1000 == 500)
                bad.push_back(std::uint32_t(i));
        }
    }

    [[nodiscard]] dmaslab::ProcessSettings settings(const TableFolder &folder) const
    {
        std::vector<std::int64_t> places;
        for (const std::uint32_t pixel : bad) {
            places.push_back(std::int64_t(pixel / width));
            places.push_back(std::int64_t(pixel % width));
        }
        dmaslab::ProcessSettings made;
        made.dark = folder.write<std::uint16_t>("dark.npy", "<u2", height, width, dark);
        made.flat = folder.write<float>("flat.npy", "<f4", height, width, flat);
        made.badPixels = folder.write<std::int64_t>("bad.npy", "<i8", bad.size(), 2, places);
        made.statistics = true;
        made.window = dmaslab::WindowMode::Fixed;
        made.windowLow = kLow;
        made.windowHigh = kHigh;
        return made;
    }
};

} // namespace bench
