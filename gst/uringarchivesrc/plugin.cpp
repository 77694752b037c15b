// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/gst.h>

#include "uringarchivesrc/archive_src.h"

static gboolean plugin_init(GstPlugin *plugin)
{
    return GST_ELEMENT_REGISTER(uringarchivesrc, plugin);
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, uringarchivesrc,
                  "Plays recordings into slabs, with the numbers, times and losses they were made with",
                  plugin_init, DMASLAB_VERSION, "LGPL", "dmaslab", DMASLAB_ORIGIN)
