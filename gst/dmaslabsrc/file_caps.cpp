// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslabsrc/file_caps.h"

#include <string>

#include <gst/video/video.h>

#include "common/frame_format.h"

namespace dmaslab {

CapsPtr capsOfFiles(const FileFrame &frame)
{
    CapsPtr any(gst_caps_from_string(anyFrameCaps));
    if (frame.raw)
        return any;
    const bool fits = frame.width <= G_MAXINT && frame.height <= G_MAXINT;
    const std::string format = fits ? pixelFormatHint(frame) : "";
    CapsPtr caps(gst_caps_new_empty());
    if (!format.empty()) {
        gst_caps_append_structure(caps.get(),
                                  gst_structure_new("video/x-raw", "format", G_TYPE_STRING, format.c_str(),
                                                    "width", G_TYPE_INT, gint(frame.width), "height",
                                                    G_TYPE_INT, gint(frame.height), "framerate",
                                                    GST_TYPE_FRACTION_RANGE, 0, 1, G_MAXINT, 1, nullptr));
    } else {
        std::string shape = std::to_string(frame.height) + "," + std::to_string(frame.width);
        if (frame.channels > 1)
            shape += "," + std::to_string(frame.channels);
        gst_caps_append_structure(
            caps.get(), gst_structure_new("application/x-ndarray", "dtype", G_TYPE_STRING,
                                          frame.dtype.text().c_str(), "shape", G_TYPE_STRING, shape.c_str(),
                                          "framerate", GST_TYPE_FRACTION_RANGE, 0, 1, G_MAXINT, 1, nullptr));
    }
    gst_caps_append(caps.get(), any.release());
    return caps;
}

} // namespace dmaslab
