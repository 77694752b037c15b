// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/gst.h>

#include "slabqueue/slab_queue_element.h"

static gboolean plugin_init(GstPlugin *plugin)
{
    return GST_ELEMENT_REGISTER(slabqueue, plugin);
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, slabqueue,
                  "A lock-free thread boundary that names every frame it loses", plugin_init, DMASLAB_VERSION,
                  "LGPL", "dmaslab", DMASLAB_ORIGIN)
