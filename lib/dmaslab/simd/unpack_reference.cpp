// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/simd/references.h"

namespace dmaslab {

namespace {

template <typename PixelOf>
void eachPixel(const ConstPixels8 &packed, const Pixels16 &out, PixelOf &&pixelOf)
{
    for (std::size_t y = 0; y < out.rows; ++y) {
        const std::uint8_t *from = packed.row(y);
        std::uint16_t *to = out.row(y);
        for (std::size_t x = 0; x < out.width; ++x)
            to[x] = pixelOf(from, x);
    }
}

/** `Bits` bits from bit x * Bits of a little-endian string. */
template <unsigned Bits>
std::uint16_t fromBitString(const std::uint8_t *row, std::size_t x)
{
    const std::size_t bit = x * Bits;
    const unsigned pair = row[bit / 8] | unsigned{row[bit / 8 + 1]} << 8;
    return std::uint16_t((pair >> (bit % 8)) & ((1u << Bits) - 1));
}

void mono8(const ConstPixels8 &packed, const Pixels16 &out, Store)
{
    eachPixel(packed, out, [](const std::uint8_t *row, std::size_t x) { return std::uint16_t{row[x]}; });
}

void mono10p(const ConstPixels8 &packed, const Pixels16 &out, Store)
{
    eachPixel(packed, out, fromBitString<10>);
}

void mono12p(const ConstPixels8 &packed, const Pixels16 &out, Store)
{
    eachPixel(packed, out, fromBitString<12>);
}

void mono12Packed(const ConstPixels8 &packed, const Pixels16 &out, Store)
{
    eachPixel(packed, out, [](const std::uint8_t *row, std::size_t x) {
        const std::uint8_t *group = row + x / 2 * 3;
        return std::uint16_t(x % 2 == 0 ? group[0] << 4 | (group[1] & 0xF) : group[2] << 4 | group[1] >> 4);
    });
}

} // namespace

constinit const UnpackKernels unpackReference{mono8, mono10p, mono12p, mono12Packed};

} // namespace dmaslab
