// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/simd/calibrate.h"

#include "dmaslab/simd/dispatch.h"
#include "dmaslab/simd/references.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "dmaslab/simd/calibrate.cpp"
#include <hwy/foreach_target.h>

#include "dmaslab/simd/kernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dmaslab::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR // a CPU without vectors: the reference is as good

const CalibrateKernels *calibrateTable()
{
    return &calibrateReference;
}

#else

/**
 * light * gain >> shift, rounded and saturated, from the halves of the product:
 * high * 2^(16 - shift) + low / 2^shift, where only the second part has anything to round.
 */
template <class V>
HWY_INLINE V scaled(V light, V gain, V tooHigh, int shift)
{
    const hn::DFromV<V> d;
    const V high = hn::MulHigh(light, gain);
    const V low = hn::Mul(light, gain);
    const V rounded = hn::AverageRound(hn::ShiftRightSame(low, shift - 1), hn::Zero(d));
    const V sum = hn::SaturatedAdd(hn::ShiftLeftSame(high, 16 - shift), rounded);
    // high >= 2^shift: what was shifted out on the left; see zeroBelow() for the comparison.
    return hn::Or(sum, hn::VecFromMask(d, hn::Eq(high, hn::Max(high, tooHigh))));
}

/** The same for the shifts that flat fields mostly have: doubling with saturation needs no comparison. */
template <int Shift, class V>
HWY_INLINE V scaledBy(V light, V gain)
{
    const hn::DFromV<V> d;
    V high = hn::MulHigh(light, gain);
    const V low = hn::Mul(light, gain);
    for (int i = Shift; i < 16; ++i)
        high = hn::SaturatedAdd(high, high);
    return hn::SaturatedAdd(high, hn::AverageRound(hn::ShiftRight<Shift - 1>(low), hn::Zero(d)));
}

/** `Shift` 0: whatever calibration.gainShift is. */
template <bool HasDark, bool HasGain, int Shift>
HWY_INLINE void calibrateRow(const std::uint16_t *from, std::uint16_t *to, const std::uint16_t *dark,
                             const std::uint16_t *gain, std::size_t width, unsigned shift, Store store)
{
    const Tag16 d;
    const std::size_t step = hn::Lanes(d);
    const auto tooHigh = hn::Set(d, std::uint16_t(1u << shift));
    mapRow(
        from, to, width, store,
        [=](auto value, std::size_t x) HWY_ATTR {
            if constexpr (HasDark) {
                prefetchAhead(dark + x, step);
                value = hn::SaturatedSub(value, hn::LoadU(d, dark + x));
            }
            if constexpr (HasGain) {
                prefetchAhead(gain + x, step);
                if constexpr (Shift != 0)
                    value = scaledBy<Shift>(value, hn::LoadU(d, gain + x));
                else
                    value = scaled(value, hn::LoadU(d, gain + x), tooHigh, int(shift));
            }
            return value;
        },
        [=](std::uint16_t value, std::size_t x) {
            return calibrated(value, HasDark ? dark[x] : std::uint16_t{0},
                              HasGain ? gain[x] : std::uint16_t(1u << shift), shift);
        });
}

template <bool HasDark, bool HasGain, int Shift = 0>
void calibrateRows(const ConstPixels16 &from, const Pixels16 &out, const Calibration &calibration,
                   Store store)
{
    const unsigned shift = calibration.gainShift;
    ConstPixels16 in = from;
    in.width = out.width;
    const bool dense = in.isDense() && out.isDense() && (!HasDark || calibration.dark.isDense()) &&
                       (!HasGain || calibration.gain.isDense());
    if (dense && calibration.dark.width == (HasDark ? out.width : 0) &&
        calibration.gain.width == (HasGain ? out.width : 0)) {
        calibrateRow<HasDark, HasGain, Shift>(in.data, out.data, calibration.dark.data, calibration.gain.data,
                                              out.width * out.rows, shift, store);
    } else {
        for (std::size_t y = 0; y < out.rows; ++y)
            calibrateRow<HasDark, HasGain, Shift>(
                in.row(y), out.row(y), HasDark ? calibration.dark.row(y) : nullptr,
                HasGain ? calibration.gain.row(y) : nullptr, out.width, shift, store);
    }
    if (store == Store::Streaming)
        hwy::FlushStream();
}

template <bool HasDark>
void calibrateWithGain(const ConstPixels16 &in, const Pixels16 &out, const Calibration &calibration,
                       Store store)
{
    if (calibration.gainShift == 15)
        calibrateRows<HasDark, true, 15>(in, out, calibration, store);
    else if (calibration.gainShift == 14)
        calibrateRows<HasDark, true, 14>(in, out, calibration, store);
    else
        calibrateRows<HasDark, true>(in, out, calibration, store);
}

void calibrate(const ConstPixels16 &in, const Pixels16 &out, const Calibration &calibration, Store store)
{
    const bool hasDark = calibration.dark.data != nullptr;
    const bool hasGain = calibration.gain.data != nullptr;
    if (hasDark && hasGain)
        calibrateWithGain<true>(in, out, calibration, store);
    else if (hasDark)
        calibrateRows<true, false>(in, out, calibration, store);
    else if (hasGain)
        calibrateWithGain<false>(in, out, calibration, store);
    else
        calibrateRows<false, false>(in, out, calibration, store);
}

const CalibrateKernels *calibrateTable()
{
    static constexpr CalibrateKernels table{calibrate};
    return &table;
}

#endif

} // namespace dmaslab::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dmaslab {

HWY_EXPORT(calibrateTable);

const CalibrateKernels &calibrateKernels(SimdLevel level)
{
    level = bestSimdLevel(level);
    return level == SimdLevel::Scalar ? calibrateReference
                                      : *HWY_DISPATCH_TABLE(calibrateTable)[dispatchIndex(level)]();
}

} // namespace dmaslab
#endif
