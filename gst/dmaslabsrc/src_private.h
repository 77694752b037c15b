// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/placement_properties.h"
#include "common/stats_timer.h"
#include "dmaslab/capture/file_set.h"
#include "dmaslabsrc/dma_slab_src.h"
#include "dmaslabsrc/producer.h"
#include "dmaslabsrc/src_stats.h"

namespace dmaslab {

/** The state of the element. */
struct SrcPrivate
{
    explicit SrcPrivate(GstDmaSlabSrc *element)
        : producer(GST_BASE_SRC(element)),
          timer(GST_ELEMENT(element), [this] { return collectStats(producer); })
    {
    }

    Settings settings; ///< object lock
    Producer producer;
    StatsTimer timer;
    PlacementProperties placement{1}; // ns of timer slack: deadlines are what this thread is for
    // Streaming thread, and state changes while there is none.
    Settings active;
    std::optional<FrameFormat> format; ///< of the caps that are set
    bool streamIsCurrent = false;      ///< the stream is the one for `format`
    bool guessed = false;              ///< the caps were ours to choose, and a raw file has only one truth
    std::uint32_t slabsWarned = 0;     ///< how many the last warning asked for
    std::uint64_t fileOrigin = 0;      ///< the number of the files' first frame
    std::optional<FileFrame> files;    ///< object lock: caps are asked for on any thread
};

} // namespace dmaslab

struct _GstDmaSlabSrc
{
    GstPushSrc parent;
    dmaslab::SrcPrivate *priv;
};

inline dmaslab::SrcPrivate &priv(gpointer object)
{
    return *GST_DMA_SLAB_SRC(object)->priv;
}
