/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file
 * dmaslab memory as applications and other elements see it: which slab a GstMemory is, and a pool of slabs
 * that any source may use. Link with `pkg-config dmaslab-gst`.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/** One use of one slab. Two equal (arena, index, generation) are the same frame in the same pixels. */
typedef struct
{
    guint32 arena;      /**< unique in the process, never reused */
    guint32 index;      /**< of the slab in its arena */
    guint32 generation; /**< of the slab's use: another one means other pixels */
    guint32 slabs;      /**< how many slabs the arena has */
    gint fd;            /**< the slab's dma-buf, or the memfd all slabs share; owned by the memory */
    gboolean is_dmabuf;
    gsize fd_offset; /**< where in fd the slab begins */
    gsize stride;    /**< from one slab to the next */
    gpointer data;   /**< where the slab is mapped, read-write, for its whole life */
} GstDmaSlabInfo;

/** Whether the memory is a slab, or a part of one. */
gboolean gst_dma_slab_is_memory(GstMemory *memory);
/** FALSE when the memory is no slab; info is then untouched. */
gboolean gst_dma_slab_memory_get_info(GstMemory *memory, GstDmaSlabInfo *info);
/** The same for a buffer that is one whole slab. */
gboolean gst_dma_slab_buffer_get_info(GstBuffer *buffer, GstDmaSlabInfo *info);

#define GST_TYPE_DMA_SLAB_BUFFER_POOL (gst_dma_slab_buffer_pool_get_type())
GType gst_dma_slab_buffer_pool_get_type(void);

/**
 * A pool to propose upstream or to allocate from. It lays out its own slabs when it is activated: as many as
 * the configured maximum of buffers, or the minimum and a few when there is no maximum. Each has room for the
 * padding of the configured allocation parameters behind its frame.
 * @return (transfer full)
 */
GstBufferPool *gst_dma_slab_buffer_pool_new(void);

/** Pixels that anybody copied out of the slabs of this pool, in bytes. */
guint64 gst_dma_slab_buffer_pool_get_bytes_copied(GstBufferPool *pool);

G_END_DECLS
