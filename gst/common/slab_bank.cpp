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
        index_.insert(memory, i);
    }
}

void SlabBank::restore(GstMemory *memory, std::uint32_t index) const
{
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
    slots_[index].hold = std::move(slab);
    return index;
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
        slot.hold.reset();
        return TRUE;
    }
    gst_memory_ref(memory);
    restore(memory, index);
    // Once the slab is back, the memory may be taken or even freed, and with the last one allocator and bank.
    const ObjectPtr<GstAllocator> keeper = refObject(memory->allocator);
    slot.hold.reset();
    // A read-modify-write, as in close(): of the two, the later one sees the earlier. Either close() finds
    // the slab that we have just returned, or we learn of the closing and look after the slab ourselves.
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
    // Kept until the end, or tryAcquire() would hand out the same slab for ever.
    std::vector<SlabRef> home;
    while (auto slab = pool_->tryAcquire()) {
        Slot &slot = slots_[slab->index()];
        home.push_back(std::move(*slab));
        GstMemory *memory = slot.memory;
        GstBuffer *parked = std::exchange(slot.parked, nullptr);
        // A ready buffer owns the memory's one reference; otherwise the memory waits here alone.
        const bool owned = parked && gst_buffer_n_memory(parked) > 0;
        if (parked)
            gst_buffer_unref(parked);
        if (memory && !owned)
            gst_memory_unref(memory);
    }
}

} // namespace dmaslab
