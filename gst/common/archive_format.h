// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include <gst/gst.h>
#include <gst/video/video.h>

#include "dmaslab/archive/layout.h"

namespace dmaslab {

/** A stream as the archive needs to know it. */
struct ArchiveFormat
{
    SeriesFormat series;
    bool isVideo = false; ///< then `info` is valid, with the strides of the caps
    GstVideoInfo info{};
    /** The frames of the stream do not lie in memory as the series says: each one is gathered. */
    bool gathered = false;
    std::uint32_t rateNumerator = 0; ///< 0: no fixed rate
    std::uint32_t rateDenominator = 1;
};

/**
 * What frames look like: rows as they lie in memory where the picture fills most of them, else without
 * padding. `meta` is that of a frame, nullptr when frames carry none. Caps of no format with a fixed size
 * give a series of frames with different lengths. Refuses caps that claim a format and do not describe it.
 */
[[nodiscard]] Result<ArchiveFormat> archiveFormatFromCaps(const GstCaps *caps, const GstVideoMeta *meta);

} // namespace dmaslab
