// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstbasesrc.h>

// The functions of GstBaseSrcClass that agree with downstream on caps, and that lay out the slabs for them.
GstCaps *gst_dma_slab_src_get_caps(GstBaseSrc *base, GstCaps *filter);
GstCaps *gst_dma_slab_src_fixate(GstBaseSrc *base, GstCaps *caps);
gboolean gst_dma_slab_src_set_caps(GstBaseSrc *base, GstCaps *caps);
gboolean gst_dma_slab_src_decide_allocation(GstBaseSrc *base, GstQuery *query);
