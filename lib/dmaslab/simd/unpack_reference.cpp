// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/simd/references.h"

namespace dmaslab {

namespace {

template <PixelPacking Packing>
void unpack(const ConstPixels8 &packed, const Pixels16 &out, Store)
{
    for (std::size_t y = 0; y < out.rows; ++y) {
        const std::uint8_t *from = packed.row(y);
        std::uint16_t *to = out.row(y);
        for (std::size_t x = 0; x < out.width; ++x)
            to[x] = packedPixel(Packing, from, x);
    }
}

} // namespace

constinit const UnpackKernels unpackReference{
    unpack<PixelPacking::Mono8>,
    unpack<PixelPacking::Mono10p>,
    unpack<PixelPacking::Mono12p>,
    unpack<PixelPacking::Mono12Packed>,
};

} // namespace dmaslab
