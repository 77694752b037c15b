// SPDX-License-Identifier: LGPL-2.1-or-later
// The per-frame path of the pool. Inline, because a call into the library costs as much as the work itself.
#pragma once

#include "dmaslab/slab/pool.h"

namespace dmaslab {

constexpr std::uint64_t weightOf(Holder holder)
{
    return SlotState::kHolder + (holder == Holder::Processing ? 0 : SlotState::kDeclared);
}

inline SlabRef Pool::take()
{
    std::uint32_t index;
    std::uint64_t state;
    if (reuse_ == Reuse::Lifo) {
        index = free_.pop();
        if (index == FreeWord::kNone)
            return {};
        // A plain store: a popped slab has no holder, so every other writer's CAS must fail on it.
        Slot &slot = slots_[index];
        state = SlotState::taken(slot.state.load(std::memory_order_relaxed));
        slot.state.store(state, std::memory_order_release);
    } else {
        index = takeOldest();
        if (index == FreeWord::kNone)
            return {};
        state = slots_[index].state.load(std::memory_order_relaxed);
    }
    return SlabRef(this, index, SlotState::generation(state), Holder::Processing);
}

inline tl::expected<SlabRef, AcquireError> Pool::tryAcquire()
{
    if (SlabRef slab = take())
        return slab;
    starved_.fetch_add(1, std::memory_order_relaxed);
    return tl::unexpected(AcquireError::Starved);
}

inline bool Pool::dropSole(std::uint32_t index, std::uint32_t generation, Holder holder)
{
    Slot &slot = slots_[index];
    // acquire: pairs with the release of the holders before us.
    const std::uint64_t state = slot.state.load(std::memory_order_acquire);
    if (reuse_ != Reuse::Lifo || state != SlotState::sole(generation, weightOf(holder)))
        return false;
    // A plain store: the only holder is the caller's SlabRef, which began as a hold of its own and was not
    // adopted, and in lifo nobody can find an unshared slab. A swap would cost the path 40 % more.
    slot.state.store(state - weightOf(holder), std::memory_order_relaxed);
    const std::uint32_t *futex = free_.futexAddress();
    finish(free_.push(index), futex);
    return true;
}

inline void Pool::finish(Returned returned, const std::uint32_t *futex)
{
    // The slab is back, so unless it was the last one the pool may end at any moment: no member from here on.
    // Waking an address that is gone is harmless, the kernel only looks for sleepers on it.
    if (returned.wake || returned.last) [[unlikely]]
        finishSlow(returned, futex);
}

inline void SlabRef::reset()
{
    Pool *pool = std::exchange(pool_, nullptr);
    // An adopted hold may have been adopted or released by another copy of its handle, at this moment too.
    if (pool && (adopted_ || !pool->dropSole(index_, generation_, holder_)))
        pool->drop(index_, generation_, holder_);
}

} // namespace dmaslab
