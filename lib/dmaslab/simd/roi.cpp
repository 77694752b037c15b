// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/simd/roi.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "dmaslab/simd/dispatch.h"
#include "dmaslab/simd/references.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "dmaslab/simd/roi.cpp"
#include <hwy/foreach_target.h>

#include "dmaslab/simd/kernel-inl.h"

// A grid's row is first added up down its columns, whole vectors at a time whatever the rectangles' width,
// and only then across each rectangle: the part that is not vectors is smaller by the rectangle's height.
// Two neighbouring columns share a 32-bit lane where the width is even, which spares taking lanes apart.

HWY_BEFORE_NAMESPACE();
namespace dmaslab::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR // a CPU without vectors: the reference is as good

const RoiKernels *roiTable()
{
    return &roiReference;
}

#else

using V16 = hn::VFromD<Tag16>;
using V32 = hn::VFromD<Tag32>;

/** Columns that are added up before they are put together: what is kept of them stays in the first cache. */
constexpr std::size_t kTileColumns = 512;
/** As many rows as a lane holds: 255 * 256 / 2 times twice 65535, of the row-weighted sum, is just below
 * 2^32. */
constexpr std::size_t kTileRows = 255;

/** Column sums of a tile, for pairs of columns or for single ones. */
struct ColumnSums
{
    alignas(HWY_MAX_BYTES) std::uint32_t whole[kTileColumns + HWY_MAX_BYTES / 2];
    alignas(HWY_MAX_BYTES) std::uint32_t odd[kTileColumns / 2 + HWY_MAX_BYTES / 2];
    /** The sum over rows of all that was added up so far: weights fall from the number of rows to 1. */
    alignas(HWY_MAX_BYTES) std::uint32_t weighted[kTileColumns + HWY_MAX_BYTES / 2];
};

/** Vectors that are added up side by side: as many as there are registers for. */
template <bool Moments>
constexpr std::size_t kAtOnce = (HWY_TARGET <= HWY_AVX3 ? 8 : 4) / (Moments ? 2 : 1);

/** How many bytes further lie rows that will be read soon. */
HWY_INLINE std::ptrdiff_t rowsAhead(std::ptrdiff_t stride)
{
    const std::ptrdiff_t rows =
        std::ptrdiff_t(kPrefetchBytes) / std::max(stride < 0 ? -stride : stride, std::ptrdiff_t{1});
    return std::clamp(rows, std::ptrdiff_t{1}, std::ptrdiff_t{16}) * stride;
}

/** Of each vector lane k: columns 2k and 2k + 1 of all rows. */
template <std::size_t... I>
HWY_INLINE void addPairs(ConstPixels16 in, std::size_t x, ColumnSums &sums, std::size_t to,
                         std::index_sequence<I...>)
{
    const Tag16 d16;
    const Tag32 d32;
    const hn::RebindToSigned<Tag16> di16;
    const hn::RebindToSigned<Tag32> di32;
    constexpr std::size_t kStep = hn::MaxLanes(Tag16());
    const auto none = hn::Zero(di32);
    const auto middle = hn::Set(d16, std::uint16_t{0x8000});
    const auto ones = hn::Set(di16, std::int16_t{1});
    hn::VFromD<hn::RebindToSigned<Tag32>> whole[] = {((void)I, none)...}, other[] = {((void)I, none)...};
    const std::ptrdiff_t ahead = rowsAhead(in.stride);
    const unsigned char *row = reinterpret_cast<const unsigned char *>(in.data + x);
    const auto addOne = [&](auto i) HWY_ATTR {
        constexpr std::size_t kI = decltype(i)::value;
        const auto *from = reinterpret_cast<const std::uint16_t *>(row) + kI * kStep;
        hwy::Prefetch(reinterpret_cast<const unsigned char *>(from) + ahead);
        // One instruction adds up a pair, but of numbers with a sign: each is 2^15 too small.
        const auto centred = hn::BitCast(di16, hn::Xor(hn::LoadU(d16, from), middle));
        whole[kI] = hn::ReorderWidenMulAccumulate(di32, centred, ones, whole[kI], other[kI]);
    };
    for (std::size_t y = 0; y < in.rows; ++y, row += in.stride)
        (addOne(std::integral_constant<std::size_t, I>()), ...);
    const V32 missing = hn::Set(d32, std::uint32_t(in.rows) << 16);
    (hn::Store(hn::Add(hn::BitCast(d32, hn::RearrangeToOddPlusEven(whole[I], other[I])), missing), d32,
               sums.whole + to + I * kStep / 2),
     ...);
}

