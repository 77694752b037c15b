// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

#include <gst/gst.h>
#include <gst/video/video.h>

#include "dmaslab/capture/frame_layout.h"

namespace dmaslab {

/** Caps as bytes in memory: how big a frame is, where its rows are, how many come per second. */
struct FrameFormat
{
    bool isVideo = false; ///< then `info` is valid
    GstVideoInfo info{};
    FrameLayout layout;
    std::uint32_t rateNumerator = 0; ///< 0: no fixed rate
    std::uint32_t rateDenominator = 1;
};

/**
 * Understands raw video, 8 to 16 bit Bayer, packed mono and `application/x-ndarray`: every format whose
 * frames all have one size. The error names the caps and what is wrong with them.
 */
Result<FrameFormat> frameFormatFromCaps(const GstCaps *caps);

/** Template caps of elements that take or give any such frame. */
extern const char *const anyFrameCaps;

} // namespace dmaslab
