// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/slab/free_list.h"

namespace dmaslab {

FreeList::FreeList(std::span<Slot> slots, bool stacked) : slots_(slots)
{
    const auto count = static_cast<std::uint32_t>(slots.size());
    low_.store(count, std::memory_order_relaxed);
    if (!stacked) {
        word_.store(FreeWord::kNone, std::memory_order_relaxed);
        return;
    }
    for (std::uint32_t i = 0; i < count; ++i)
        slots[i].link.store(i + 1 < count ? i + 1 : FreeWord::kNone, std::memory_order_relaxed);
    word_.store(count * FreeWord::kCountOne, std::memory_order_relaxed);
}

bool FreeList::claim()
{
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    for (;;) {
        if (FreeWord::count(word) == 0)
            return false;
        const std::uint64_t next = word - FreeWord::kCountOne;
        // acquire: pairs with giveBack(), so the queue entry behind this claim is visible.
        if (word_.compare_exchange_weak(word, next, std::memory_order_acquire, std::memory_order_relaxed)) {
            noteLow(FreeWord::count(next));
            return true;
        }
    }
}

Returned FreeList::giveBack()
{
    const std::size_t total = slots_.size();
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    for (;;) {
        const std::uint64_t next = (word + FreeWord::kCountOne) & ~FreeWord::kWaiting;
        // Orders as in push().
        if (word_.compare_exchange_weak(word, next, std::memory_order_acq_rel, std::memory_order_relaxed))
            return returned(word, next, total);
    }
}

bool FreeList::close()
{
    const std::size_t total = slots_.size();
    // acq_rel: as the last return, closing may end the pool and must see every return before it.
    const std::uint64_t before = word_.fetch_or(FreeWord::kClosed, std::memory_order_acq_rel);
    return FreeWord::count(before) == total;
}

void FreeList::setInterrupted(bool interrupted)
{
    // release: what the caller set up before (flushing flags) is seen by a waiter that wakes up from this.
    if (interrupted)
        word_.fetch_or(FreeWord::kInterrupted, std::memory_order_acq_rel);
    else
        word_.fetch_and(~FreeWord::kInterrupted, std::memory_order_acq_rel);
}

bool FreeList::prepareWait(std::uint32_t &futexValue)
{
    std::uint64_t word = word_.load(std::memory_order_acquire);
    for (;;) {
        if (FreeWord::count(word) != 0 || (word & FreeWord::kInterrupted) != 0)
            return false;
        const std::uint64_t next = word | FreeWord::kWaiting;
        // The bit and the free count are one word: a returner that counts up afterwards sees the bit, and one
        // that counted before makes this CAS fail. acquire: only as strong as the reload on failure.
        if (word == next || word_.compare_exchange_weak(word, next, std::memory_order_acquire)) {
            futexValue = FreeWord::low(next);
            return true;
        }
    }
}

void FreeList::resetLow()
{
    low_.store(FreeWord::count(word()), std::memory_order_relaxed);
}

} // namespace dmaslab