/** The same of light above a threshold, and with weights that fall from row to row. */
template <std::size_t... I>
HWY_INLINE void addWeightedPairs(ConstPixels16 in, std::size_t x, std::uint16_t threshold, ColumnSums &sums,
                                 std::size_t to, std::index_sequence<I...>)
{
    const Tag16 d16;
    const Tag32 d32;
    constexpr std::size_t kStep = hn::MaxLanes(Tag16());
    const V16 dark = hn::Set(d16, threshold);
    const V32 none = hn::Zero(d32);
    V32 whole[] = {((void)I, none)...}, odd[] = {((void)I, none)...};
    V32 weighted[] = {((void)I, none)...}, weightedOdd[] = {((void)I, none)...};
    const std::ptrdiff_t ahead = rowsAhead(in.stride);
    const unsigned char *row = reinterpret_cast<const unsigned char *>(in.data + x);
    const auto addOne = [&](auto i) HWY_ATTR {
        constexpr std::size_t kI = decltype(i)::value;
        const auto *from = reinterpret_cast<const std::uint16_t *>(row) + kI * kStep;
        hwy::Prefetch(reinterpret_cast<const unsigned char *>(from) + ahead);
        const V32 pairs = hn::BitCast(d32, hn::SaturatedSub(hn::LoadU(d16, from), dark));
        whole[kI] = hn::Add(whole[kI], pairs); // the carry of the lower halves is taken back below
        odd[kI] = hn::Add(odd[kI], hn::ShiftRight<16>(pairs));
        weighted[kI] = hn::Add(weighted[kI], whole[kI]);
        weightedOdd[kI] = hn::Add(weightedOdd[kI], odd[kI]);
    };
    for (std::size_t y = 0; y < in.rows; ++y, row += in.stride)
        (addOne(std::integral_constant<std::size_t, I>()), ...);
    // whole = even + 65536 * odd modulo 2^32, so that even + odd = whole - 65535 * odd.
    const auto finished = [](V32 all, V32 upper)
                              HWY_ATTR { return hn::Add(hn::Sub(all, hn::ShiftLeft<16>(upper)), upper); };
    (hn::Store(finished(whole[I], odd[I]), d32, sums.whole + to + I * kStep / 2), ...);
    (hn::Store(odd[I], d32, sums.odd + to + I * kStep / 2), ...);
    (hn::Store(finished(weighted[I], weightedOdd[I]), d32, sums.weighted + to + I * kStep / 2), ...);
}

/** Lane k: column k of all rows. */
template <bool Moments>
HWY_INLINE void addColumns(const ConstPixels16 &in, std::size_t x, std::uint16_t threshold, ColumnSums &sums,
                           std::size_t to)
{
    const Tag32 d32;
    const hn::Rebind<std::uint16_t, Tag32> d16;
    const auto dark = hn::Set(d16, threshold);
    V32 whole = hn::Zero(d32), weighted = whole;
    for (std::size_t y = 0; y < in.rows; ++y) {
        auto pixels = hn::LoadU(d16, in.row(y) + x);
        if constexpr (Moments)
            pixels = hn::SaturatedSub(pixels, dark);
        whole = hn::Add(whole, hn::PromoteTo(d32, pixels));
        if constexpr (Moments)
            weighted = hn::Add(weighted, whole);
    }
    hn::Store(whole, d32, sums.whole + to);
    if constexpr (Moments)
        hn::Store(weighted, d32, sums.weighted + to);
}

template <bool Moments, std::size_t Count>
HWY_INLINE void addVectors(ConstPixels16 in, std::size_t x, std::uint16_t threshold, ColumnSums &sums,
                           std::size_t to)
{
    if constexpr (Moments)
        addWeightedPairs(in, x, threshold, sums, to, std::make_index_sequence<Count>());
    else
        addPairs(in, x, sums, to, std::make_index_sequence<Count>());
}

