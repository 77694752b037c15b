// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include "dmaslab/simd/level.h"
#include "dmaslab/simd/rows.h"

namespace dmaslab {

/** How a camera lays the pixels of one row. */
enum class PixelPacking : std::uint8_t
{
    Mono8,
    Mono10p,      ///< 4 pixels in 5 bytes, one long little-endian bit string
    Mono12p,      ///< 2 pixels in 3 bytes, the same
    Mono12Packed, ///< 2 pixels in 3 bytes; the low bits of both share the byte in the middle (GigE Vision)
    Mono16,       ///< little-endian
};

[[nodiscard]] constexpr unsigned bitsPerPixel(PixelPacking packing)
{
    switch (packing) {
    case PixelPacking::Mono8:
        return 8;
    case PixelPacking::Mono10p:
        return 10;
    case PixelPacking::Mono16:
        return 16;
    default:
        return 12;
    }
}

/** Pixels that share bytes: only at multiples of it a row can be entered. */
[[nodiscard]] constexpr unsigned pixelsPerGroup(PixelPacking packing)
{
    switch (packing) {
    case PixelPacking::Mono10p:
        return 4;
    case PixelPacking::Mono12p:
    case PixelPacking::Mono12Packed:
        return 2;
    default:
        return 1;
    }
}

[[nodiscard]] constexpr std::size_t bytesOfPixels(PixelPacking packing, std::size_t pixels)
{
    return (pixels * bitsPerPixel(packing) + 7) / 8;
}

/** The specification: one pixel of a row, from the bytes that hold it and no others. */
[[nodiscard]] constexpr std::uint16_t packedPixel(PixelPacking packing, const std::uint8_t *row,
                                                  std::size_t x)
{
    switch (packing) {
    case PixelPacking::Mono8:
        return row[x];
    case PixelPacking::Mono12Packed: {
        const std::uint8_t *group = row + x / 2 * 3;
        return std::uint16_t(x % 2 == 0 ? group[0] << 4 | (group[1] & 0xF) : group[2] << 4 | group[1] >> 4);
    }
    default: {
        const unsigned bits = bitsPerPixel(packing);
        const std::size_t bit = x * bits;
        const unsigned pair = row[bit / 8] | unsigned{row[bit / 8 + 1]} << 8;
        return std::uint16_t((pair >> (bit % 8)) & ((1u << bits) - 1));
    }
    }
}

/**
 * Packed rows to one pixel in 16 bits. `out.width` pixels of each row; not a byte behind the last one is
 * read. `packed.data` is where a group begins.
 */
struct UnpackKernels
{
    using Unpack = void (*)(const ConstPixels8 &packed, const Pixels16 &out, Store store);
    Unpack mono8;
    Unpack mono10p;
    Unpack mono12p;
    Unpack mono12Packed;

    [[nodiscard]] Unpack of(PixelPacking packing) const ///< null for Mono16, which is not packed
    {
        switch (packing) {
        case PixelPacking::Mono8:
            return mono8;
        case PixelPacking::Mono10p:
            return mono10p;
        case PixelPacking::Mono12p:
            return mono12p;
        case PixelPacking::Mono12Packed:
            return mono12Packed;
        default:
            return nullptr;
        }
    }
};

[[nodiscard]] DMASLAB_EXPORT const UnpackKernels &unpackKernels(SimdLevel level);

} // namespace dmaslab
