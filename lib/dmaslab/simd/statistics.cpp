// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/simd/statistics.h"

#include <algorithm>
#include <type_traits>

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
using V64 = hn::VFromD<Tag64>;
using TagI32 = hn::Repartition<std::int32_t, Tag16>;
using VI32 = hn::VFromD<TagI32>;

template <class D, class V>
HWY_INLINE auto total(D d, V lanes)
{
    using T = hn::TFromD<D>;
    alignas(HWY_MAX_BYTES) T values[HWY_MAX_BYTES / sizeof(T)];
    hn::Store(lanes, d, values);
    std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t> sum = 0;
    for (std::size_t i = 0; i < hn::Lanes(d); ++i)
        sum += values[i];
    return sum;
}

/** Vectors after which counts in 16-bit lanes must be taken out. */
constexpr std::size_t kLongestRun = 0xFFFF;
/** And sums of pairs of pixels around 0, in 32-bit lanes: 2^15 - 1 times -2^16. */
constexpr std::size_t kLongestSum = 0x7FFF;

/**
 * What is kept of many vectors. It is handed on by value: a loop that reaches it through a pointer would wait
 * for its own stores.
 */
struct Sums16
{
    V16 lowest, highest, saturated;
    VI32 sum, sumOdd; ///< of pixels - 2^15; the second is in use where one instruction makes two vectors
    V64 squares, squaresHigh; ///< whole lanes, with a carry from half to half, and the upper halves alone

    HWY_INLINE void add(V16 pixels, V16 saturation)
    {
        const Tag16 d;
        const Tag64 d64;
        const TagI32 di32;
        const hn::RebindToSigned<Tag16> di16;
        lowest = hn::Min(lowest, pixels);
        highest = hn::Max(highest, pixels);
        const auto full = hn::Eq(pixels, hn::Max(pixels, saturation));
        saturated = hn::Sub(saturated, hn::VecFromMask(d, full));
        // Around 0 one instruction adds up a pair, or the squares of a pair: those fit into 32 bits.
        const auto centred = hn::BitCast(di16, hn::Xor(pixels, hn::Set(d, std::uint16_t{0x8000})));
        sum = hn::ReorderWidenMulAccumulate(di32, centred, hn::Set(di16, std::int16_t{1}), sum, sumOdd);
        auto odd = hn::Zero(di32);
        const auto even = hn::ReorderWidenMulAccumulate(di32, centred, centred, hn::Zero(di32), odd);
        const V64 pairs = hn::BitCast(d64, hn::Add(even, odd));
        squares = hn::Add(squares, pairs);
        squaresHigh = hn::Add(squaresHigh, hn::ShiftRight<32>(pairs));
    }
};

HWY_INLINE Sums16 noSums()
{
    const Tag16 d;
    const auto none = hn::Zero(TagI32());
    return {hn::Set(d, std::uint16_t{0xFFFF}),
            hn::Zero(d),
            hn::Zero(d),
            none,
            none,
            hn::Zero(Tag64()),
            hn::Zero(Tag64())};
}

/** At most kLongestSum vectors. */
HWY_INLINE void takeOut(const Sums16 &all, std::uint64_t vectors, PixelSums &sums)
{
    const Tag16 d;
    const Tag64 d64;
    const std::uint64_t count = vectors * hn::Lanes(d);
    const std::uint64_t sum =
        std::uint64_t(total(TagI32(), all.sum) + total(TagI32(), all.sumOdd)) + (count << 15);
    // The lower halves are what the upper ones leave of the whole lanes.
    const V64 lower = hn::Sub(all.squares, hn::ShiftLeft<32>(all.squaresHigh));
    const std::uint64_t squares = total(d64, lower) + total(d64, all.squaresHigh);
    sums.sum += sum;
    // v^2 = (v - m)^2 + 2mv - m^2; modulo 2^64, in which the result lies.
    sums.squares += squares + 0x10000u * sum - (std::uint64_t{1} << 30) * count;
    sums.saturated += total(d, all.saturated);
    sums.count += count;
    alignas(HWY_MAX_BYTES) std::uint16_t low[HWY_MAX_BYTES / 2];
    alignas(HWY_MAX_BYTES) std::uint16_t high[HWY_MAX_BYTES / 2];
    hn::Store(all.lowest, d, low);
    hn::Store(all.highest, d, high);
    sums.min = std::min(sums.min, *std::min_element(low, low + hn::Lanes(d)));
    sums.max = std::max(sums.max, *std::max_element(high, high + hn::Lanes(d)));
}

