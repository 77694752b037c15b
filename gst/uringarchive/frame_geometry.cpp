// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchive/frame_geometry.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace dmaslab {

namespace {

/** Each memory of a buffer mapped by itself: mapping the buffer as one would copy it first. */
class MappedMemories
{
public:
    explicit MappedMemories(GstBuffer *buffer) : count_(std::min(gst_buffer_n_memory(buffer), most))
    {
        for (guint i = 0; i < count_; ++i) {
            memories_[i] = gst_buffer_peek_memory(buffer, i);
            mapped_[i] = gst_memory_map(memories_[i], &maps_[i], GST_MAP_READ);
        }
    }
    ~MappedMemories()
    {
        for (guint i = 0; i < count_; ++i) {
            if (mapped_[i])
                gst_memory_unmap(memories_[i], &maps_[i]);
        }
    }
    MappedMemories(const MappedMemories &) = delete;
    MappedMemories &operator=(const MappedMemories &) = delete;

    /** Bytes that are not there, or cannot be mapped, are 0. */
    void copy(gsize offset, std::byte *dest, gsize bytes) const
    {
        for (guint i = 0; i < count_ && bytes > 0; ++i) {
            const gsize size = memories_[i]->size;
            if (offset >= size) {
                offset -= size;
                continue;
            }
            const gsize part = std::min(bytes, size - offset);
            if (mapped_[i])
                std::memcpy(dest, maps_[i].data + offset, part);
            else
                std::memset(dest, 0, part);
            dest += part;
            bytes -= part;
            offset = 0;
        }
        std::memset(dest, 0, bytes);
    }

private:
    static constexpr guint most = 64; // a buffer has 16, by gst_buffer_get_max_memory()

    const guint count_;
    GstMemory *memories_[most];
    GstMapInfo maps_[most];
    bool mapped_[most];
};

} // namespace

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

void FrameGeometry::gather(GstBuffer *buffer, std::byte *dest) const
{
    const MappedMemories memories(buffer);
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
