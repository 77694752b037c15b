// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstpushsrc.h>

G_BEGIN_DECLS

#define GST_TYPE_URING_ARCHIVE_SRC (gst_uring_archive_src_get_type())
G_DECLARE_FINAL_TYPE(GstUringArchiveSrc, gst_uring_archive_src, GST, URING_ARCHIVE_SRC, GstPushSrc)
GST_ELEMENT_REGISTER_DECLARE(uringarchivesrc)

G_END_DECLS
