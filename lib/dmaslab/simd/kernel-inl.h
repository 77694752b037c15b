// SPDX-License-Identifier: LGPL-2.1-or-later
// What all kernels need, once per target: included again and again, so there is no #pragma once.
#if defined(DMASLAB_SIMD_KERNEL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DMASLAB_SIMD_KERNEL_INL_H_
#undef DMASLAB_SIMD_KERNEL_INL_H_
#else
#define DMASLAB_SIMD_KERNEL_INL_H_
#endif

#include <cstdint>

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "dmaslab/simd/rows.h"

HWY_BEFORE_NAMESPACE();
namespace dmaslab::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

namespace hn = hwy::HWY_NAMESPACE;

using Tag8 = hn::ScalableTag<std::uint8_t>;
using Tag16 = hn::ScalableTag<std::uint16_t>;
using Tag32 = hn::ScalableTag<std::uint32_t>;
using Tag64 = hn::ScalableTag<std::uint64_t>;

/** How far ahead of a loop memory is asked for: beyond the line or two that a CPU looks ahead by itself. */
constexpr std::size_t kPrefetchBytes = 3072;
/** Streaming stores wait in the same buffers as lines that are on their way: fewer of those are better. */
constexpr std::size_t kPrefetchBytesStreaming = 1024;

/** Lines that will be written are fetched, too, but by stores, of which only so many wait at a time. */
constexpr std::size_t kPrefetchOutput = 2048;

/** For a loop that will read `count` elements here; behind the end of anything it does no harm. */
template <std::size_t kAhead = kPrefetchBytes, typename T>
HWY_INLINE void prefetchAhead(const T *from, std::size_t count)
{
    constexpr std::size_t kLine = 64;
    const auto *at = reinterpret_cast<const unsigned char *>(from) + kAhead;
    hwy::Prefetch(at);
    for (std::size_t byte = kLine; byte < count * sizeof(T); byte += kLine)
        hwy::Prefetch(at + byte);
}

/**
 * Before what has no vectors in it. Compilers see to this where a function ends in vectors; g++ 12 does not
 * where it ends in a call. Dirty upper halves make the next instruction of the old kind wait for a long time.
 */
HWY_INLINE void endVectors()
{
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
    _mm256_zeroupper();
#endif
}

/** Streaming stores take whole, aligned vectors; a row that begins elsewhere is stored as usual. */
template <class D>
HWY_INLINE bool canStream(D d, Store store, const void *to)
{
    return store == Store::Streaming &&
           reinterpret_cast<std::uintptr_t>(to) % (hn::Lanes(d) * sizeof(hn::TFromD<D>)) == 0;
}

/**
 * One row of 16-bit pixels to as many: `whole(vector, x)` for full vectors, `one(value, x)` for rows that
 * have none. `from` may be `to`: the last vector may overlap the one before, and is read before that is
 * written. Both are taken by value and should have what they use by value: what lies in memory would be read
 * again for each vector, since a store may have changed it.
 */
template <class Whole, class One>
HWY_INLINE void mapRow(const std::uint16_t *from, std::uint16_t *to, std::size_t width, Store store,
                       const Whole whole, const One one)
{
    const Tag16 d;
    const std::size_t step = hn::Lanes(d);
    if (width < step) {
        for (std::size_t x = 0; x < width; ++x)
            to[x] = one(from[x], x);
        return;
    }
    const auto last = hn::LoadU(d, from + width - step);
    std::size_t x = 0;
    if (canStream(d, store, to)) {
        for (; x + step <= width; x += step) {
            prefetchAhead(from + x, step);
            hn::Stream(whole(hn::LoadU(d, from + x), x), d, to + x);
        }
    } else if (from == to) {
        for (; x + step <= width; x += step) {
            prefetchAhead(from + x, step);
            hn::StoreU(whole(hn::LoadU(d, from + x), x), d, to + x);
        }
    } else {
        for (; x + step <= width; x += step) {
            prefetchAhead(from + x, step);
            prefetchAhead<kPrefetchOutput>(to + x, step);
            hn::StoreU(whole(hn::LoadU(d, from + x), x), d, to + x);
        }
    }
    if (x != width)
        hn::StoreU(whole(last, width - step), d, to + width - step);
}

/** One row of 16-bit pixels to 8 bits elsewhere; `whole` gives 16-bit lanes of at most 255. */
template <class Whole, class One>
HWY_INLINE void mapRow(const std::uint16_t *from, std::uint8_t *to, std::size_t width, Store store,
                       const Whole whole, const One one)
{
    const Tag16 d16;
    const Tag8 d8;
    const std::size_t step = hn::Lanes(d16);
    const auto pair = [=](std::size_t x) HWY_ATTR {
        const auto low = whole(hn::LoadU(d16, from + x), x);
        const auto high = whole(hn::LoadU(d16, from + x + step), x + step);
        return hn::ConcatEven(d8, hn::BitCast(d8, high), hn::BitCast(d8, low));
    };
    std::size_t x = 0;
    if (canStream(d8, store, to)) {
        for (; x + 2 * step <= width; x += 2 * step) {
            prefetchAhead<kPrefetchBytesStreaming>(from + x, 2 * step);
            hn::Stream(pair(x), d8, to + x);
        }
    } else {
        for (; x + 2 * step <= width; x += 2 * step) {
            prefetchAhead(from + x, 2 * step);
            prefetchAhead<kPrefetchOutput>(to + x, 2 * step);
            hn::StoreU(pair(x), d8, to + x);
        }
    }
    if (x != 0 && x != width) {
        hn::StoreU(pair(width - 2 * step), d8, to + width - 2 * step);
        return;
    }
    for (; x < width; ++x)
        to[x] = one(from[x], x);
}

/** Row by row, or all as one row where nothing lies between the rows of either side. */
template <typename In, typename Out, class Row>
HWY_INLINE void eachRow(Rows<In> in, Rows<Out> out, Store store, const Row &row)
{
    in.width = out.width;
    in.rows = out.rows;
    if (in.isDense() && out.isDense()) {
        row(in.data, out.data, out.width * out.rows);
    } else {
        for (std::size_t y = 0; y < out.rows; ++y)
            row(in.row(y), out.row(y), out.width);
    }
    if (store == Store::Streaming)
        hwy::FlushStream(); // ordered before whatever hands the frame on
}

#endif

} // namespace dmaslab::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
