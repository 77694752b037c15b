// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_SLAB_QUEUE (gst_slab_queue_get_type())
G_DECLARE_FINAL_TYPE(GstSlabQueue, gst_slab_queue, GST, SLAB_QUEUE, GstElement)

GST_ELEMENT_REGISTER_DECLARE(slabqueue)

G_END_DECLS
