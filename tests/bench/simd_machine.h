// SPDX-License-Identifier: LGPL-2.1-or-later
// What the machine itself can do with memory: the bounds of every kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bench {

#if defined(__x86_64__)

/** Copy past the caches; whole cache lines, aligned. */
__attribute__((target("avx2"))) inline void copyStreaming(void *to, const void *from, std::size_t bytes)
{
    const auto *in = static_cast<const __m256i *>(from);
    auto *out = static_cast<__m256i *>(to);
    std::size_t i = 0;
    for (; i + 4 <= bytes / 32; i += 4) {
        const __m256i a = _mm256_loadu_si256(in + i), b = _mm256_loadu_si256(in + i + 1);
        const __m256i c = _mm256_loadu_si256(in + i + 2), d = _mm256_loadu_si256(in + i + 3);
        _mm256_stream_si256(out + i, a);
        _mm256_stream_si256(out + i + 1, b);
        _mm256_stream_si256(out + i + 2, c);
        _mm256_stream_si256(out + i + 3, d);
    }
    _mm_sfence();
    std::memcpy(out + i, in + i, bytes - i * 32);
}

/** Rows of `bytes` each (32 at least), merely loaded. */
__attribute__((target("avx2"))) inline std::uint64_t readRows(const void *from, std::size_t bytes,
                                                              std::size_t stride, std::size_t rows)
{
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (std::size_t y = 0; y < rows; ++y) {
        const auto *row = static_cast<const std::uint8_t *>(from) + y * stride;
        std::size_t x = 0;
        for (; x + 128 <= bytes; x += 128) {
            a = _mm256_or_si256(a, _mm256_loadu_si256(reinterpret_cast<const __m256i *>(row + x)));
            b = _mm256_or_si256(b, _mm256_loadu_si256(reinterpret_cast<const __m256i *>(row + x + 32)));
            c = _mm256_or_si256(c, _mm256_loadu_si256(reinterpret_cast<const __m256i *>(row + x + 64)));
            d = _mm256_or_si256(d, _mm256_loadu_si256(reinterpret_cast<const __m256i *>(row + x + 96)));
        }
        for (; x + 32 <= bytes; x += 32)
            a = _mm256_or_si256(a, _mm256_loadu_si256(reinterpret_cast<const __m256i *>(row + x)));
        if (x < bytes && bytes >= 32) // the last vector overlaps the one before
            a = _mm256_or_si256(a, _mm256_loadu_si256(reinterpret_cast<const __m256i *>(row + bytes - 32)));
    }
    a = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));
    return std::uint64_t(_mm256_extract_epi64(a, 0));
}

#else // where the compiler knows one set of vectors only, it uses that

inline void copyStreaming(void *to, const void *from, std::size_t bytes)
{
    std::memcpy(to, from, bytes);
}

inline std::uint64_t readRows(const void *from, std::size_t bytes, std::size_t stride, std::size_t rows)
{
    std::uint64_t all = 0;
    for (std::size_t y = 0; y < rows; ++y) {
        const auto *row = static_cast<const std::uint8_t *>(from) + y * stride;
        for (std::size_t x = 0; x + 8 <= bytes; x += 8) {
            std::uint64_t word;
            std::memcpy(&word, row + x, 8);
            all |= word;
        }
    }
    return all;
}

#endif

} // namespace bench
