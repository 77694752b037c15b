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

SlabBank::SlabBank(PoolPtr pool, gsize size, CopyCount copied)
    : pool_(std::move(pool)), size_(size), needsCpuSync_(pool_->arena().needsCpuSync()),
      slots_(pool_->arena().slabs()), index_(slots_.size()), copied_(std::move(copied))
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
        slots_[i].offset = dmabuf >= 0 ? 0 : i * arena.stride();
        slots_[i].base = dmabuf >= 0 ? arena.slab(i).data() : arena.base();
        restore(memory, i);
        slots_[i].memory = memory;
        slots_[i].waiting.store(true, std::memory_order_relaxed);
        index_.insert(memory, i);
    }
}

bool SlabBank::claim(std::uint32_t index)
{
    // acquire: pairs with comeHome().
    return slots_[index].waiting.exchange(false, std::memory_order_acq_rel);
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
        const bool owned = slot.ready;
        if (parked)
            gst_buffer_unref(parked);
        if (!owned)
            gst_memory_unref(memory);
    }
}

} // namespace dmaslab