/** Calls row(pixels, width) for rows, or once where they are one. */
template <typename T, class Row>
HWY_INLINE void eachRowOf(const Rows<T> &in, const Row &row)
{
    if (in.isDense()) {
        row(in.data, in.width * in.rows);
        return;
    }
    for (std::size_t y = 0; y < in.rows; ++y)
        row(in.row(y), in.width);
}

HWY_INLINE V16 load(const std::uint16_t *pixels)
{
    return hn::LoadU(Tag16(), pixels);
}

HWY_INLINE V16 load(const std::uint8_t *pixels)
{
    return hn::PromoteTo(Tag16(), hn::LoadU(hn::Rebind<std::uint8_t, Tag16>(), pixels));
}

template <typename T>
HWY_INLINE Sums16 sumsOfRun(Sums16 all, const T *pixels, std::size_t vectors, V16 saturation)
{
    const std::size_t step = hn::Lanes(Tag16());
    for (std::size_t i = 0; i < vectors; ++i, pixels += step) {
        prefetchAhead(pixels, step);
        all.add(load(pixels), saturation);
    }
    return all;
}

/** Less than a vector: its first pixel stands in for what is missing, and is taken off again. */
template <typename T>
HWY_INLINE void sumsOfRest(const T *pixels, std::size_t count, T saturation, PixelSums &sums)
{
    constexpr std::size_t kLanes = hn::MaxLanes(Tag16());
    T padded[kLanes];
    for (std::size_t i = 0; i < kLanes; ++i)
        padded[i] = pixels[i < count ? i : 0];
    Sums16 all = noSums();
    all.add(load(padded), hn::Set(Tag16(), saturation));
    takeOut(all, 1, sums);
    const std::uint64_t extra = kLanes - count;
    const std::uint64_t value = pixels[0];
    sums.count -= extra;
    sums.sum -= extra * value;
    sums.squares -= extra * value * value;
    sums.saturated -= value >= saturation ? extra : 0;
}

template <typename T>
HWY_INLINE void sumsOf(Rows<const T> in, T saturation, PixelSums &sums)
{
    const std::size_t step = hn::Lanes(Tag16());
    const V16 saturations = hn::Set(Tag16(), saturation);
    Sums16 all = noSums();
    std::size_t vectors = 0;
    if (in.isDense())
        in = {in.data, 0, in.width * in.rows, std::size_t(in.rows != 0)};
    for (std::size_t y = 0; y < in.rows; ++y) {
        const T *pixels = in.row(y);
        std::size_t left = in.width;
        while (left >= step) {
            const std::size_t run = std::min(left / step, kLongestSum - vectors);
            all = sumsOfRun(all, pixels, run, saturations);
            pixels += run * step;
            left -= run * step;
            vectors += run;
            if (vectors == kLongestSum) {
                takeOut(all, vectors, sums);
                all = noSums();
                vectors = 0;
            }
        }
        if (left != 0)
            sumsOfRest(pixels, left, saturation, sums);
    }
    if (vectors != 0)
        takeOut(all, vectors, sums);
}

void sums16(const ConstPixels16 &in, std::uint16_t saturation, PixelSums &sums)
{
    sumsOf(in, saturation, sums);
}

void sums8(const ConstPixels8 &in, std::uint8_t saturation, PixelSums &sums)
{
    sumsOf(in, saturation, sums);
}

std::uint64_t changed(const ConstPixels16 &picture, const Pixels16 &previous, std::uint16_t threshold)
{
    ConstPixels16 now = picture;
    Pixels16 before = previous;
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

std::uint64_t atLeast(const ConstPixels16 &in, std::uint16_t level)
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
