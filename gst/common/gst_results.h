/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file
 * What simdproc measured in a frame, as a meta on the frame's buffer. Link with `pkg-config dmaslab-gst`.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/**
 * The results of one frame. Only what the element was asked for is there: the pointers of other arrays are
 * NULL, and other numbers are 0. Arrays live as long as the meta.
 */
typedef struct
{
    GstMeta meta;

    guint64 sequence; /**< the frame's number, as its source counts */
    GstClockTime pts;

    gboolean has_statistics;
    guint min, max;
    gdouble mean, variance;
    gdouble brightness; /**< the mean as a share of full scale: 0 to 1 */
    guint64 saturated;  /**< pixels that the sensor gave at full scale */

    gboolean has_motion;
    guint64 changed; /**< pixels that differ from the frame before by more than `motion` */

    const guint32 *histogram; /**< 256 bins from 0 to full scale */

    guint roi_columns, roi_rows; /**< arrays of rectangles are row by row */
    const guint64 *roi_sums;     /**< light of each; above roi-threshold for centroids */
    const guint8 *roi_occupied;  /**< 1: holds an atom */
    const gfloat *roi_x,
        *roi_y; /**< centre of gravity from the rectangle's centre, in pixels; NaN: no light */

    GstBuffer *record; /**< the same as the element's pad `results` sends: one numpy record */
} GstDmaSlabResultsMeta;

GType gst_dma_slab_results_meta_api_get_type(void);
#define GST_DMA_SLAB_RESULTS_META_API_TYPE (gst_dma_slab_results_meta_api_get_type())
const GstMetaInfo *gst_dma_slab_results_meta_get_info(void);

/** @return (nullable) (transfer none): NULL when nothing was measured in this frame. */
GstDmaSlabResultsMeta *gst_buffer_get_dma_slab_results_meta(GstBuffer *buffer);

/** An empty meta; `record` is kept. */
GstDmaSlabResultsMeta *gst_buffer_add_dma_slab_results_meta(GstBuffer *buffer, GstBuffer *record);

G_END_DECLS