/** `count` vectors, less than kAtOnce: all of a row before the next row. */
template <bool Moments, std::size_t Count = kAtOnce<Moments> - 1>
HWY_INLINE void addLastVectors(std::size_t count, ConstPixels16 in, std::size_t x, std::uint16_t threshold,
                               ColumnSums &sums, std::size_t to)
{
    if constexpr (Count != 0) {
        if (count == Count)
            addVectors<Moments, Count>(in, x, threshold, sums, to);
        else
            addLastVectors<Moments, Count - 1>(count, in, x, threshold, sums, to);
    }
}

/** All columns of a tile that full vectors reach without leaving the row; returns how many columns. */
template <bool Pairs, bool Moments>
HWY_INLINE std::size_t addTile(const ConstPixels16 &in, std::size_t x, std::size_t columns,
                               std::uint16_t threshold, ColumnSums &sums)
{
    std::size_t done = 0;
    if constexpr (Pairs) {
        const std::size_t step = hn::Lanes(Tag16());
        // The last vector may look beyond the tile, but not beyond the row.
        std::size_t vectors = std::min((columns + step - 1) / step, (in.width - x) / step);
        for (; vectors >= kAtOnce<Moments>; vectors -= kAtOnce<Moments>, done += kAtOnce<Moments> * step)
            addVectors<Moments, kAtOnce<Moments>>(in, x + done, threshold, sums, done / 2);
        addLastVectors<Moments>(vectors, in, x + done, threshold, sums, done / 2);
        done += vectors * step;
    } else {
        const std::size_t step = hn::Lanes(Tag32());
        for (; done < columns && x + done + step <= in.width; done += step)
            addColumns<Moments>(in, x + done, threshold, sums, done);
    }
    return std::min(done, columns);
}

/** The last columns of a picture, one by one, in the form of the vectors'. */
template <bool Pairs, bool Moments>
void addRest(const ConstPixels16 &in, std::size_t x, std::size_t columns, std::size_t done,
             std::uint16_t threshold, ColumnSums &sums)
{
    constexpr std::size_t kStep = Pairs ? 2 : 1;
    for (std::size_t column = done; column < columns; column += kStep) {
        std::uint32_t whole = 0, odd = 0, weighted = 0;
        for (std::size_t y = 0; y < in.rows; ++y) {
            const std::uint16_t *pixel = in.row(y) + x + column;
            for (std::size_t i = 0; i < kStep; ++i) {
                const std::uint32_t light = pixel[i] > threshold ? pixel[i] - threshold : 0u;
                whole += light;
                odd += i == 1 ? light : 0;
            }
            weighted += whole;
        }
        sums.whole[column / kStep] = whole;
        if constexpr (Moments) {
            if constexpr (Pairs)
                sums.odd[column / kStep] = odd;
            sums.weighted[column / kStep] = weighted;
        }
    }
}

/** Of a few columns; 32 bits hold as many as are named below, whatever the pixels. */
template <std::size_t... I>
HWY_INLINE std::uint64_t across(const std::uint32_t *values, std::index_sequence<I...>)
{
    static_assert(sizeof...(I) <= 64); // each column, or pair, has at most 255 * 2 * 65535
    return (values[I] + ...);
}

/** The usual widths have loops without a counter: there are as many additions here as rectangles' columns. */
template <std::size_t Count>
void addAcross(const std::uint32_t *values, std::size_t rectangles, std::uint64_t *sums)
{
    for (std::size_t i = 0; i < rectangles; ++i)
        sums[i] += across(values + i * Count, std::make_index_sequence<Count>());
}

void addAcross(const std::uint32_t *values, std::size_t count, std::size_t rectangles, std::uint64_t *sums)
{
    switch (count) {
    case 1:
        return addAcross<1>(values, rectangles, sums);
    case 2:
        return addAcross<2>(values, rectangles, sums);
    case 3:
        return addAcross<3>(values, rectangles, sums);
    case 4:
        return addAcross<4>(values, rectangles, sums);
    case 5:
        return addAcross<5>(values, rectangles, sums);
    case 6:
        return addAcross<6>(values, rectangles, sums);
    case 8:
        return addAcross<8>(values, rectangles, sums);
    case 10:
        return addAcross<10>(values, rectangles, sums);
    default:
        break;
    }
    for (std::size_t i = 0; i < rectangles; ++i) {
        std::uint64_t sum = 0;
        for (std::size_t k = 0; k < count; ++k)
            sum += values[i * count + k];
        sums[i] += sum;
    }
}

