// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/gst.h>

#include "uringarchive/uring_archive.h"

static gboolean plugin_init(GstPlugin *plugin)
{
    return GST_ELEMENT_REGISTER(uringarchive, plugin);
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, uringarchive,
                  "Recordings that numpy opens, written past the page cache", plugin_init, DMASLAB_VERSION,
                  "LGPL", "dmaslab", DMASLAB_ORIGIN)
