// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dmaslab/error.h"
#include "dmaslab/export.h"

namespace dmaslab {

/** Type of one element of a numpy array: plain numbers only. */
struct DMASLAB_EXPORT NpyDtype
{
    char kind = 'u';      ///< b bool, u unsigned, i signed, f floating point, c complex
    char byteOrder = '|'; ///< '<', '>', or '|' for elements of one byte
    std::uint32_t size = 1;

    [[nodiscard]] std::string text() const; ///< as numpy writes it: "<u2"
    bool operator==(const NpyDtype &) const = default;
};

/** What the header of a .npy file says; only C-ordered arrays of plain numbers get this far. */
struct NpyHeader
{
    NpyDtype dtype;
    std::vector<std::uint64_t> shape; ///< empty for a scalar
    std::uint64_t dataOffset = 0;     ///< of the first element in the file
    std::uint64_t dataBytes = 0;      ///< product of the shape times dtype.size; fits into int64
};

/** Longest header read. numpy itself stops at 10000 characters unless told otherwise. */
inline constexpr std::size_t kNpyMaxHeaderBytes = std::size_t{1} << 20;

[[nodiscard]] DMASLAB_EXPORT std::string shapeText(std::span<const std::uint64_t> shape);
[[nodiscard]] DMASLAB_EXPORT bool hasNpyMagic(std::span<const std::byte> start);

/**
 * Parses the header from the first bytes of a file. Bytes behind the header are not looked at.
 * `file` is the name that errors carry. Safe for any input.
 */
[[nodiscard]] DMASLAB_EXPORT Result<NpyHeader> parseNpyHeader(std::span<const std::byte> start,
                                                              std::string_view file);

/** The same from an open file; also checks that the file holds all the data its header promises. */
[[nodiscard]] DMASLAB_EXPORT Result<NpyHeader> readNpyHeader(int fd, std::string_view file);

} // namespace dmaslab
