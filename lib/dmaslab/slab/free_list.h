// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "dmaslab/ring/futex.h"
#include "dmaslab/slab/free_word.h"
#include "dmaslab/slab/slot.h"

namespace dmaslab {

/** What a returning slab set off. */
struct Returned
{
    bool wake = false; ///< somebody sleeps on the futex
    bool last = false; ///< the owner had closed and this was the last slab: the caller ends the pool
};

/**
 * The free slabs of a pool. Lifo is a Treiber stack of indices whose head is the FreeWord itself; fifo uses
 * only the word's count, as the number of claims on a queue that is kept beside it.
 */
class FreeList
{
public:
    /** Starts with every slab free (lifo) or with none counted (fifo: giveBack() each). */
    FreeList(std::span<Slot> slots, bool stacked);

    /** Lifo: takes the slab returned last, or FreeWord::kNone. */
    std::uint32_t pop();
    /** Lifo: returns a slab. */
    Returned push(std::uint32_t index);

    /** Fifo: the right to take one entry of the queue; false when none is free. */
    bool claim();
    /** Fifo: one more entry may be claimed. */
    Returned giveBack();

    /** The owner leaves; true when every slab is home already. */
    bool close();
    void setInterrupted(bool interrupted);
    /** Announces a sleeper; returns the futex value to sleep on, or nothing to sleep for (false). */
    bool prepareWait(std::uint32_t &futexValue);

    [[nodiscard]] std::uint64_t word() const { return word_.load(std::memory_order_acquire); }
    [[nodiscard]] const std::uint32_t *futexAddress() const { return futexLowHalf(word_); }
    [[nodiscard]] std::uint32_t low() const { return low_.load(std::memory_order_relaxed); }
    void resetLow();

private:
    void noteLow(std::uint32_t count);

    alignas(64) std::atomic<std::uint64_t> word_;
    std::atomic<std::uint32_t> low_;
    alignas(64) std::span<Slot> slots_;
};

// A free function of values: after the CAS that returned a slab, another thread may end the pool.
inline Returned returned(std::uint64_t before, std::uint64_t after, std::size_t total)
{
    return {(before & FreeWord::kWaiting) != 0,
            (after & FreeWord::kClosed) != 0 && FreeWord::count(after) == total};
}

inline void FreeList::noteLow(std::uint32_t count)
{
    std::uint32_t low = low_.load(std::memory_order_relaxed);
    while (count < low && !low_.compare_exchange_weak(low, count, std::memory_order_relaxed))
        ;
}

inline std::uint32_t FreeList::pop()
{
    // acquire: the link below, and the pixels, were written by whoever pushed this head.
    std::uint64_t word = word_.load(std::memory_order_acquire);
    for (;;) {
        const std::uint32_t index = FreeWord::top(word);
        if (index == FreeWord::kNone)
            return index;
        // May be stale when another thread took this slab meanwhile; then the tag differs and the CAS fails.
        const std::uint32_t link = slots_[index].link.load(std::memory_order_relaxed);
        const std::uint64_t next = FreeWord::nextTag(FreeWord::withTop(word, link)) - FreeWord::kCountOne;
        // Success needs only acquire (what we read is the pusher's); a release would publish nothing new.
        if (word_.compare_exchange_weak(word, next, std::memory_order_acquire)) {
            noteLow(FreeWord::count(next));
            return index;
        }
    }
}

inline Returned FreeList::push(std::uint32_t index)
{
    const std::size_t total = slots_.size();
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    for (;;) {
        slots_[index].link.store(FreeWord::top(word), std::memory_order_relaxed);
        const std::uint64_t next =
            (FreeWord::withTop(word, index) + FreeWord::kCountOne) & ~FreeWord::kWaiting;
        // release: link and pixels before the slab can be popped. acquire: whoever ends the pool after the
        // last return must see all that the earlier returners did to it.
        if (word_.compare_exchange_weak(word, next, std::memory_order_acq_rel, std::memory_order_relaxed))
            return returned(word, next, total);
    }
}

} // namespace dmaslab
