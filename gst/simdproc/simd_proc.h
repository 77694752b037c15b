// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstbasetransform.h>
#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_SIMD_PROC (gst_simd_proc_get_type())
G_DECLARE_FINAL_TYPE(GstSimdProc, gst_simd_proc, GST, SIMD_PROC, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE(simdproc)

G_END_DECLS
