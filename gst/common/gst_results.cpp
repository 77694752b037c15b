// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/gst_results.h"

#include "dmaslab/export.h"

namespace {

void clear(GstDmaSlabResultsMeta &results)
{
    const GstMeta meta = results.meta;
    results = {};
    results.meta = meta;
    results.pts = GST_CLOCK_TIME_NONE;
}

gboolean init(GstMeta *meta, gpointer, GstBuffer *)
{
    clear(*reinterpret_cast<GstDmaSlabResultsMeta *>(meta));
    return TRUE;
}

void release(GstMeta *meta, GstBuffer *)
{
    auto &results = *reinterpret_cast<GstDmaSlabResultsMeta *>(meta);
    gst_clear_buffer(&results.record);
}

/** Goes with copies of the whole frame; what is cut out or converted is no longer what was measured. */
gboolean transform(GstBuffer *to, GstMeta *meta, GstBuffer *, GQuark type, gpointer data)
{
    if (!GST_META_TRANSFORM_IS_COPY(type) || static_cast<GstMetaTransformCopy *>(data)->region)
        return FALSE;
    const auto &from = *reinterpret_cast<GstDmaSlabResultsMeta *>(meta);
    GstDmaSlabResultsMeta *copy = gst_buffer_add_dma_slab_results_meta(to, from.record);
    if (!copy)
        return FALSE;
    const GstMeta own = copy->meta;
    *copy = from; // the arrays lie in the record, which both keep
    copy->meta = own;
    return TRUE;
}

} // namespace

extern "C" {

DMASLAB_EXPORT GType gst_dma_slab_results_meta_api_get_type(void)
{
    static const GType type = [] {
        static const gchar *tags[] = {nullptr};
        return gst_meta_api_type_register("GstDmaSlabResultsMetaAPI", tags);
    }();
    return type;
}

DMASLAB_EXPORT const GstMetaInfo *gst_dma_slab_results_meta_get_info(void)
{
    static const GstMetaInfo *const info =
        gst_meta_register(GST_DMA_SLAB_RESULTS_META_API_TYPE, "GstDmaSlabResultsMeta",
                          sizeof(GstDmaSlabResultsMeta), init, release, transform);
    return info;
}

DMASLAB_EXPORT GstDmaSlabResultsMeta *gst_buffer_get_dma_slab_results_meta(GstBuffer *buffer)
{
    return reinterpret_cast<GstDmaSlabResultsMeta *>(
        gst_buffer_get_meta(buffer, GST_DMA_SLAB_RESULTS_META_API_TYPE));
}

DMASLAB_EXPORT GstDmaSlabResultsMeta *gst_buffer_add_dma_slab_results_meta(GstBuffer *buffer,
                                                                           GstBuffer *record)
{
    auto *meta = reinterpret_cast<GstDmaSlabResultsMeta *>(
        gst_buffer_add_meta(buffer, gst_dma_slab_results_meta_get_info(), nullptr));
    if (meta && record)
        meta->record = gst_buffer_ref(record);
    return meta;
}

} // extern "C"
