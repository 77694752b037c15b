// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/simd/references.h"

namespace dmaslab {

namespace {

template <typename Visit>
void eachPixel(const ConstPixels16 &in, const RoiRow &row, Visit &&visit)
{
    for (std::size_t y = 0; y < in.rows; ++y) {
        const std::uint16_t *pixel = in.row(y) + row.x;
        for (std::size_t column = 0; column < row.columns; ++column) {
            for (std::size_t x = 0; x < row.width; ++x)
                visit(column, x, y, *pixel++);
        }
    }
}

void sums(const ConstPixels16 &in, const RoiRow &row, std::uint64_t *sums)
{
    eachPixel(in, row, [sums](std::size_t column, std::size_t, std::size_t, std::uint16_t value) {
        sums[column] += value;
    });
}

void moments(const ConstPixels16 &in, const RoiRow &row, std::size_t firstRow, std::uint16_t threshold,
             RoiMoments *moments)
{
    eachPixel(in, row, [&](std::size_t column, std::size_t x, std::size_t y, std::uint16_t value) {
        const std::uint64_t light = value > threshold ? value - threshold : 0u;
        moments[column].sum += light;
        moments[column].x += light * x;
        moments[column].y += light * (firstRow + y);
    });
}

} // namespace

constinit const RoiKernels roiReference{sums, moments};

} // namespace dmaslab
