// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include "common/handles.h"
#include "dmaslab/process/formats.h"

namespace dmaslab {

inline constexpr gsize kVectorAlign =
    63; ///< as GstAllocationParams have it: a whole vector of the widest kind

/** Caps of both pads, before any property narrows them. */
extern const char *const procSinkCaps;
extern const char *const procSourceCaps;

/** Where the pixels that are looked at lie in a frame: the one plane of grey, or the brightness of YUV. */
struct PictureLayout
{
    PictureFormat format;
    gsize offset = 0; ///< of the first row, unless a buffer's GstVideoMeta says otherwise
    gsize stride = 0;
    gsize frameBytes = 0;
    bool isVideo = false; ///< knows GstVideoMeta
};

[[nodiscard]] Result<PictureLayout> pictureLayoutFromCaps(const GstCaps *caps);

/** What the properties make of formats. */
struct ProcWish
{
    ProcessSettings settings;
    bool lut8 = false;
};

/** Caps of the other pad, as a transform has to tell them: `forward` from sink to source. */
[[nodiscard]] CapsPtr transformProcCaps(const ProcWish &wish, const GstCaps *caps, bool forward);

} // namespace dmaslab
