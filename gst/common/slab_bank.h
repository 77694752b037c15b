// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>
#include <vector>

#include <gst/gst.h>

#include "common/gst.h"
#include "common/pointer_index.h"
#include "dmaslab/export.h"
#include "dmaslab/slab/pool.h"

namespace dmaslab {

/** Bytes of pixels that anybody copied out of slabs; shared by all arenas that one owner lays out in turn. */
using CopyCount = std::shared_ptr<std::atomic<std::uint64_t>>;
[[nodiscard]] inline CopyCount newCopyCount()
{
    return std::make_shared<std::atomic<std::uint64_t>>(0);
}

/**
 * A core pool dressed as GstMemory: one memory per slab, made once. A slab is free again when its GstMemory
 * is disposed of, which is the only moment that shallow copies cannot bring forward: dispose resurrects the
 * memory and returns the slab. A GstBuffer of our own pool that comes home with its memory to itself skips
 * even that.
 *
 * Memories reference their allocator and the allocator owns the bank, so the bank outlives pool, element and
 * pipeline until the last memory is gone; close() breaks that circle.
 */
class DMASLAB_EXPORT SlabBank
{
public:
    /** One cache line each, or threads that return neighbouring slabs would hinder each other. */
    struct alignas(64) Slot
    {
        GstMemory *memory = nullptr;
        /** The slab's one hold on GStreamer's side; only touched by whoever has the slab. */
        SlabRef hold;
        /** The pool's empty or ready buffer for this slab while the slab is free. */
        std::atomic<GstBuffer *> parked{nullptr};
        gsize offset = 0;            ///< of the memory in its descriptor
        std::byte *base = nullptr;   ///< where that descriptor's offset 0 is mapped
        std::atomic<int> writers{0}; ///< maps with GST_MAP_WRITE
        /** The memory is with nobody but us. Not the same as a free slab: a core holder may have the pixels.
         */
        std::atomic<bool> waiting{false};
        bool ready = false; ///< the parked buffer has the memory
    };

    /** @return a new allocator (floating ref sunk) whose memories have `size` bytes. */
    static GstAllocator *newAllocator(PoolPtr pool, gsize size, CopyCount copied = newCopyCount());
    /** The bank behind an allocator of ours, or nullptr. */
    static SlabBank *of(GstAllocator *allocator);
    static SlabBank *of(GstMemory *memory) { return of(memory->allocator); }

    SlabBank(PoolPtr pool, gsize size, CopyCount copied);
    ~SlabBank();

    [[nodiscard]] Pool &pool() const { return *pool_; }
    [[nodiscard]] const Arena &arena() const { return pool_->arena(); }
    [[nodiscard]] Slot &slot(std::uint32_t index) { return slots_[index]; }
    [[nodiscard]] inline std::uint32_t indexOf(GstMemory *memory) const;
    [[nodiscard]] gsize size() const { return size_; }
    [[nodiscard]] bool needsCpuSync() const { return needsCpuSync_; }

    /** Takes a slab that was just acquired for GStreamer; its slot then holds it. */
    inline std::uint32_t keep(SlabRef slab);
    /** Before keep() of a slab that was come by otherwise: false when its memory is out already. */
    bool claim(std::uint32_t index);
    /** The slab's memory has one reference and is with us again: ends GStreamer's hold. */
    inline void comeHome(std::uint32_t index);
    /** The slab's memory with one reference, offset and size as new. */
    GstMemory *memory(std::uint32_t index);
    inline void restore(GstMemory *memory, std::uint32_t index) const;
    /** No more recycling: frees what is home now and the rest as it comes. Idempotent, any thread. */
    void close();

    void countCopied(std::uint64_t bytes) { copied_->fetch_add(bytes, std::memory_order_relaxed); }

    /** Makes the memories; called once by the allocator that will own this bank. */
    void fill(GstAllocator *allocator);
    /** What GstMiniObject calls; FALSE resurrects. */
    gboolean dispose(GstMemory *memory);

private:
    void reap();

    PoolPtr pool_;
    const gsize size_;
    const bool needsCpuSync_;
    std::vector<Slot> slots_;
    PointerIndex index_;
    std::atomic<int> closing_{0};
    const CopyCount copied_;
};

// What every frame passes is inline: the calls would cost as much as the work.

inline std::uint32_t SlabBank::indexOf(GstMemory *memory) const
{
    return index_.find(memory->parent ? memory->parent : memory);
}

inline std::uint32_t SlabBank::keep(SlabRef slab)
{
    const std::uint32_t index = slab.index();
    // relaxed: the slab came with an acquire, and close() has no business with a pool that still hands out.
    slots_[index].waiting.store(false, std::memory_order_relaxed);
    slots_[index].hold.swap(slab);
    return index;
}

inline void SlabBank::comeHome(std::uint32_t index)
{
    Slot &slot = slots_[index];
    // Ours alone until the very end: once `waiting` is set, reap() may free the memory.
    SlabRef hold = std::move(slot.hold);
    slot.waiting.store(true, std::memory_order_release); // the memory as restored
    hold.reset();
}

inline void SlabBank::restore(GstMemory *memory, std::uint32_t index) const
{
    // Whoever had it may have marked it, for example as read-only.
    GST_MINI_OBJECT_FLAGS(memory) = GST_MINI_OBJECT_FLAG_LOCKABLE;
    memory->offset = slots_[index].offset;
    memory->size = size_;
}

} // namespace dmaslab
