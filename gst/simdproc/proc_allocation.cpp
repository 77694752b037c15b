// SPDX-License-Identifier: LGPL-2.1-or-later
#include "simdproc/proc_allocation.h"

#include <algorithm>

#include <gst/video/video.h>

#include "common/gst.h"

namespace dmaslab {

namespace {

constexpr guint kOwn = 2; ///< the frame that is written, and the one before it on its way

} // namespace

bool decideProcAllocation(GstElement *element, GstQuery *query, const PictureLayout &output)
{
    GstCaps *caps = nullptr;
    gst_query_parse_allocation(query, &caps, nullptr);
    guint held = 0;
    while (gst_query_get_n_allocation_pools(query) > 0) {
        guint min = 0;
        gst_query_parse_nth_allocation_pool(query, 0, nullptr, nullptr, &min, nullptr);
        held = std::max(held, min);
        gst_query_remove_nth_allocation_pool(query, 0); // what it holds counts, where frames lie is ours
    }
    GstAllocationParams params;
    gst_allocation_params_init(&params);
    if (gst_query_get_n_allocation_params(query) > 0)
        gst_query_parse_nth_allocation_param(query, 0, nullptr, &params);

    const ObjectPtr<GstBufferPool> pool(gst_dma_slab_buffer_pool_new());
    GstStructure *config = gst_buffer_pool_get_config(pool.get());
    gst_buffer_pool_config_set_params(config, caps, guint(output.frameBytes), held + kOwn, 0);
    gst_buffer_pool_config_set_allocator(config, nullptr, &params);
    if (gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr))
        gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    if (!gst_buffer_pool_set_config(pool.get(), config)) {
        GST_ELEMENT_ERROR(element, RESOURCE, NO_SPACE_LEFT,
                          ("%s: no pool for frames of %" G_GSIZE_FORMAT " bytes", GST_OBJECT_NAME(element),
                           output.frameBytes),
                          (nullptr));
        return false;
    }
    gst_query_add_allocation_pool(query, pool.get(), guint(output.frameBytes), held + kOwn, 0);
    return true;
}

bool proposeProcAllocation(GstQuery *query)
{
    GstCaps *caps = nullptr;
    gst_query_parse_allocation(query, &caps, nullptr);
    const auto layout = pictureLayoutFromCaps(caps);
    if (!layout)
        return false;
    gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
    GstAllocationParams params;
    gst_allocation_params_init(&params);
    params.align = kVectorAlign;
    gst_query_add_allocation_param(query, nullptr, &params);
    gst_query_add_allocation_pool(query, nullptr, guint(layout->frameBytes), 1, 0);
    return true;
}

} // namespace dmaslab
