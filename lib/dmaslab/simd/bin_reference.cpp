// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/simd/references.h"

#include <algorithm>

namespace dmaslab {

namespace {

template <unsigned Factor>
void bin(const ConstPixels16 &in, const Pixels16 &out, BinMode mode, Store)
{
    constexpr std::uint32_t kPixels = Factor * Factor;
    for (std::size_t y = 0; y < out.rows; ++y) {
        for (std::size_t x = 0; x < out.width; ++x) {
            std::uint32_t sum = 0;
            for (std::size_t row = 0; row < Factor; ++row) {
                for (std::size_t column = 0; column < Factor; ++column)
                    sum += in.row(y * Factor + row)[x * Factor + column];
            }
            out.row(y)[x] = mode == BinMode::Mean ? std::uint16_t((sum + kPixels / 2) / kPixels)
                                                  : std::uint16_t(std::min<std::uint32_t>(sum, 0xFFFF));
        }
    }
}

} // namespace

constinit const BinKernels binReference{bin<2>, bin<4>};

} // namespace dmaslab
