// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/simd/statistics.h"

#include <algorithm>

#include "dmaslab/simd/dispatch.h"
#include "dmaslab/simd/references.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "dmaslab/simd/statistics.cpp"
#include <hwy/foreach_target.h>

#include "dmaslab/simd/kernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dmaslab::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR // a CPU without vectors: the reference is as good

const StatisticsKernels *statisticsTable()
{
    return &statisticsReference;
}

#else

using V16 = hn::VFromD<Tag16>;
using V32 = hn::VFromD<Tag32>;
using V64 = hn::VFromD<Tag64>;

template <class D, class V>
HWY_INLINE std::uint64_t total(D d, V lanes)
{
    alignas(HWY_MAX_BYTES) hn::TFromD<D> values[HWY_MAX_BYTES / sizeof(hn::TFromD<D>)];
    hn::Store(lanes, d, values);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < hn::Lanes(d); ++i)
        sum += values[i];
    return sum;
}

/**
 * Sums of unsigned halves of wider lanes, without taking the lanes apart: `whole` adds up the lanes as they
 * are (with a carry from half to half, modulo the lane), `high` the upper halves; the lower ones are what is
 * left. Exact while the lower halves' own sum fits into a lane.
 */
struct Halves32
{
    V32 whole, high;

    // Written out: what a compiler makes by itself is not compiled for the target of this part.
    HWY_INLINE Halves32() : whole(hn::Zero(Tag32())), high(hn::Zero(Tag32())) {}
    HWY_INLINE void add(V32 lanes)
    {
        whole = hn::Add(whole, lanes);
        high = hn::Add(high, hn::ShiftRight<16>(lanes));
    }
    HWY_INLINE std::uint64_t take()
    {
        const Tag32 d;
        const std::uint64_t sum = total(d, hn::Sub(whole, hn::ShiftLeft<16>(high))) + total(d, high);
        whole = high = hn::Zero(d);
        return sum;
    }
};

struct Halves64
{
    V64 whole, high;

    HWY_INLINE Halves64() : whole(hn::Zero(Tag64())), high(hn::Zero(Tag64())) {}
    HWY_INLINE void add(V64 lanes)
    {
        whole = hn::Add(whole, lanes);
        high = hn::Add(high, hn::ShiftRight<32>(lanes));
    }
    HWY_INLINE std::uint64_t take()
    {
        const Tag64 d;
        const std::uint64_t sum = total(d, hn::Sub(whole, hn::ShiftLeft<32>(high))) + total(d, high);
        whole = high = hn::Zero(d);
        return sum;
    }
};

/** Vectors of one kind after which counts in 16-bit lanes, and sums of 16-bit halves, must be taken out. */
constexpr std::size_t kLongestRun = 0xFFFF;

class Sums16
{
public:
    explicit Sums16(std::uint16_t saturation)
        : saturation_(hn::Set(d16, saturation)), lowest_(hn::Set(d16, std::uint16_t{0xFFFF})),
          highest_(hn::Zero(d16)), saturated_(hn::Zero(d16))
    {
    }

    HWY_INLINE void add(V16 pixels)
    {
        lowest_ = hn::Min(lowest_, pixels);
        const V16 highest = hn::Max(pixels, saturation_);
        highest_ = hn::Max(highest_, pixels);
        saturated_ = hn::Sub(saturated_, hn::VecFromMask(d16, hn::Eq(pixels, highest)));
        sum_.add(hn::BitCast(Tag32(), pixels));
        // Around 0 the squares of a pair fit into 32 bits, and one instruction makes them. The sum of
        // squares of the pixels themselves follows from these and the sum.
        const hn::Repartition<std::int32_t, Tag16> di32;
        const hn::RebindToSigned<Tag16> di16;
        const auto centred = hn::BitCast(di16, hn::Xor(pixels, hn::Set(d16, std::uint16_t{0x8000})));
        auto odd = hn::Zero(di32);
        const auto even = hn::ReorderWidenMulAccumulate(di32, centred, centred, hn::Zero(di32), odd);
        squares_.add(hn::BitCast(Tag64(), hn::Add(even, odd)));
        ++vectors_;
    }

    /** Before kLongestRun more vectors. */
    void takeOut(PixelSums &sums)
    {
        const std::uint64_t count = vectors_ * hn::Lanes(d16);
        const std::uint64_t sum = sum_.take();
        sums.sum += sum;
        // v^2 = (v - m)^2 + 2mv - m^2; modulo 2^64, in which the result lies.
        sums.squares += squares_.take() + 0x10000u * sum - (std::uint64_t{1} << 30) * count;
        sums.saturated += total(d16, saturated_);
        saturated_ = hn::Zero(d16);
        vectors_ = 0;
    }

    void finish(PixelSums &sums)
    {
        takeOut(sums);
        alignas(HWY_MAX_BYTES) std::uint16_t low[HWY_MAX_BYTES / 2];
        alignas(HWY_MAX_BYTES) std::uint16_t high[HWY_MAX_BYTES / 2];
        hn::Store(lowest_, d16, low);
        hn::Store(highest_, d16, high);
        sums.min = std::min(sums.min, *std::min_element(low, low + hn::Lanes(d16)));
        sums.max = std::max(sums.max, *std::max_element(high, high + hn::Lanes(d16)));
    }

private:
    static constexpr Tag16 d16{};
    V16 saturation_, lowest_, highest_, saturated_;
    Halves32 sum_;
    Halves64 squares_;
    std::uint64_t vectors_ = 0;
};

