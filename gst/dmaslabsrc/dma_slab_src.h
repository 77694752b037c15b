// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstpushsrc.h>

G_BEGIN_DECLS

#define GST_TYPE_DMA_SLAB_SRC (gst_dma_slab_src_get_type())
G_DECLARE_FINAL_TYPE(GstDmaSlabSrc, gst_dma_slab_src, GST, DMA_SLAB_SRC, GstPushSrc)
GST_ELEMENT_REGISTER_DECLARE(dmaslabsrc)

G_END_DECLS
