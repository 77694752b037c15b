// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/simd/references.h"

#include <algorithm>

namespace dmaslab {

namespace {

template <typename T>
void sums(const Rows<const T> &in, T saturation, PixelSums &sums)
{
    for (std::size_t y = 0; y < in.rows; ++y) {
        for (std::size_t x = 0; x < in.width; ++x) {
            const std::uint16_t value = in.row(y)[x];
            sums.sum += value;
            sums.squares += std::uint64_t{value} * value;
            sums.saturated += value >= saturation ? 1 : 0;
            sums.min = std::min(sums.min, value);
            sums.max = std::max(sums.max, value);
        }
    }
    sums.count += std::uint64_t{in.rows} * in.width;
}

void histogram(const ConstPixels16 &in, unsigned shift, std::span<std::uint32_t> bins)
{
    const std::size_t last = bins.size() - 1; // a camera may send more bits than it says
    for (std::size_t y = 0; y < in.rows; ++y) {
        for (std::size_t x = 0; x < in.width; ++x)
            ++bins[std::min<std::size_t>(in.row(y)[x] >> shift, last)];
    }
}

std::uint64_t changed(const ConstPixels16 &now, const Pixels16 &before, std::uint16_t threshold)
{
    std::uint64_t count = 0;
    for (std::size_t y = 0; y < now.rows; ++y) {
        for (std::size_t x = 0; x < now.width; ++x) {
            const std::uint16_t value = now.row(y)[x];
            std::uint16_t &old = before.row(y)[x];
            count += (value > old ? value - old : old - value) > threshold ? 1 : 0;
            old = value;
        }
    }
    return count;
}

std::uint64_t atLeast(const ConstPixels16 &in, std::uint16_t level)
{
    std::uint64_t count = 0;
    for (std::size_t y = 0; y < in.rows; ++y)
        count += std::uint64_t(std::count_if(in.row(y), in.row(y) + in.width,
                                             [level](std::uint16_t value) { return value >= level; }));
    return count;
}

} // namespace

constinit const StatisticsKernels statisticsReference{
    sums<std::uint16_t>, sums<std::uint8_t>, histogram, changed, atLeast,
};

} // namespace dmaslab
