// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchive/frame_geometry.h"

#include <cstring>
#include <utility>

namespace dmaslab {

FrameGeometry::FrameGeometry(ArchiveFormat format) : format_(std::move(format))
{
    usual_ = true;
    const auto &planes = format_.series.planes;
    for (std::size_t i = 0; format_.isVideo && i < planes.size(); ++i) {
        usual_ = usual_ && planes[i].offset == GST_VIDEO_INFO_PLANE_OFFSET(&format_.info, i) &&
                 gint(planes[i].stride) == GST_VIDEO_INFO_PLANE_STRIDE(&format_.info, i);
    }
}

bool FrameGeometry::liesLikeSeries(const GstVideoMeta *meta) const
{
    const auto &planes = format_.series.planes;
    if (!meta || planes.empty())
        return usual_;
    for (std::size_t i = 0; i < planes.size(); ++i) {
        if (i >= meta->n_planes || meta->offset[i] != planes[i].offset ||
            meta->stride[i] != gint(planes[i].stride))
            return false;
    }
    return true;
}

/** Row `row` of a plane in the buffer; strides may be negative, for pictures that stand on their head. */
gint64 FrameGeometry::placeOf(const GstVideoMeta *meta, std::size_t plane, std::size_t row) const
{
    const gint64 offset =
        gint64(meta ? meta->offset[plane] : GST_VIDEO_INFO_PLANE_OFFSET(&format_.info, plane));
    const gint64 stride = meta ? meta->stride[plane] : GST_VIDEO_INFO_PLANE_STRIDE(&format_.info, plane);
    return offset + stride * gint64(row);
}

bool FrameGeometry::hasAllRows(const GstVideoMeta *meta, gsize size) const
{
    const auto &planes = format_.series.planes;
    const auto width = guint(GST_VIDEO_INFO_WIDTH(&format_.info));
    const auto height = guint(GST_VIDEO_INFO_HEIGHT(&format_.info));
    if (planes.empty())
        return size >= frameBytes();
    if (meta && (meta->width != width || meta->height != height || meta->n_planes != planes.size()))
        return false;
    for (std::size_t p = 0; p < planes.size(); ++p) {
        for (const std::size_t row : {std::size_t{0}, planes[p].rows - 1}) {
            const gint64 begin = placeOf(meta, p, row);
            if (begin < 0 || guint64(begin) + planes[p].rowBytes > size)
                return false;
        }
    }
    return true;
}

FrameGeometry::Fit FrameGeometry::fit(GstBuffer *buffer) const
{
    const gsize size = gst_buffer_get_size(buffer);
    const bool scattered = gst_buffer_n_memory(buffer) != 1;
    if (frameBytes() == 0 || !format_.isVideo) {
        const bool right = frameBytes() == 0 ? size > 0 : size == frameBytes();
        return !right ? Fit::Wrong : scattered ? Fit::Gather : Fit::AsItLies;
    }
    // As everywhere in GStreamer a picture's buffer may have more bytes than the picture needs.
    const GstVideoMeta *meta = gst_buffer_get_video_meta(buffer);
    if (!scattered && size >= frameBytes() && liesLikeSeries(meta))
        return Fit::AsItLies;
    return hasAllRows(meta, size) ? Fit::Gather : Fit::Wrong;
}

void FrameGeometry::gather(GstBuffer *buffer, const MemoryMaps &memories, std::byte *dest) const
{
    const auto &planes = format_.series.planes;
    const gsize bytes = frameBytes() != 0 ? frameBytes() : gst_buffer_get_size(buffer);
    if (!format_.isVideo || planes.empty()) {
        memories.copy(0, dest, bytes);
        return;
    }
    const GstVideoMeta *meta = gst_buffer_get_video_meta(buffer);
    std::memset(dest, 0, bytes);
    for (std::size_t p = 0; p < planes.size(); ++p) {
        for (std::size_t row = 0; row < planes[p].rows; ++row)
            memories.copy(gsize(placeOf(meta, p, row)), dest + planes[p].offset + row * planes[p].stride,
                          planes[p].rowBytes);
    }
}

} // namespace dmaslab
