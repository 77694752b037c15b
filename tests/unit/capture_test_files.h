// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace dmaslab::test {

/** The bytes of a header as numpy would write them, or deliberately not. */
inline std::string npyHeader(const std::string &dict, int major = 1, std::size_t totalBytes = 0)
{
    const std::size_t preamble = major == 1 ? 10 : 12;
    std::string text = dict;
    if (totalBytes == 0)
        totalBytes = (preamble + text.size() + 1 + 63) / 64 * 64;
    text.resize(totalBytes - preamble - 1, ' ');
    text += '\n';
    std::string header("\x93NUMPY", 6);
    header += static_cast<char>(major);
    header += '\0';
    for (std::size_t i = 0; i < preamble - 8; i++)
        header += static_cast<char>(text.size() >> (8 * i));
    return header + text;
}

inline std::string npyDict(const std::string &descr, const std::string &shape,
                           const std::string &order = "False")
{
    return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
}

inline std::span<const std::byte> bytesOf(const std::string &text)
{
    return std::as_bytes(std::span(text.data(), text.size()));
}

/** Pixel bytes that tell where they come from: another byte for each position of each frame. */
inline std::string pixels(std::size_t bytes, unsigned frame = 0)
{
    std::string out(bytes, '\0');
    for (std::size_t i = 0; i < bytes; i++)
        out[i] = static_cast<char>(i * 7 + i / 251 + frame * 31 + 1);
    return out;
}

/** A whole file of one frame. */
inline std::string npy2d(std::uint64_t height, std::uint64_t width, unsigned frame = 0,
                         const std::string &descr = "<u2")
{
    const std::string shape = "(" + std::to_string(height) + ", " + std::to_string(width) + ")";
    return npyHeader(npyDict(descr, shape)) + pixels(height * width * (descr.back() - '0'), frame);
}

/** A directory of its own that goes with the test. */
class TempDir
{
public:
    TempDir()
    {
        std::string pattern = testing::TempDir() + "/dmaslab-XXXXXX";
        path_ = ::mkdtemp(pattern.data());
    }
    ~TempDir()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempDir(const TempDir &) = delete;
    TempDir &operator=(const TempDir &) = delete;

    [[nodiscard]] const std::string &path() const { return path_; }
    [[nodiscard]] std::string write(const std::string &name, const std::string &content) const
    {
        const std::string file = path_ + "/" + name;
        std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
        return file;
    }

private:
    std::string path_;
};

} // namespace dmaslab::test
