// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/slab_bank.h"

#include <utility>

#include <gst/allocators/gstfdmemory.h>

#include "common/handles.h"

namespace dmaslab {

namespace {

gboolean disposeMemory(GstMiniObject *object)
{
    GstMemory *memory = GST_MEMORY_CAST(object);
    return SlabBank::of(memory)->dispose(memory);
}

} // namespace

SlabBank::SlabBank(PoolPtr pool, gsize size)
    : pool_(std::move(pool)), size_(size), slots_(pool_->arena().slabs()), index_(slots_.size())
{
}

SlabBank::~SlabBank() = default;

void SlabBank::fill(GstAllocator *allocator)
{
    // The mapping is the arena's, for ever, and the descriptors are the arena's too.
    const auto flags =
        static_cast<GstFdMemoryFlags>(GST_FD_MEMORY_FLAG_KEEP_MAPPED | GST_FD_MEMORY_FLAG_DONT_CLOSE);
    const Arena &arena = this->arena();
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
        const int dmabuf = arena.dmabufFd(i);
        // One memfd behind all slabs: maxsize reaches to the end of this one, for peers that map from 0.
        GstMemory *memory =
            dmabuf >= 0 ? gst_fd_allocator_alloc(allocator, dmabuf, arena.stride(), flags)
                        : gst_fd_allocator_alloc(allocator, arena.fd(), (i + 1) * arena.stride(), flags);
        GST_MINI_OBJECT_CAST(memory)->dispose = disposeMemory;
        restore(memory, i);
        slots_[i].memory = memory;
        slots_[i].waiting.store(true, std::memory_order_relaxed);
        index_.insert(memory, i);
    }
}

void SlabBank::restore(GstMemory *memory, std::uint32_t index) const
{
    // Whoever had it may have marked it, for example as read-only.
    GST_MINI_OBJECT_FLAGS(memory) = GST_MINI_OBJECT_FLAG_LOCKABLE;
    memory->offset = arena().dmabufFd(index) >= 0 ? 0 : index * arena().stride();
    memory->size = size_;
}

std::uint32_t SlabBank::indexOf(GstMemory *memory) const
{
    return index_.find(memory->parent ? memory->parent : memory);
}

std::uint32_t SlabBank::keep(SlabRef slab)
{
    const std::uint32_t index = slab.index();
    // relaxed: the slab came with an acquire, and close() has no business with a pool that still hands out.
    slots_[index].waiting.store(false, std::memory_order_relaxed);
    slots_[index].hold = std::move(slab);
    return index;
}

bool SlabBank::claim(std::uint32_t index)
{
    // acquire: pairs with comeHome().
    return slots_[index].waiting.exchange(false, std::memory_order_acq_rel);
}

void SlabBank::comeHome(std::uint32_t index)
{
    Slot &slot = slots_[index];
    // Ours alone until the very end: once `waiting` is set, reap() may free the memory.
    SlabRef hold = std::move(slot.hold);
    slot.waiting.store(true, std::memory_order_release); // the memory as restored
    hold.reset();
}

GstMemory *SlabBank::memory(std::uint32_t index)
{
    // The reference that waited here since the memory was made or disposed of.
    return slots_[index].memory;
}

gboolean SlabBank::dispose(GstMemory *memory)
{
    const std::uint32_t index = index_.find(memory);
    Slot &slot = slots_[index];
    // acquire: pairs with close().
    if (closing_.load(std::memory_order_acquire) != 0) {
        slot.memory = nullptr;
        // The pool's buffer may have come home before its memory.
        if (GstBuffer *parked = slot.parked.exchange(nullptr, std::memory_order_acq_rel))
            gst_buffer_unref(parked);
        slot.hold.reset();
        return TRUE;
    }
    gst_memory_ref(memory);
    restore(memory, index);
    // Once it is home, the memory may be taken or even freed, and with the last one allocator and bank.
    const ObjectPtr<GstAllocator> keeper = refObject(memory->allocator);
    comeHome(index);
    // A read-modify-write, as in close(): of the two, the later one sees the earlier. Either close() finds
    // the memory that has just come home, or we learn of the closing and look after it ourselves.
    if (closing_.fetch_add(0, std::memory_order_acq_rel) != 0)
        reap();
    return FALSE;
}

void SlabBank::close()
{
    closing_.exchange(1, std::memory_order_acq_rel);
    reap();
}

void SlabBank::reap()
{
    for (Slot &slot : slots_) {
        // Not by way of the free slabs: one whose pixels the disk still holds has its memory here already,
        // and nobody would come by later to free it. exchange: one of several reapers gets it.
        if (!slot.waiting.exchange(false, std::memory_order_acq_rel))
            continue;
        GstMemory *memory = slot.memory;
        GstBuffer *parked = slot.parked.exchange(nullptr, std::memory_order_acq_rel);
        // A ready buffer owns the memory's one reference; otherwise the memory waits here alone.
        const bool owned = parked && gst_buffer_n_memory(parked) > 0;
        if (parked)
            gst_buffer_unref(parked);
        if (!owned)
            gst_memory_unref(memory);
    }
}

} // namespace dmaslab
