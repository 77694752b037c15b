// SPDX-License-Identifier: LGPL-2.1-or-later
// Put in front of every source of a model test by the compiler (-include): std::atomic and the futex calls
// become steps of interleaving.h. The code under test is the library's own, not a copy.
#pragma once

// Every standard header that the code under test or the tests use: below, the name has another meaning.
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <climits>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <tl/expected.hpp>

#include "dmaslab/ring/futex.h"
#include "interleaving.h"

namespace dmaslab::test {

/** As large as what it holds, and trivially destructible, like the original. */
template <typename T>
class InterleavedAtomic
{
public:
    static constexpr bool is_always_lock_free = std::atomic<T>::is_always_lock_free;

    InterleavedAtomic() : InterleavedAtomic(T{}) {}
    InterleavedAtomic(T value) : value_(value) { Interleaving::created(this, sizeof value_); }
    InterleavedAtomic(const InterleavedAtomic &) = delete;
    InterleavedAtomic &operator=(const InterleavedAtomic &) = delete;

    T load(std::memory_order) const
    {
        return change([](T old) { return old; });
    }
    void store(T value, std::memory_order)
    {
        if (Interleaving::step()) {
            value_ = value;
            Interleaving::learnt(0);
        }
    }
    T fetch_add(T by, std::memory_order)
    {
        return change([by](T old) { return T(old + by); });
    }
    T fetch_sub(T by, std::memory_order)
    {
        return change([by](T old) { return T(old - by); });
    }
    T fetch_or(T bits, std::memory_order)
    {
        return change([bits](T old) { return T(old | bits); });
    }
    T fetch_and(T bits, std::memory_order)
    {
        return change([bits](T old) { return T(old & bits); });
    }
    bool compare_exchange_strong(T &expected, T desired, std::memory_order,
                                 std::memory_order = std::memory_order_seq_cst)
    {
        const T wanted = expected;
        expected = change([wanted, desired](T old) { return old == wanted ? desired : old; });
        return expected == wanted;
    }
    bool compare_exchange_weak(T &expected, T desired, std::memory_order,
                               std::memory_order = std::memory_order_seq_cst)
    {
        return compare_exchange_strong(expected, desired, std::memory_order_seq_cst);
    }

private:
    template <typename Change>
    T change(Change next) const
    {
        if (!Interleaving::step())
            return T{};
        const T old = value_;
        value_ = next(old);
        Interleaving::learnt(std::uint64_t(old));
        return old;
    }

    mutable T value_;
};

} // namespace dmaslab::test

namespace dmaslab {

inline FutexResult interleavedFutexWait(const std::uint32_t *word, std::uint32_t expected,
                                        std::int64_t deadlineNs = kNoDeadline, bool = false)
{
    if (!test::Interleaving::step())
        return FutexResult::Timeout;
    test::Interleaving::learnt(*word);
    if (*word != expected)
        return FutexResult::Changed;
    return test::Interleaving::sleep(word, deadlineNs != kNoDeadline) ? FutexResult::Woken
                                                                      : FutexResult::Timeout;
}

inline int interleavedFutexWake(const std::uint32_t *word, int count, bool = false)
{
    return test::Interleaving::wake(word, count);
}

inline const std::uint32_t *futexLowHalf(const test::InterleavedAtomic<std::uint64_t> &word)
{
    return reinterpret_cast<const std::uint32_t *>(&word) + (std::endian::native == std::endian::big ? 1 : 0);
}

inline FutexResult interleavedFutexWait(const test::InterleavedAtomic<std::uint32_t> &word,
                                        std::uint32_t expected, std::int64_t deadlineNs = kNoDeadline,
                                        bool shared = false)
{
    return interleavedFutexWait(reinterpret_cast<const std::uint32_t *>(&word), expected, deadlineNs, shared);
}

inline int interleavedFutexWake(const test::InterleavedAtomic<std::uint32_t> &word, int count,
                                bool shared = false)
{
    return interleavedFutexWake(reinterpret_cast<const std::uint32_t *>(&word), count, shared);
}

} // namespace dmaslab

namespace std {
using dmaslab::test::InterleavedAtomic; // the code under test writes std::atomic
}
#define atomic InterleavedAtomic
#define futexWait interleavedFutexWait
#define futexWake interleavedFutexWake
