// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/simd/tone.h"

#include <algorithm>

#include "dmaslab/simd/dispatch.h"
#include "dmaslab/simd/references.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "dmaslab/simd/tone.cpp"
#include <hwy/foreach_target.h>

#include "dmaslab/simd/kernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dmaslab::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR // a CPU without vectors: the reference is as good

const ToneKernels *toneTable()
{
    return &toneReference;
}

#else

void zeroBelow(const ConstPixels16 &in, const Pixels16 &out, std::uint16_t level, Store store)
{
    const auto levels = hn::Set(Tag16(), level);
    eachRow(in, out, store, [=](const std::uint16_t *from, std::uint16_t *to, std::size_t width) HWY_ATTR {
        mapRow(
            from, to, width, store,
            [=](auto value, std::size_t) HWY_ATTR {
                // value == max(value, level) tells value >= level where unsigned comparison does not exist.
                return hn::IfThenElseZero(hn::Eq(value, hn::Max(value, levels)), value);
            },
            [level](std::uint16_t value, std::size_t) { return value < level ? std::uint16_t{0} : value; });
    });
}

void window(const ConstPixels16 &in, const Pixels8 &out, const ToneWindow &window, Store store)
{
    const Tag16 d;
    const auto low = hn::Set(d, window.low());
    const auto range = hn::Set(d, window.range());
    const auto factor = hn::Set(d, window.factor());
    const auto half = hn::Set(d, std::uint16_t{64});
    const int shift = int(window.shift());
    eachRow(in, out, store, [=](const std::uint16_t *from, std::uint8_t *to, std::size_t width) HWY_ATTR {
        mapRow(
            from, to, width, store,
            [=](auto value, std::size_t) HWY_ATTR {
                const auto light = hn::Min(hn::SaturatedSub(value, low), range);
                const auto spread = hn::ShiftLeftSame(light, shift);
                return hn::ShiftRight<7>(hn::Add(hn::MulHigh(spread, factor), half));
            },
            [window](std::uint16_t value, std::size_t) { return window.level(value); });
    });
}

void narrow(const ConstPixels16 &in, const Pixels8 &out, Store store)
{
    const auto top = hn::Set(Tag16(), std::uint16_t{255});
    eachRow(in, out, store, [=](const std::uint16_t *from, std::uint8_t *to, std::size_t width) HWY_ATTR {
        mapRow(
            from, to, width, store, [=](auto value, std::size_t) HWY_ATTR { return hn::Min(value, top); },
            [](std::uint16_t value, std::size_t) {
                return std::uint8_t(std::min<std::uint16_t>(value, 255));
            });
    });
}

void mirror(const ConstPixels16 &in, const Pixels16 &out)
{
    const Tag16 d;
    const std::size_t step = hn::Lanes(d);
    for (std::size_t y = 0; y < out.rows; ++y) {
        const std::uint16_t *from = in.row(y) + out.width;
        std::uint16_t *to = out.row(y);
        std::size_t x = 0;
        for (; x + step <= out.width; x += step)
            hn::StoreU(hn::Reverse(d, hn::LoadU(d, from - x - step)), d, to + x);
        for (; x < out.width; ++x)
            to[x] = *(from - x - 1);
    }
}

const ToneKernels *toneTable()
{
    // Tables are looked up one value after the other: a gather of 16-bit values costs as much.
    static const ToneKernels table{
        zeroBelow, window, narrow, toneReference.lookUp8, toneReference.lookUp16, mirror,
    };
    return &table;
}

#endif

} // namespace dmaslab::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dmaslab {

HWY_EXPORT(toneTable);

const ToneKernels &toneKernels(SimdLevel level)
{
    level = bestSimdLevel(level);
    return level == SimdLevel::Scalar ? toneReference
                                      : *HWY_DISPATCH_TABLE(toneTable)[dispatchIndex(level)]();
}

} // namespace dmaslab
#endif
