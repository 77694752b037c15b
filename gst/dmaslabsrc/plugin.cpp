// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/gst.h>

#include "dmaslabsrc/dma_slab_src.h"

static gboolean plugin_init(GstPlugin *plugin)
{
    return GST_ELEMENT_REGISTER(dmaslabsrc, plugin);
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, dmaslabsrc,
                  "Frames that land once in a slab of memory and are never copied", plugin_init,
                  DMASLAB_VERSION, "LGPL", "dmaslab", DMASLAB_ORIGIN)
