// SPDX-License-Identifier: LGPL-2.1-or-later
// What one would write without vector instructions in mind. simd_plain.cpp is compiled by each compiler and
// with each set of options that is named here.
#pragma once

#include <cstddef>
#include <cstdint>

#define DMASLAB_PLAIN_LOOPS(name)                                                                            \
    namespace name {                                                                                         \
    void unpack12p(const std::uint8_t *packed, std::uint16_t *out, std::size_t pixels);                      \
    void window(const std::uint16_t *in, std::uint8_t *out, std::size_t pixels, std::uint16_t low,           \
                std::uint16_t high);                                                                         \
    /** Sums of squares of `side` pixels, `columns` x `rows` of them. */                                     \
    void roiSums10(const std::uint16_t *in, std::size_t stride, std::size_t columns, std::size_t rows,       \
                   std::uint64_t *sums);                                                                     \
    void roiSums(const std::uint16_t *in, std::size_t stride, std::size_t side, std::size_t columns,         \
                 std::size_t rows, std::uint64_t *sums);                                                     \
    }

DMASLAB_PLAIN_LOOPS(plain_gcc)
DMASLAB_PLAIN_LOOPS(plain_gcc_native)
DMASLAB_PLAIN_LOOPS(plain_clang)
DMASLAB_PLAIN_LOOPS(plain_clang_native)
