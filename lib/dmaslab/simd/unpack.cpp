// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/simd/unpack.h"

#include <array>

#include "dmaslab/simd/dispatch.h"
#include "dmaslab/simd/references.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "dmaslab/simd/unpack.cpp"
#include <hwy/foreach_target.h>

#include "dmaslab/simd/kernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dmaslab::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR // a CPU without vectors: the reference is as good

const UnpackKernels *unpackTable()
{
    return &unpackReference;
}

#else

/**
 * How a vector of packed bytes becomes 16-bit lanes, each with all bits of its pixel. Words of 32 bits are
 * moved so that each block of 16 bytes has the packed bytes of its own 8 pixels (bytes cannot cross blocks),
 * then bytes are put in place within the blocks.
 */
template <unsigned Bits, bool HighFirst>
struct Moves
{
    static constexpr std::size_t kMaxBlocks = HWY_MAX_BYTES / 16;
    static constexpr std::size_t kMaxWords = kMaxBlocks * 4;
    alignas(HWY_MAX_BYTES) std::array<std::int32_t, kMaxWords> words{};
    alignas(HWY_MAX_BYTES) std::array<std::uint8_t, HWY_MAX_BYTES> bytes{};

    constexpr explicit Moves(std::size_t blocks)
    {
        for (std::size_t block = 0; block < blocks; ++block) {
            const std::size_t firstByte = block * Bits; // 8 pixels have Bits bytes
            const std::size_t firstWord = firstByte / 4;
            for (std::size_t word = 0; word < 4; ++word)
                words[block * 4 + word] = std::int32_t(firstWord + word < blocks * 4 ? firstWord + word : 0);
            for (std::size_t pixel = 0; pixel < 8; ++pixel) {
                const std::size_t byte = firstByte - firstWord * 4 + pixel * Bits / 8;
                // GigE's order differs for the first pixel of a pair: the high bits come first.
                const bool swapped = HighFirst && pixel % 2 == 0;
                bytes[block * 16 + pixel * 2] = std::uint8_t(byte + (swapped ? 1 : 0));
                bytes[block * 16 + pixel * 2 + 1] = std::uint8_t(byte + (swapped ? 0 : 1));
            }
        }
    }
};

/** Lanes of 16 bits that hold each pixel's bytes; reads a whole vector from `packed`. */
template <unsigned Bits, bool HighFirst>
HWY_INLINE hn::VFromD<Tag16> spread(const std::uint8_t *packed)
{
    const Tag8 d8;
    const Tag16 d16;
    constexpr std::size_t kBlocks = hn::MaxLanes(Tag8()) / 16;
    static constexpr Moves<Bits, HighFirst> moves(kBlocks);
    auto bytes = hn::LoadU(d8, packed);
    if constexpr (kBlocks > 1) {
        const Tag32 d32;
        const auto words = hn::SetTableIndices(d32, moves.words.data());
        bytes = hn::BitCast(d8, hn::TableLookupLanes(hn::BitCast(d32, bytes), words));
    }
    return hn::BitCast(d16, hn::TableLookupBytes(bytes, hn::Load(d8, moves.bytes.data())));
}

/** `Bits` bits from bit offset 0, 2, 4, 6 (or 0, 4): the factor shifts away what lies above. */
template <unsigned Bits>
HWY_INLINE hn::VFromD<Tag16> cut(hn::VFromD<Tag16> lanes)
{
    const Tag16 d;
    alignas(16) static constexpr std::uint16_t kTen[8] = {64, 16, 4, 1, 64, 16, 4, 1};
    alignas(16) static constexpr std::uint16_t kTwelve[8] = {16, 1, 16, 1, 16, 1, 16, 1};
    return hn::ShiftRight<16 - Bits>(hn::Mul(lanes, hn::LoadDup128(d, Bits == 10 ? kTen : kTwelve)));
}

