// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "dmaslab/memory/arena.h"
#include "dmaslab/slab/free_list.h"
#include "dmaslab/slab/index_queue.h"
#include "dmaslab/slab/slab_ref.h"

namespace dmaslab {

enum class Reuse
{
    Lifo, ///< the slab released last comes next: still in the cache
    Fifo, ///< the slab released first comes next: the newest unheld frames stay intact and findable
};

enum class AcquireError
{
    Starved,     ///< every slab is held, and stayed so until the deadline
    Interrupted, ///< setInterrupted(true)
};

enum class ReleaseStatus
{
    Ok,
    Stale, ///< released before, or a handle of an earlier use: refused and counted
};

/** One moment's census; the sums are exact only while nobody acquires or releases. */
struct PoolLevels
{
    std::uint32_t slabs = 0, free = 0, held = 0;
    std::uint32_t hot = 0;  ///< held by processing
    std::uint32_t warm = 0; ///< held only by disk or remote holders
    std::uint32_t cold = 0; ///< unheld, content intact
    std::uint32_t low = 0;  ///< fewest free slabs ever seen
    std::uint64_t starved = 0;
    std::uint64_t staleHandles = 0;
};

class Pool;
/** Ends the owner's part: the pool itself goes when its last slab is home. */
struct PoolCloser
{
    DMASLAB_EXPORT void operator()(Pool *pool) const;
};
using PoolPtr = std::unique_ptr<Pool, PoolCloser>;

/**
 * Hands out the slabs of an arena. Acquire and release are lock-free on any thread; docs/slab-pool.md argues
 * the design. Closing it ends the owner's part: no thread of his may be inside a call of the
 * pool then, or begin one; slabs that are out may come home on any thread.
 */
class DMASLAB_EXPORT Pool
{
public:
    static constexpr std::uint32_t kMaxSlabs = FreeWord::kMaxSlabs;

    static Result<PoolPtr> create(std::shared_ptr<const Arena> arena, Reuse reuse = Reuse::Lifo);

    /** Without waiting. */
    tl::expected<SlabRef, AcquireError> tryAcquire();
    /** Waits at most until the deadline (CLOCK_MONOTONIC, ns). */
    tl::expected<SlabRef, AcquireError> acquire(std::int64_t deadlineNs);
    /** While true, acquire() returns Interrupted; wakes those that wait. */
    void setInterrupted(bool interrupted);

    /** Fifo: the frame published under this sequence, held or not yet reused; empty when it is gone. */
    SlabRef find(std::uint64_t sequence);

    /** Takes over a detached hold; empty when the handle is stale. */
    SlabRef adopt(const SlabHandle &handle, Holder holder = Holder::Processing);
    /** Ends a detached hold. */
    ReleaseStatus release(const SlabHandle &handle, Holder holder = Holder::Processing);

    [[nodiscard]] const Arena &arena() const { return *arena_; }
    [[nodiscard]] Reuse reuse() const { return reuse_; }
    [[nodiscard]] PoolLevels levels() const;
    /** How many processing and declared holders a slab has now: 1 means the caller is alone. */
    [[nodiscard]] std::uint32_t holders(std::uint32_t index) const;
    /** Somebody sleeps, or is about to, for want of a slab. */
    [[nodiscard]] bool hasWaiter() const { return (free_.word() & FreeWord::kWaiting) != 0; }
    void resetLow() { free_.resetLow(); }

private:
    friend class SlabRef;
    friend struct PoolCloser;
    Pool(std::shared_ptr<const Arena> arena, Reuse reuse);
    ~Pool() = default;

    SlabRef take();
    std::uint32_t takeOldest();
    SlabRef revive(std::uint32_t index, std::uint64_t state, std::uint64_t sequence);
    bool addHolder(std::uint32_t index, std::uint32_t generation, Holder holder);
    bool dropSole(std::uint32_t index, std::uint32_t generation, Holder holder);
    ReleaseStatus drop(std::uint32_t index, std::uint32_t generation, Holder holder);
    void finish(Returned returned, const std::uint32_t *futex);
    void finishSlow(Returned returned, const std::uint32_t *futex);
    void publish(std::uint32_t index, std::uint32_t generation, std::uint64_t sequence);

    const std::shared_ptr<const Arena> arena_;
    const Reuse reuse_;
    const std::unique_ptr<Slot[]> slots_;
    std::unique_ptr<IndexQueue> queue_; ///< fifo only
    FreeList free_;
    alignas(64) std::atomic<std::uint64_t> starved_{0};
    std::atomic<std::uint64_t> stale_{0};
};

} // namespace dmaslab

#include "dmaslab/slab/pool_inline.h" // IWYU pragma: export
