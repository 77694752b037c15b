// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include <gst/gst.h>
#include <gst/video/video.h>

#include "common/gst.h"
#include "common/slab_bank.h"

namespace dmaslab {

/** What every buffer of a pool looks like. */
struct BufferLayout
{
    bool isVideo = false;
    GstVideoInfo info{}; ///< with the strides that the slabs have
    gsize size = 0;      ///< bytes of a frame
};

/** A pool over slabs that somebody else laid out (a source's): closes the allocator's bank when it stops. */
[[nodiscard]] DMASLAB_EXPORT GstBufferPool *newSlabBufferPool(GstAllocator *allocator,
                                                              const BufferLayout &layout);

/** The bank a pool works on, or nullptr before its first activation. */
[[nodiscard]] DMASLAB_EXPORT SlabBank *slabBankOf(GstBufferPool *pool);

/**
 * Waits no longer than the deadline (CLOCK_MONOTONIC, ns): GST_FLOW_EOS when all slabs are held until then,
 * as DONTWAIT has it, GST_FLOW_FLUSHING when interrupted.
 */
[[nodiscard]] DMASLAB_EXPORT GstFlowReturn acquireBuffer(GstBufferPool *pool, std::int64_t deadlineNs,
                                                         GstBuffer **buffer);

/** Dresses a slab of the pool's bank, taken by other means, as a buffer of the pool. */
[[nodiscard]] DMASLAB_EXPORT GstFlowReturn wrapSlab(GstBufferPool *pool, SlabRef slab, GstBuffer **buffer);

} // namespace dmaslab