/** The first pixel of a pair has its low bits at the bottom, the second has nothing to take away. */
HWY_INLINE hn::VFromD<Tag16> join(hn::VFromD<Tag16> lanes)
{
    const Tag16 d;
    alignas(16) static constexpr std::uint16_t kHigh[8] = {0xFF0, 0xFFF, 0xFF0, 0xFFF,
                                                           0xFF0, 0xFFF, 0xFF0, 0xFFF};
    alignas(16) static constexpr std::uint16_t kLow[8] = {0xF, 0, 0xF, 0, 0xF, 0, 0xF, 0};
    return hn::Or(hn::And(hn::ShiftRight<4>(lanes), hn::LoadDup128(d, kHigh)),
                  hn::And(lanes, hn::LoadDup128(d, kLow)));
}

template <unsigned Bits, bool HighFirst>
void unpackRows(const ConstPixels8 &from, const Pixels16 &to, Store store, PixelPacking packing)
{
    ConstPixels8 packed = from;
    Pixels16 out = to;
    const Tag16 d;
    const std::size_t step = hn::Lanes(d);
    packed.width = bytesOfPixels(packing, out.width);
    if (out.isDense() && packed.isDense() && out.width % pixelsPerGroup(packing) == 0) {
        packed.width *= out.rows;
        out.width *= out.rows;
        out.rows = 1;
    }
    for (std::size_t y = 0; y < out.rows; ++y) {
        const std::uint8_t *bytes = packed.row(y);
        const std::uint8_t *const end = bytes + packed.width;
        std::uint16_t *pixel = out.row(y);
        std::size_t x = 0;
        const bool stream = canStream(d, store, pixel);
        // A load takes step * 2 bytes, more than its pixels have: the last ones are left to the plain loop.
        for (; std::size_t(end - bytes) >= step * 2; bytes += step * Bits / 8, x += step) {
            prefetchAhead(bytes, step * Bits / 8);
            const auto lanes = spread<Bits, HighFirst>(bytes);
            const auto pixels = HighFirst ? join(lanes) : cut<Bits>(lanes);
            if (stream) {
                hn::Stream(pixels, d, pixel + x);
            } else {
                prefetchAhead<kPrefetchOutput>(pixel + x, step);
                hn::StoreU(pixels, d, pixel + x);
            }
        }
        unpackReference.of(packing)({bytes, 0, std::size_t(end - bytes), 1}, {pixel + x, 0, out.width - x, 1},
                                    store);
    }
    if (store == Store::Streaming)
        hwy::FlushStream();
}

void mono8(const ConstPixels8 &packed, const Pixels16 &out, Store store)
{
    const Tag16 d;
    const hn::Rebind<std::uint8_t, Tag16> half;
    const std::size_t step = hn::Lanes(d);
    eachRow(packed, out, store, [&](const std::uint8_t *from, std::uint16_t *to, std::size_t width) HWY_ATTR {
        const bool stream = canStream(d, store, to);
        std::size_t x = 0;
        for (; x + step <= width; x += step) {
            prefetchAhead(from + x, step);
            const auto pixels = hn::PromoteTo(d, hn::LoadU(half, from + x));
            if (stream) {
                hn::Stream(pixels, d, to + x);
            } else {
                prefetchAhead<kPrefetchOutput>(to + x, step);
                hn::StoreU(pixels, d, to + x);
            }
        }
        for (; x < width; ++x)
            to[x] = from[x];
    });
}

void mono10p(const ConstPixels8 &packed, const Pixels16 &out, Store store)
{
    unpackRows<10, false>(packed, out, store, PixelPacking::Mono10p);
}

void mono12p(const ConstPixels8 &packed, const Pixels16 &out, Store store)
{
    unpackRows<12, false>(packed, out, store, PixelPacking::Mono12p);
}

void mono12Packed(const ConstPixels8 &packed, const Pixels16 &out, Store store)
{
    unpackRows<12, true>(packed, out, store, PixelPacking::Mono12Packed);
}

const UnpackKernels *unpackTable()
{
    static constexpr UnpackKernels table{mono8, mono10p, mono12p, mono12Packed};
    return &table;
}

#endif

} // namespace dmaslab::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dmaslab {

HWY_EXPORT(unpackTable);

const UnpackKernels &unpackKernels(SimdLevel level)
{
    level = bestSimdLevel(level);
    return level == SimdLevel::Scalar ? unpackReference
                                      : *HWY_DISPATCH_TABLE(unpackTable)[dispatchIndex(level)]();
}

} // namespace dmaslab
#endif
