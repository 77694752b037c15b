// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/slab/pool.h"

#include <climits>
#include <new>
#include <string>

#include "dmaslab/ring/futex.h"

namespace dmaslab {

namespace {

// A hold of this kind exists, so that one may be taken away.
bool hasHolder(std::uint64_t state, Holder holder)
{
    const std::uint32_t declared = SlotState::declared(state);
    return holder == Holder::Processing ? SlotState::holders(state) > declared : declared > 0;
}

} // namespace

void PoolCloser::operator()(Pool *pool) const
{
    if (pool->free_.close())
        delete pool;
}

Result<PoolPtr> Pool::create(std::shared_ptr<const Arena> arena, Reuse reuse)
try {
    if (!arena)
        return fail(Errc::InvalidArgument, "A slab pool needs an arena, and there is none.");
    if (arena->slabs() > kMaxSlabs)
        return fail(Errc::InvalidArgument, "A slab pool holds at most " + std::to_string(kMaxSlabs) +
                                               " slabs, the arena has " + std::to_string(arena->slabs()) +
                                               ": ask for fewer slabs.");
    return PoolPtr(new Pool(std::move(arena), reuse));
} catch (const std::bad_alloc &) {
    return failNoMemory("pool: no memory");
}

Pool::Pool(std::shared_ptr<const Arena> arena, Reuse reuse)
    : arena_(std::move(arena)), reuse_(reuse), slots_(std::make_unique<Slot[]>(arena_->slabs())),
      free_({slots_.get(), arena_->slabs()}, reuse == Reuse::Lifo)
{
    if (reuse_ == Reuse::Lifo)
        return;
    queue_ = std::make_unique<IndexQueue>(std::span(slots_.get(), arena_->slabs()));
    for (std::uint32_t i = 0; i < arena_->slabs(); ++i) {
        slots_[i].state.store(SlotState::kListed, std::memory_order_relaxed);
        queue_->push(i);
        free_.giveBack();
    }
    free_.resetLow();
}

std::uint32_t Pool::takeOldest()
{
    if (!free_.claim())
        return FreeWord::kNone;
    for (;;) {
        // Never empty: unheld entries are at least as many as claims (docs/slab-pool.md, "fifo").
        const std::uint32_t index = queue_->pop();
        if (index == IndexQueue::kEmpty)
            continue;
        Slot &slot = slots_[index];
        std::uint64_t state = slot.state.load(std::memory_order_relaxed);
        for (;;) {
            const bool revived = SlotState::holders(state) != 0;
            const std::uint64_t next = revived ? state & ~SlotState::kListed : SlotState::taken(state);
            // acq_rel: acquire the last holder's pixels; release our queue node to the revived slab's
            // releaser.
            if (!slot.state.compare_exchange_weak(state, next, std::memory_order_acq_rel,
                                                  std::memory_order_relaxed))
                continue;
            if (!revived)
                return index;
            break; // find() brought it back to life: its releaser will list it again
        }
    }
}

tl::expected<SlabRef, AcquireError> Pool::acquire(std::int64_t deadlineNs)
{
    for (;;) {
        if ((free_.word() & FreeWord::kInterrupted) != 0)
            return tl::unexpected(AcquireError::Interrupted);
        if (SlabRef slab = take())
            return slab;
        std::uint32_t expected = 0;
        if (!free_.prepareWait(expected))
            continue;
        if (futexWait(free_.futexAddress(), expected, deadlineNs) == FutexResult::Timeout) {
            starved_.fetch_add(1, std::memory_order_relaxed);
            return tl::unexpected(AcquireError::Starved);
        }
    }
}

void Pool::setInterrupted(bool interrupted)
{
    free_.setInterrupted(interrupted);
    if (interrupted)
        futexWake(free_.futexAddress(), INT_MAX);
}

ReleaseStatus Pool::drop(std::uint32_t index, std::uint32_t generation, Holder holder)
{
    Slot &slot = slots_[index];
    const bool fifo = reuse_ == Reuse::Fifo;
    std::uint64_t state = slot.state.load(std::memory_order_relaxed);
    std::uint64_t next;
    do {
        if (SlotState::generation(state) != generation || !hasHolder(state, holder)) {
            stale_.fetch_add(1, std::memory_order_relaxed);
            return ReleaseStatus::Stale;
        }
        next = state - weightOf(holder);
        if (fifo && SlotState::holders(next) == 0)
            next |= SlotState::kListed;
        // release: our use of the pixels ends here; acquire: the last holder has seen the others' end too.
    } while (
        !slot.state.compare_exchange_weak(state, next, std::memory_order_acq_rel, std::memory_order_relaxed));
    if (SlotState::holders(next) != 0)
        return ReleaseStatus::Ok;

    const std::uint32_t *futex = free_.futexAddress();
    if (fifo && !SlotState::listed(state))
        queue_->push(index);
    finish(fifo ? free_.giveBack() : free_.push(index), futex);
    return ReleaseStatus::Ok;
}

void Pool::finishSlow(Returned returned, const std::uint32_t *futex)
{
    if (returned.wake)
        futexWake(futex, INT_MAX);
    if (returned.last)
        delete this;
}

bool Pool::addHolder(std::uint32_t index, std::uint32_t generation, Holder holder)
{
    Slot &slot = slots_[index];
    std::uint64_t state = slot.state.load(std::memory_order_relaxed);
    do {
        // A hold adopted by a copied handle may have ended: adding to a free slab would give it two owners.
        if (SlotState::generation(state) != generation || SlotState::holders(state) == 0) {
            stale_.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        if (SlotState::holders(state) >= SlotState::kMostHolders ||
            (holder != Holder::Processing && SlotState::declared(state) >= SlotState::kMostDeclared))
            return false;
        // relaxed: the caller holds the slab already, so nothing has to become visible.
    } while (!slot.state.compare_exchange_weak(state, state + weightOf(holder), std::memory_order_relaxed));
    return true;
}

SlabRef Pool::adopt(const SlabHandle &handle, Holder holder)
{
    if (handle.arena == arena_->id() && handle.index < arena_->slabs()) {
        // acquire: the new owner may look at the pixels.
        const std::uint64_t state = slots_[handle.index].state.load(std::memory_order_acquire);
        if (SlotState::generation(state) == handle.generation && hasHolder(state, holder))
            return SlabRef(this, handle.index, handle.generation, holder, true);
    }
    stale_.fetch_add(1, std::memory_order_relaxed);
    return {};
}

ReleaseStatus Pool::release(const SlabHandle &handle, Holder holder)
{
    if (handle.arena == arena_->id() && handle.index < arena_->slabs())
        return drop(handle.index, handle.generation, holder);
    stale_.fetch_add(1, std::memory_order_relaxed);
    return ReleaseStatus::Stale;
}

std::uint32_t Pool::holders(std::uint32_t index) const
{
    return SlotState::holders(slots_[index].state.load(std::memory_order_acquire));
}

} // namespace dmaslab