/** @p offset: which column of its rectangle the first one is. */
template <bool Pairs, std::size_t Count>
HWY_INLINE RoiMoments momentsAcross(const ColumnSums &sums, std::size_t at, std::size_t count,
                                    std::size_t rows, std::size_t firstRow, std::size_t offset)
{
    const std::size_t end = Count != 0 ? Count : count;
    std::uint64_t light = 0, x = 0, odd = 0, weighted = 0;
    for (std::size_t i = 0; i < end; ++i) {
        light += sums.whole[at + i];
        x += std::uint64_t{sums.whole[at + i]} * (Pairs ? 2 * i : i);
        if constexpr (Pairs)
            odd += sums.odd[at + i]; // the second column of a pair lies one further
        weighted += sums.weighted[at + i];
    }
    // Row r had the weight rows - r.
    return {light, x + odd + light * offset, light * (rows + firstRow) - weighted};
}

template <bool Pairs>
void addMomentsAcross(const ColumnSums &sums, std::size_t count, std::size_t rectangles, std::size_t rows,
                      std::size_t firstRow, std::size_t offset, RoiMoments *moments)
{
    for (std::size_t i = 0; i < rectangles; ++i) {
        if (Pairs && count == 4)
            moments[i].add(momentsAcross<Pairs, 4>(sums, i * 4, count, rows, firstRow, offset));
        else
            moments[i].add(momentsAcross<Pairs, 0>(sums, i * count, count, rows, firstRow, offset));
    }
}

template <bool Pairs, typename Out>
void tiles(const ConstPixels16 &in, const RoiRow &row, std::size_t firstRow, std::uint16_t threshold,
           Out *out)
{
    constexpr bool kMoments = std::is_same_v<Out, RoiMoments>;
    ColumnSums sums;
    const std::size_t perTile = std::max<std::size_t>(1, kTileColumns / row.width);
    // Either whole rectangles, or a part of one that is wider than a tile.
    const std::size_t piece = std::min(row.width, kTileColumns);
    for (std::size_t first = 0; first < row.columns; first += perTile) {
        const std::size_t rectangles = std::min(perTile, row.columns - first);
        for (std::size_t offset = 0; offset < row.width; offset += piece) {
            const std::size_t width = std::min(piece, row.width - offset);
            const std::size_t columns = rectangles == 1 ? width : rectangles * width;
            const std::size_t x = row.x + first * row.width + offset;
            const std::size_t done = addTile<Pairs, kMoments>(in, x, columns, threshold, sums);
            endVectors();
            addRest<Pairs, kMoments>(in, x, columns, done, threshold, sums);
            const std::size_t count = Pairs ? width / 2 : width;
            if constexpr (kMoments)
                addMomentsAcross<Pairs>(sums, count, rectangles, in.rows, firstRow, offset, out + first);
            else
                addAcross(sums.whole, count, rectangles, out + first);
        }
    }
}

template <typename Out>
void strips(const ConstPixels16 &in, const RoiRow &row, std::size_t firstRow, std::uint16_t threshold,
            Out *out)
{
    for (std::size_t y = 0; y < in.rows; y += kTileRows) {
        const ConstPixels16 strip = in.part(y, std::min(kTileRows, in.rows - y));
        if (row.width % 2 == 0)
            tiles<true>(strip, row, firstRow + y, threshold, out);
        else
            tiles<false>(strip, row, firstRow + y, threshold, out);
    }
}

void sums(const ConstPixels16 &in, const RoiRow &row, std::uint64_t *sums)
{
    strips(in, row, 0, 0, sums);
}

void moments(const ConstPixels16 &in, const RoiRow &row, std::size_t firstRow, std::uint16_t threshold,
             RoiMoments *moments)
{
    strips(in, row, firstRow, threshold, moments);
}

const RoiKernels *roiTable()
{
    static constexpr RoiKernels table{sums, moments};
    return &table;
}

#endif

} // namespace dmaslab::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dmaslab {

HWY_EXPORT(roiTable);

const RoiKernels &roiKernels(SimdLevel level)
{
    level = bestSimdLevel(level);
    return level == SimdLevel::Scalar ? roiReference : *HWY_DISPATCH_TABLE(roiTable)[dispatchIndex(level)]();
}

} // namespace dmaslab
#endif
