// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/slab_bank.h"
#include "dmaslab/export.h"

using dmaslab::SlabBank;

extern "C" {

DMASLAB_EXPORT gboolean gst_dma_slab_is_memory(GstMemory *memory)
{
    g_return_val_if_fail(memory != nullptr, FALSE);
    return SlabBank::of(memory) != nullptr;
}

DMASLAB_EXPORT gboolean gst_dma_slab_memory_get_info(GstMemory *memory, GstDmaSlabInfo *info)
{
    g_return_val_if_fail(memory != nullptr && info != nullptr, FALSE);
    SlabBank *bank = SlabBank::of(memory);
    if (!bank)
        return FALSE;
    const std::uint32_t index = bank->indexOf(memory);
    const dmaslab::Arena &arena = bank->arena();
    const int dmabuf = arena.dmabufFd(index);
    info->arena = arena.id();
    info->index = index;
    info->generation = bank->slot(index).hold.generation();
    info->slabs = arena.slabs();
    info->fd = dmabuf >= 0 ? dmabuf : arena.fd();
    info->is_dmabuf = dmabuf >= 0;
    info->fd_offset = dmabuf >= 0 ? 0 : index * arena.stride();
    info->stride = arena.stride();
    info->data = arena.slab(index).data();
    return TRUE;
}

DMASLAB_EXPORT gboolean gst_dma_slab_buffer_get_info(GstBuffer *buffer, GstDmaSlabInfo *info)
{
    g_return_val_if_fail(GST_IS_BUFFER(buffer), FALSE);
    return gst_buffer_n_memory(buffer) == 1 &&
           gst_dma_slab_memory_get_info(gst_buffer_peek_memory(buffer, 0), info);
}

} // extern "C"
