// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/simd/bin.h"

#include "dmaslab/simd/dispatch.h"
#include "dmaslab/simd/references.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "dmaslab/simd/bin.cpp"
#include <hwy/foreach_target.h>

#include "dmaslab/simd/kernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dmaslab::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR // a CPU without vectors: the reference is as good

const BinKernels *binTable()
{
    return &binReference;
}

#else

using V32 = hn::VFromD<Tag32>;

/** 32-bit lanes: the sums of neighbours (2k, 2k+1) of `Factor` rows. */
template <unsigned Factor>
HWY_INLINE V32 pairSums(const ConstPixels16 &in, std::size_t y, std::size_t x)
{
    const Tag16 d16;
    const Tag32 d32;
    const auto lowHalf = hn::Set(d32, 0xFFFFu);
    V32 sums = hn::Zero(d32);
    for (std::size_t row = 0; row < Factor; ++row) {
        const std::uint16_t *from = in.row(y * Factor + row) + x;
        prefetchAhead(from, hn::Lanes(d16));
        const auto pixels = hn::BitCast(d32, hn::LoadU(d16, from));
        sums = hn::Add(sums, hn::Add(hn::And(pixels, lowHalf), hn::ShiftRight<16>(pixels)));
    }
    return sums;
}

/** 32-bit lanes: the sums of as many squares of Factor x Factor as there are lanes. */
template <unsigned Factor>
HWY_INLINE V32 squares(const ConstPixels16 &in, std::size_t y, std::size_t x)
{
    const Tag32 d32;
    const std::size_t step = hn::Lanes(Tag16());
    const V32 low = pairSums<Factor>(in, y, x);
    if constexpr (Factor == 2)
        return low;
    const V32 high = pairSums<Factor>(in, y, x + step);
    return hn::Add(hn::ConcatEven(d32, high, low), hn::ConcatOdd(d32, high, low));
}

template <unsigned Factor, BinMode Mode>
HWY_INLINE V32 finished(V32 sums)
{
    const Tag32 d;
    if constexpr (Mode == BinMode::Sum)
        return hn::Min(sums, hn::Set(d, 0xFFFFu));
    constexpr int kShift = Factor == 2 ? 2 : 4;
    return hn::ShiftRight<kShift>(hn::Add(sums, hn::Set(d, 1u << (kShift - 1))));
}

template <unsigned Factor, BinMode Mode>
void binRows(const ConstPixels16 &in, const Pixels16 &out, Store store)
{
    const Tag16 d16;
    const std::size_t half = hn::Lanes(Tag32()); // squares in one vector of 32-bit lanes
    const std::size_t step = 2 * half;
    for (std::size_t y = 0; y < out.rows; ++y) {
        std::uint16_t *to = out.row(y);
        const bool stream = canStream(d16, store, to);
        std::size_t x = 0;
        for (; x + step <= out.width; x += step) {
            const V32 low = finished<Factor, Mode>(squares<Factor>(in, y, x * Factor));
            const V32 high = finished<Factor, Mode>(squares<Factor>(in, y, (x + half) * Factor));
            const auto both = hn::ConcatEven(d16, hn::BitCast(d16, high), hn::BitCast(d16, low));
            if (stream) {
                hn::Stream(both, d16, to + x);
            } else {
                prefetchAhead<kPrefetchOutput>(to + x, step);
                hn::StoreU(both, d16, to + x);
            }
        }
        const ConstPixels16 rest{in.row(y * Factor) + x * Factor, in.stride, (out.width - x) * Factor,
                                 Factor};
        (Factor == 2 ? binReference.by2 : binReference.by4)(rest, {to + x, 0, out.width - x, 1}, Mode,
                                                            Store::Cached);
    }
    if (store == Store::Streaming)
        hwy::FlushStream();
}

template <unsigned Factor>
void bin(const ConstPixels16 &in, const Pixels16 &out, BinMode mode, Store store)
{
    if (mode == BinMode::Sum)
        binRows<Factor, BinMode::Sum>(in, out, store);
    else
        binRows<Factor, BinMode::Mean>(in, out, store);
}

const BinKernels *binTable()
{
    static constexpr BinKernels table{bin<2>, bin<4>};
    return &table;
}

#endif

} // namespace dmaslab::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dmaslab {

HWY_EXPORT(binTable);

const BinKernels &binKernels(SimdLevel level)
{
    level = bestSimdLevel(level);
    return level == SimdLevel::Scalar ? binReference : *HWY_DISPATCH_TABLE(binTable)[dispatchIndex(level)]();
}

} // namespace dmaslab
#endif