/** Calls row(pixels, width) for rows, or once where they are one. */
template <typename T, class Row>
HWY_INLINE void eachRowOf(Rows<T> in, const Row &row)
{
    if (in.isDense()) {
        row(in.data, in.width * in.rows);
        return;
    }
    for (std::size_t y = 0; y < in.rows; ++y)
        row(in.row(y), in.width);
}

template <typename T, class Load>
HWY_INLINE void sumsOf(Rows<const T> in, T saturation, PixelSums &sums, std::size_t pixelsPerLoad,
                       const Load &load)
{
    Sums16 whole(saturation);
    std::size_t left = kLongestRun - 1;
    eachRowOf(in, [&](const T *pixels, std::size_t width) HWY_ATTR {
        std::size_t x = 0;
        while (x + pixelsPerLoad <= width) {
            const std::size_t run = std::min((width - x) / pixelsPerLoad, left);
            for (const std::size_t end = x + run * pixelsPerLoad; x < end; x += pixelsPerLoad)
                load(whole, pixels + x);
            left -= run;
            if (left == 0) {
                whole.takeOut(sums);
                left = kLongestRun - 1;
            }
        }
        const Rows<const T> rest{pixels + x, 0, width - x, 1};
        if constexpr (sizeof(T) == 2)
            statisticsReference.sums16(rest, saturation, sums);
        else
            statisticsReference.sums8(rest, saturation, sums);
        sums.count += x;
    });
    whole.finish(sums); // without a vector nothing that changes them
}

void sums16(ConstPixels16 in, std::uint16_t saturation, PixelSums &sums)
{
    const Tag16 d;
    sumsOf(in, saturation, sums, hn::Lanes(d),
           [d](Sums16 &whole, const std::uint16_t *pixels) HWY_ATTR { whole.add(hn::LoadU(d, pixels)); });
}

void sums8(ConstPixels8 in, std::uint8_t saturation, PixelSums &sums)
{
    const Tag16 d;
    const hn::Rebind<std::uint8_t, Tag16> half;
    sumsOf(in, saturation, sums, hn::Lanes(d), [=](Sums16 &whole, const std::uint8_t *pixels) HWY_ATTR {
        whole.add(hn::PromoteTo(d, hn::LoadU(half, pixels)));
    });
}

std::uint64_t changed(ConstPixels16 now, Pixels16 before, std::uint16_t threshold)
{
    const Tag16 d;
    const std::size_t step = hn::Lanes(d);
    const auto still = hn::Set(d, threshold);
    std::uint64_t moved = 0;
    before.width = now.width;
    before.rows = now.rows;
    if (now.isDense() && before.isDense()) {
        now.width = before.width = now.width * now.rows;
        now.rows = 1;
    }
    for (std::size_t y = 0; y < now.rows; ++y) {
        const std::uint16_t *value = now.row(y);
        std::uint16_t *old = before.row(y);
        std::size_t x = 0;
        while (x + step <= now.width) {
            auto stillHere = hn::Zero(d);
            const std::size_t run = std::min((now.width - x) / step, kLongestRun);
            for (std::size_t i = 0; i < run; ++i, x += step) {
                const auto a = hn::LoadU(d, value + x);
                const auto b = hn::LoadU(d, old + x);
                const auto difference = hn::Or(hn::SaturatedSub(a, b), hn::SaturatedSub(b, a));
                stillHere =
                    hn::Sub(stillHere, hn::VecFromMask(d, hn::Eq(hn::Min(difference, still), difference)));
                hn::StoreU(a, d, old + x);
            }
            moved += run * step - total(d, stillHere);
        }
        moved += statisticsReference.changed({value + x, 0, now.width - x, 1}, {old + x, 0, now.width - x, 1},
                                             threshold);
    }
    return moved;
}

std::uint64_t atLeast(ConstPixels16 in, std::uint16_t level)
{
    const Tag16 d;
    const std::size_t step = hn::Lanes(d);
    const auto levels = hn::Set(d, level);
    std::uint64_t reached = 0;
    eachRowOf(in, [&](const std::uint16_t *pixels, std::size_t width) HWY_ATTR {
        std::size_t x = 0;
        while (x + step <= width) {
            auto counts = hn::Zero(d);
            const std::size_t run = std::min((width - x) / step, kLongestRun);
            for (std::size_t i = 0; i < run; ++i, x += step) {
                const auto value = hn::LoadU(d, pixels + x);
                counts = hn::Sub(counts, hn::VecFromMask(d, hn::Eq(value, hn::Max(value, levels))));
            }
            reached += total(d, counts);
        }
        reached += statisticsReference.atLeast({pixels + x, 0, width - x, 1}, level);
    });
    return reached;
}

const StatisticsKernels *statisticsTable()
{
    // A histogram is one increment in memory per pixel at any level.
    static const StatisticsKernels table{sums16, sums8, statisticsReference.histogram, changed, atLeast};
    return &table;
}

#endif

} // namespace dmaslab::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dmaslab {

HWY_EXPORT(statisticsTable);

const StatisticsKernels &statisticsKernels(SimdLevel level)
{
    level = bestSimdLevel(level);
    return level == SimdLevel::Scalar ? statisticsReference
                                      : *HWY_DISPATCH_TABLE(statisticsTable)[dispatchIndex(level)]();
}

} // namespace dmaslab
#endif
