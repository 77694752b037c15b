// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/pacing/lateness_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace dmaslab {

// Everything here is relaxed: counts order nothing, and with one writer a load and a store make an increment.

std::size_t LatenessHistogram::classOf(uint64_t ns) noexcept
{
    if (ns < (1u << kFineBits))
        return std::size_t(ns);
    const int top = std::bit_width(ns) - 1;
    if (top >= kTopBit)
        return kClasses - 1;
    const int shift = top - kFineBits;
    // The leading one is dropped by the mask and stands for the octave instead.
    return (std::size_t(shift + 1) << kFineBits) | std::size_t((ns >> shift) & ((1u << kFineBits) - 1));
}

int64_t LatenessHistogram::endOf(std::size_t index) noexcept
{
    const std::size_t octave = index >> kFineBits;
    const uint64_t fine = index & ((1u << kFineBits) - 1);
    if (octave == 0)
        return int64_t(fine);
    return int64_t((((uint64_t(1) << kFineBits) + fine + 1) << (octave - 1)) - 1);
}

void LatenessHistogram::record(int64_t ns) noexcept
{
    ns = std::max<int64_t>(ns, 0);
    auto &count = counts_[classOf(uint64_t(ns))];
    if (ns > max_.load(std::memory_order_relaxed))
        max_.store(ns, std::memory_order_relaxed);
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void LatenessHistogram::reset() noexcept
{
    for (auto &count : counts_)
        count.store(0, std::memory_order_relaxed);
    max_.store(0, std::memory_order_relaxed);
}

uint64_t LatenessHistogram::count() const noexcept
{
    uint64_t total = 0;
    for (const auto &count : counts_)
        total += count.load(std::memory_order_relaxed);
    return total;
}

int64_t LatenessHistogram::percentile(double share) const noexcept
{
    const uint64_t total = count();
    if (total == 0)
        return 0;
    const auto rank = std::max<uint64_t>(1, uint64_t(std::ceil(std::clamp(share, 0.0, 1.0) * double(total))));
    uint64_t below = 0;
    for (std::size_t i = 0; i < kClasses - 1; ++i) {
        below += counts_[i].load(std::memory_order_relaxed);
        if (below >= rank)
            return std::min(endOf(i), max());
    }
    return max(); // the last class has no end
}

LatenessHistogram::Summary LatenessHistogram::summary() const noexcept
{
    return {count(), percentile(0.50), percentile(0.99), percentile(0.999), max()};
}

} // namespace dmaslab
