// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstbasesink.h>
#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_URING_ARCHIVE (gst_uring_archive_get_type())
G_DECLARE_FINAL_TYPE(GstUringArchive, gst_uring_archive, GST, URING_ARCHIVE, GstBaseSink)

GST_ELEMENT_REGISTER_DECLARE(uringarchive)

G_END_DECLS
