// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bench/simd_plain.h"

namespace DMASLAB_PLAIN {

void unpack12p(const std::uint8_t *packed, std::uint16_t *out, std::size_t pixels)
{
    for (std::size_t x = 0; x + 1 < pixels; x += 2, packed += 3) {
        out[x] = std::uint16_t(packed[0] | (packed[1] & 0xF) << 8);
        out[x + 1] = std::uint16_t(packed[1] >> 4 | packed[2] << 4);
    }
}

void window(const std::uint16_t *in, std::uint8_t *out, std::size_t pixels, std::uint16_t low,
            std::uint16_t high)
{
    const float scale = 255.0f / float(high - low);
    for (std::size_t x = 0; x < pixels; ++x) {
        const int light = in[x] < low ? 0 : in[x] > high ? high - low : in[x] - low;
        out[x] = std::uint8_t(float(light) * scale + 0.5f);
    }
}

namespace {

inline void squares(const std::uint16_t *in, std::size_t stride, std::size_t side, std::size_t columns,
                    std::size_t rows, std::uint64_t *sums)
{
    for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t column = 0; column < columns; ++column) {
            std::uint32_t sum =
                0; // 32 bits are enough for 65536 pixels, and the compilers do better with them
            for (std::size_t y = 0; y < side; ++y) {
                const std::uint16_t *pixel = in + (row * side + y) * stride + column * side;
                for (std::size_t x = 0; x < side; ++x)
                    sum += pixel[x];
            }
            sums[row * columns + column] = sum;
        }
    }
}

} // namespace

void roiSums10(const std::uint16_t *in, std::size_t stride, std::size_t columns, std::size_t rows,
               std::uint64_t *sums)
{
    squares(in, stride, 10, columns, rows, sums); // a size that the compiler knows
}

void roiSums(const std::uint16_t *in, std::size_t stride, std::size_t side, std::size_t columns,
             std::size_t rows, std::uint64_t *sums)
{
    squares(in, stride, side, columns, rows, sums);
}

} // namespace DMASLAB_PLAIN
