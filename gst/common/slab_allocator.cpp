// SPDX-License-Identifier: LGPL-2.1-or-later
// The two allocator types: a slab with a dma-buf of its own must be told from one without by the stock check
// gst_is_dmabuf_memory(), which looks at the allocator's type. All behaviour is common, in the bank.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include <gst/allocators/gstdmabuf.h>
#include <gst/allocators/gstfdmemory.h>

#include "common/handles.h"
#include "common/slab_bank.h"
#include "dmaslab/memory/cache_sync.h"

namespace {

using dmaslab::SlabBank;

GST_DEBUG_CATEGORY_STATIC(slab_memory_debug);
#define GST_CAT_DEFAULT slab_memory_debug

SlabBank *&bankIn(GstAllocator *allocator);

/**
 * Holders that the core can see are exclusive locks (a GstBuffer has one) and, since it refuses WRITE to a
 * memory with two of those, at most one is left here. A map through a buffer brings a reference of its own,
 * whence the 2. References beyond that are bare ones: their holder would see the pixels change (it should
 * keep the buffer). A map inside a writer's is the same writer's, and readers explain no reference: theirs
 * may be the bare one.
 */
bool writeIsSafe(SlabBank &bank, GstMemory *root, std::uint32_t index)
{
    const bool inside = bank.slot(index).writers.load(std::memory_order_relaxed) > 0;
    return (inside || GST_MINI_OBJECT_REFCOUNT_VALUE(root) <= 2) && bank.pool().holders(index) <= 1;
}

dmaslab::CpuAccess accessOf(GstMapFlags flags)
{
    if (!(flags & GST_MAP_WRITE))
        return dmaslab::CpuAccess::Read;
    return flags & GST_MAP_READ ? dmaslab::CpuAccess::ReadWrite : dmaslab::CpuAccess::Write;
}

// The full pair alone: GStreamer never asks for the short one then. The dma-buf allocator's own full pair
// issues a sync ioctl for every map, needed or not.
gpointer memMapFull(GstMemory *memory, GstMapInfo *info, gsize)
{
    SlabBank &bank = *SlabBank::of(memory);
    const std::uint32_t index = bank.indexOf(memory);
    if (info->flags & GST_MAP_WRITE) {
        if (!writeIsSafe(bank, memory->parent ? memory->parent : memory, index)) {
            GST_CAT_INFO(slab_memory_debug, "slab %u: somebody else holds it, a writer gets a copy", index);
            return nullptr;
        }
        bank.slot(index).writers.fetch_add(1, std::memory_order_relaxed);
    }
    if (bank.needsCpuSync()) [[unlikely]] {
        if (const int error = dmaslab::beginCpuAccess(bank.arena().dmabufFd(index), accessOf(info->flags)))
            GST_CAT_WARNING(slab_memory_debug, "slab %u: begin of CPU access: %s", index, g_strerror(error));
    }
    // GStreamer adds memory->offset, which for a memfd already counts from the first slab.
    return bank.slot(index).base;
}

void memUnmapFull(GstMemory *memory, GstMapInfo *info)
{
    SlabBank &bank = *SlabBank::of(memory);
    if (!bank.needsCpuSync() && !(info->flags & GST_MAP_WRITE))
        return;
    const std::uint32_t index = bank.indexOf(memory);
    if (bank.needsCpuSync()) [[unlikely]] {
        if (const int error = dmaslab::endCpuAccess(bank.arena().dmabufFd(index), accessOf(info->flags)))
            GST_CAT_WARNING(slab_memory_debug, "slab %u: end of CPU access: %s", index, g_strerror(error));
    }
    if (info->flags & GST_MAP_WRITE)
        bank.slot(index).writers.fetch_sub(1, std::memory_order_relaxed);
}

GstMemory *memCopy(GstMemory *memory, gssize offset, gssize size)
{
    const gssize rest = static_cast<gssize>(memory->size) - offset;
    const gsize bytes = static_cast<gsize>(size == -1 ? std::max<gssize>(rest, 0) : size);
    GstMapInfo from;
    if (!gst_memory_map(memory, &from, GST_MAP_READ))
        return nullptr;
    GstMemory *copy = gst_allocator_alloc(nullptr, bytes, nullptr);
    GstMapInfo to;
    if (copy && gst_memory_map(copy, &to, GST_MAP_WRITE)) {
        std::memcpy(to.data, from.data + offset, bytes);
        gst_memory_unmap(copy, &to);
        SlabBank::of(memory)->countCopied(bytes);
        GST_CAT_INFO(slab_memory_debug, "slab memory %p: %" G_GSIZE_FORMAT " bytes copied", memory, bytes);
    }
    gst_memory_unmap(memory, &from);
    return copy;
}

using ShareFunction = GstMemory *(*)(GstMemory *, gssize, gssize);
std::atomic<ShareFunction> stockShare{nullptr};

GstMemory *memShare(GstMemory *memory, gssize offset, gssize size)
{
    // 1.22 takes -1 to mean "to the end of maxsize", which for a slab in a shared memfd is past its frame.
    return stockShare.load(std::memory_order_relaxed)(
        memory, offset, size == -1 ? static_cast<gssize>(memory->size) - offset : size);
}

void overrideFunctions(GstAllocator *allocator)
{
    // Both stock types share it; every instance stores the same pointer.
    stockShare.store(allocator->mem_share, std::memory_order_relaxed);
    allocator->mem_map_full = memMapFull;
    allocator->mem_unmap_full = memUnmapFull;
    allocator->mem_copy = memCopy;
    allocator->mem_share = memShare;
}

struct GstDmaSlabFdAllocator
{
    GstFdAllocator parent;
    SlabBank *bank;
};
struct GstDmaSlabFdAllocatorClass
{
    GstFdAllocatorClass parent;
};
struct GstDmaSlabDmabufAllocator
{
    GstDmaBufAllocator parent;
    SlabBank *bank;
};
struct GstDmaSlabDmabufAllocatorClass
{
    GstDmaBufAllocatorClass parent;
};

GType gst_dma_slab_fd_allocator_get_type();
GType gst_dma_slab_dmabuf_allocator_get_type();
G_DEFINE_TYPE(GstDmaSlabFdAllocator, gst_dma_slab_fd_allocator, GST_TYPE_FD_ALLOCATOR)
G_DEFINE_TYPE(GstDmaSlabDmabufAllocator, gst_dma_slab_dmabuf_allocator, GST_TYPE_DMABUF_ALLOCATOR)

SlabBank *&bankIn(GstAllocator *allocator)
{
    if (G_OBJECT_TYPE(allocator) == gst_dma_slab_fd_allocator_get_type())
        return reinterpret_cast<GstDmaSlabFdAllocator *>(allocator)->bank;
    return reinterpret_cast<GstDmaSlabDmabufAllocator *>(allocator)->bank;
}

void finalizeAllocator(GObject *object)
{
    delete std::exchange(bankIn(GST_ALLOCATOR_CAST(object)), nullptr);
    const bool plain = G_OBJECT_TYPE(object) == gst_dma_slab_fd_allocator_get_type();
    G_OBJECT_CLASS(plain ? gst_dma_slab_fd_allocator_parent_class
                         : gst_dma_slab_dmabuf_allocator_parent_class)
        ->finalize(object);
}

void gst_dma_slab_fd_allocator_class_init(GstDmaSlabFdAllocatorClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = finalizeAllocator;
}

void gst_dma_slab_fd_allocator_init(GstDmaSlabFdAllocator *self)
{
    overrideFunctions(GST_ALLOCATOR_CAST(self));
}

void gst_dma_slab_dmabuf_allocator_class_init(GstDmaSlabDmabufAllocatorClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = finalizeAllocator;
}

void gst_dma_slab_dmabuf_allocator_init(GstDmaSlabDmabufAllocator *self)
{
    overrideFunctions(GST_ALLOCATOR_CAST(self));
}

} // namespace

namespace dmaslab {

GstAllocator *SlabBank::newAllocator(PoolPtr pool, gsize size, CopyCount copied)
{
    static const bool once = [] {
        GST_DEBUG_CATEGORY_INIT(slab_memory_debug, "dmaslabmemory", 0, "dmaslab memories and their slabs");
        return true;
    }();
    (void)once;
    const bool dmabuf = pool->arena().report().dmabuf;
    auto *allocator = static_cast<GstAllocator *>(g_object_new(
        dmabuf ? gst_dma_slab_dmabuf_allocator_get_type() : gst_dma_slab_fd_allocator_get_type(), nullptr));
    gst_object_ref_sink(allocator);
    auto *bank = new SlabBank(std::move(pool), size, std::move(copied));
    bankIn(allocator) = bank;
    bank->fill(allocator);
    return allocator;
}

SlabBank *SlabBank::of(GstAllocator *allocator)
{
    if (!allocator || (G_OBJECT_TYPE(allocator) != gst_dma_slab_fd_allocator_get_type() &&
                       G_OBJECT_TYPE(allocator) != gst_dma_slab_dmabuf_allocator_get_type()))
        return nullptr;
    return bankIn(allocator);
}

} // namespace dmaslab
