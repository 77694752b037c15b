// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

namespace dmaslab {

/**
 * The pool's one contended word:
 *
 *     63      62    32  31       30           29   15  14   0
 *     closed | tag    | waiting | interrupted | count | top
 *
 * Free count, sleeping waiters, interruption and closing change together with the free list itself. So a
 * release decides in one instruction whether somebody must be woken and whether it was the last one after
 * the owner left; nothing of the pool is touched after that instruction, hence nothing can be freed too
 * early. The low half is also the futex word: everything a waiter cares about is in it.
 */
class FreeWord
{
public:
    static constexpr std::uint32_t kNone = 0x7fff; ///< no slab on top
    static constexpr std::uint32_t kMaxSlabs = kNone;
    static constexpr std::uint64_t kWaiting = std::uint64_t{1} << 31;
    static constexpr std::uint64_t kInterrupted = std::uint64_t{1} << 30;
    static constexpr std::uint64_t kClosed = std::uint64_t{1} << 63;
    static constexpr std::uint64_t kCountOne = std::uint64_t{1} << 15;
    static constexpr std::uint64_t kTagOne = std::uint64_t{1} << 32;

    static std::uint32_t top(std::uint64_t w) { return static_cast<std::uint32_t>(w) & kNone; }
    static std::uint32_t count(std::uint64_t w) { return (static_cast<std::uint32_t>(w) >> 15) & kNone; }
    static std::uint32_t low(std::uint64_t w) { return static_cast<std::uint32_t>(w); }
    static std::uint64_t withTop(std::uint64_t w, std::uint32_t index)
    {
        return (w & ~std::uint64_t{kNone}) | index;
    }
    /** The tag wraps into nothing: the closed bit above it must not be carried into. */
    static std::uint64_t nextTag(std::uint64_t w)
    {
        return (w & (kClosed | 0xffffffffu)) | ((w + kTagOne) & ~kClosed & ~std::uint64_t{0xffffffffu});
    }
};

} // namespace dmaslab
