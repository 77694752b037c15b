// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/gst.h>

#include "simdproc/simd_proc.h"

static gboolean plugin_init(GstPlugin *plugin)
{
    return GST_ELEMENT_REGISTER(simdproc, plugin);
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, simdproc,
                  "Pixel operations of fast cameras in one pass at memory speed", plugin_init,
                  DMASLAB_VERSION, "LGPL", "dmaslab", DMASLAB_ORIGIN)
