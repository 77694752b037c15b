// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchive/archive_allocation.h"

#include <gst/video/video.h>

#include "common/archive_format.h"
#include "common/gst.h"
#include "common/handles.h"

namespace dmaslab {

namespace {

/** A pool lays out all its slabs at once. Beyond this, ordinary memory at page boundaries does nearly as
 * well. */
constexpr std::uint64_t kMostPoolBytes = std::uint64_t{1} << 30;

/** Configured so that whoever takes it may leave it as it is. */
ObjectPtr<GstBufferPool> newPool(GstCaps *caps, guint size, guint buffers, const GstAllocationParams &params)
{
    ObjectPtr<GstBufferPool> pool(gst_dma_slab_buffer_pool_new());
    GstStructure *config = gst_buffer_pool_get_config(pool.get());
    gst_buffer_pool_config_set_params(config, caps, size, buffers, 0);
    gst_buffer_pool_config_set_allocator(config, nullptr, &params);
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    if (!gst_buffer_pool_set_config(pool.get(), config))
        pool.reset();
    return pool;
}

} // namespace

void proposeAllocation(GstElement *element, GstQuery *query, const ArchiveSettings &settings)
{
    GstCaps *caps = nullptr;
    gboolean wantsPool = FALSE;
    gst_query_parse_allocation(query, &caps, &wantsPool);
    gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);

    GstAllocationParams params;
    gst_allocation_params_init(&params);
    params.align = kArchiveBlock - 1;
    const auto format = archiveFormatFromCaps(caps, nullptr);
    const std::uint64_t frameBytes = format ? format->series.frameBytes : 0;
    if (frameBytes > 0) {
        // The tail of a record is written with the frame: room behind it saves copying the last block.
        const auto layout = chooseLayout(format->series, settings.layout);
        if (layout && layout->recordBytes > frameBytes)
            params.padding = gsize(layout->recordBytes - frameBytes);
    }
    gst_query_add_allocation_param(query, nullptr, &params);
    // Encoded frames come from pools that know their sizes; ours could not.
    if (frameBytes == 0 || frameBytes > G_MAXUINT)
        return;
    const std::uint32_t held = settings.maxHeld(format->rateNumerator, format->rateDenominator);
    ObjectPtr<GstBufferPool> pool;
    if (wantsPool && frameBytes * held <= kMostPoolBytes)
        pool = newPool(caps, guint(frameBytes), held, params);
    gst_query_add_allocation_pool(query, pool.get(), guint(frameBytes), held, 0);
    GST_CAT_DEBUG_OBJECT(GST_CAT_DEFAULT, element, "may hold %u frames of %u bytes and %" G_GSIZE_FORMAT,
                         held, guint(frameBytes), params.padding);
}

} // namespace dmaslab
