// SPDX-License-Identifier: LGPL-2.1-or-later
// The pool's view of frames: which slab holds which, who holds it, and the handle that carries a hold.
#include "dmaslab/slab/pool.h"

namespace dmaslab {

void Pool::publish(std::uint32_t index, std::uint32_t generation, std::uint64_t sequence)
{
    Slot &slot = slots_[index];
    // Invalid first, then the value, then valid: a reader that sees our generation sees our sequence.
    slot.sequenceGeneration.store(generation - 1, std::memory_order_release);
    slot.sequence.store(sequence, std::memory_order_release);
    // release: pairs with find(); the pixels are complete before the frame can be found.
    slot.sequenceGeneration.store(generation, std::memory_order_release);
}

SlabRef Pool::find(std::uint64_t sequence)
{
    if (reuse_ != Reuse::Fifo)
        return {};
    for (std::uint32_t i = 0; i < arena_->slabs(); ++i) {
        const Slot &slot = slots_[i];
        const std::uint64_t state = slot.state.load(std::memory_order_acquire);
        if (!slot.isPublished(state) || slot.sequence.load(std::memory_order_acquire) != sequence)
            continue;
        if (SlabRef found = revive(i, state, sequence))
            return found;
    }
    return {};
}

SlabRef Pool::revive(std::uint32_t index, std::uint64_t state, std::uint64_t sequence)
{
    Slot &slot = slots_[index];
    const std::uint32_t generation = SlotState::generation(state);
    bool claimed = false;
    bool held = false;
    while (SlotState::generation(state) == generation) {
        if (SlotState::holders(state) >= SlotState::kMostHolders)
            break;
        const bool unheld = SlotState::holders(state) == 0;
        // An unheld slab is counted free: the claim takes it out of the count before it has a holder.
        if (unheld && !claimed && !(claimed = free_.claim()))
            break;
        // acquire: the publisher's pixels; release: nothing of ours, but the word carries other releases on.
        if (slot.state.compare_exchange_weak(state, state + SlotState::kHolder, std::memory_order_acq_rel,
                                             std::memory_order_acquire)) {
            held = true;
            claimed = claimed && !unheld;
            break;
        }
    }
    if (claimed) {
        const std::uint32_t *futex = free_.futexAddress();
        finish(free_.giveBack(), futex);
    }
    if (!held)
        return {};
    SlabRef found(this, index, generation, Holder::Processing);
    // Pinned now, so the generation stands still; only the publisher itself could have renamed the frame.
    const bool same = slot.isPublished(state) && slot.sequence.load(std::memory_order_acquire) == sequence;
    if (!same)
        found.reset();
    return found;
}

PoolLevels Pool::levels() const
{
    PoolLevels levels;
    levels.slabs = arena_->slabs();
    for (std::uint32_t i = 0; i < levels.slabs; ++i) {
        const std::uint64_t state = slots_[i].state.load(std::memory_order_acquire);
        const std::uint32_t holders = SlotState::holders(state);
        if (holders == 0) {
            ++levels.free;
            levels.cold += slots_[i].isPublished(state);
        } else if (holders == SlotState::declared(state)) {
            ++levels.warm;
        } else {
            ++levels.hot;
        }
    }
    levels.held = levels.hot + levels.warm;
    levels.low = free_.low();
    levels.starved = starved_.load(std::memory_order_relaxed);
    levels.staleHandles = stale_.load(std::memory_order_relaxed);
    return levels;
}

SlabRef::SlabRef(const SlabRef &other)
{
    if (other.pool_)
        *this = other.holdAs(other.holder_);
}

SlabRef SlabRef::holdAs(Holder kind) const
{
    if (!pool_ || !pool_->addHolder(index_, generation_, kind))
        return {};
    return SlabRef(pool_, index_, generation_, kind);
}

SlabHandle SlabRef::handle() const
{
    return pool_ ? SlabHandle{pool_->arena().id(), index_, generation_} : SlabHandle{};
}

SlabHandle SlabRef::detach()
{
    const SlabHandle result = handle();
    pool_ = nullptr;
    return result;
}

std::span<std::byte> SlabRef::bytes() const
{
    return pool_ ? pool_->arena().slab(index_) : std::span<std::byte>{};
}

void SlabRef::publish(std::uint64_t sequence) const
{
    if (pool_)
        pool_->publish(index_, generation_, sequence);
}

} // namespace dmaslab
