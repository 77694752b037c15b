// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchivesrc/series_caps.h"

namespace dmaslab {

namespace {

/** The rows as they lie in memory, which need not be where GStreamer would put them. */
bool takeOverRows(const SeriesFormat &format, GstVideoInfo &info)
{
    if (format.planes.empty())
        return GST_VIDEO_INFO_SIZE(&info) == format.frameBytes;
    if (format.planes.size() != GST_VIDEO_INFO_N_PLANES(&info))
        return false;
    for (std::size_t plane = 0; plane < format.planes.size(); ++plane) {
        if (format.planes[plane].stride > std::size_t(G_MAXINT))
            return false;
        info.offset[plane] = format.planes[plane].offset;
        info.stride[plane] = gint(format.planes[plane].stride);
    }
    info.size = format.frameBytes;
    return true;
}

} // namespace

GstClockTime frameDurationOf(const GstCaps *caps)
{
    gint numerator = 0;
    gint denominator = 1;
    if (gst_caps_is_empty(caps) || gst_caps_is_any(caps) ||
        !gst_structure_get_fraction(gst_caps_get_structure(caps, 0), "framerate", &numerator, &denominator) ||
        numerator <= 0)
        return GST_CLOCK_TIME_NONE;
    return gst_util_uint64_scale(GST_SECOND, guint64(denominator), guint64(numerator));
}

Result<SeriesCaps> capsOfSeries(const ManifestSeries &series, const std::string &location)
{
    SeriesCaps result;
    const SeriesFormat &format = series.format;
    result.caps.reset(gst_caps_from_string(format.caps.c_str()));
    if (!result.caps || !gst_caps_is_fixed(result.caps.get()))
        return fail(Errc::Format, location + ": the manifest gives '" + format.caps +
                                      "' as caps of a series, which are no fixed caps");
    result.frameDuration = frameDurationOf(result.caps.get());
    result.layout.size = format.frameBytes;
    const GstStructure *structure = gst_caps_get_structure(result.caps.get(), 0);
    result.layout.isVideo = format.frameBytes != 0 && gst_structure_has_name(structure, "video/x-raw") &&
                            gst_video_info_from_caps(&result.layout.info, result.caps.get()) &&
                            takeOverRows(format, result.layout.info);
    return result;
}

} // namespace dmaslab
