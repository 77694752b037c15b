// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchive/frame_owner.h"

#include "common/slab_bank.h"

namespace dmaslab {

void FrameOwners::reserve(std::uint32_t frames)
{
    while (owners_.size() < frames)
        owners_.emplace_back();
    capacity_.store(frames, std::memory_order_relaxed);
}

FrameOwner *FrameOwners::take(GstBuffer *buffer, const FrameGeometry *geometry)
{
    // Only this thread raises the count; acquire pairs with release(): a record that is free is empty.
    if (held() >= capacity())
        return nullptr;
    for (std::size_t i = 0; i < owners_.size(); ++i) {
        FrameOwner &owner = owners_[next_];
        next_ = next_ + 1 == owners_.size() ? 0 : next_ + 1;
        if (owner.taken.load(std::memory_order_acquire))
            continue;
        held_.fetch_add(1, std::memory_order_relaxed);
        owner.taken.store(true, std::memory_order_relaxed);
        owner.buffer = gst_buffer_ref(buffer);
        owner.geometry = geometry;
        return &owner;
    }
    return nullptr;
}

void FrameOwners::release(FrameOwner *owner)
{
    owner->diskHold.reset();
    owner->maps.unmap();
    GstBuffer *buffer = owner->buffer;
    owner->buffer = nullptr;
    owner->taken.store(false, std::memory_order_release);
    // After the buffer, so that who finds nothing held knows that every frame is home.
    gst_buffer_unref(buffer);
    if (held_.fetch_sub(1, std::memory_order_acq_rel) - 1 <= enough())
        roomBell_.ring();
}

bool FrameOwners::map(FrameOwner &owner, HeldBytes &bytes)
{
    if (!owner.maps.map(owner.buffer))
        return false;
    bytes.size = gst_buffer_get_size(owner.buffer);
    if (owner.maps.count() != 1)
        return true;
    bytes.data = reinterpret_cast<const std::byte *>(owner.maps[0].data);
    bytes.readable = owner.maps[0].size;
    GstMemory *memory = gst_buffer_peek_memory(owner.buffer, 0);
    GstDmaSlabInfo slab;
    if (!gst_dma_slab_memory_get_info(memory, &slab))
        return true;
    const auto *start = static_cast<const std::byte *>(slab.data);
    bytes.readable = slab.stride - std::uint64_t(bytes.data - start);
    bytes.arenaId = slab.arena;
    bytes.arenaBase = start - std::uint64_t(slab.index) * slab.stride;
    bytes.arenaBytes = std::uint64_t(slab.slabs) * slab.stride;
    owner.diskHold = SlabBank::of(memory)->slot(slab.index).hold.holdAs(Holder::Disk);
    return true;
}

bool FrameOwners::waitForRoom(const std::atomic<bool> &wanted)
{
    const auto over = [this, &wanted] { return held() <= enough() || !wanted.load(); };
    return roomBell_.wait(over) == Doorbell::Result::Ready;
}

bool FrameOwners::waitForNone(std::int64_t deadlineNs)
{
    return roomBell_.wait([this] { return held() == 0; }, deadlineNs) == Doorbell::Result::Ready;
}

void FrameOwners::setInterrupted(bool interrupted)
{
    if (interrupted)
        roomBell_.interrupt();
    else
        roomBell_.reset();
}

} // namespace dmaslab
