// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include <gst/gst.h>
#include <gst/video/video.h>

#include "simdproc/proc_caps.h"

namespace dmaslab {

/** The picture's plane of a buffer, mapped: only the memory it lies in, so that nothing is merged by copying.
 */
class PictureMap
{
public:
    PictureMap(GstBuffer *buffer, const PictureLayout &layout, GstMapFlags flags) : buffer_(buffer)
    {
        gsize offset = layout.offset;
        std::ptrdiff_t stride = std::ptrdiff_t(layout.stride);
        if (const GstVideoMeta *meta = layout.isVideo ? gst_buffer_get_video_meta(buffer) : nullptr) {
            offset = meta->offset[0];
            stride = meta->stride[0];
        }
        const PictureFormat &format = layout.format;
        const std::size_t rowBytes = bytesOfPixels(format.packing, format.width);
        const bool words = format.packing == PixelPacking::Mono16;
        if (stride < std::ptrdiff_t(rowBytes) || (words && (stride % 2 != 0 || offset % 2 != 0)))
            return;
        const gsize bytes = gsize(stride) * (format.height - 1) + rowBytes;
        guint first = 0, count = 0;
        gsize skip = 0;
        if (!gst_buffer_find_memory(buffer, offset, bytes, &first, &count, &skip) || count != 1 ||
            !gst_buffer_map_range(buffer, first, gint(count), &map_, flags))
            return;
        mapped_ = true;
        if (map_.size < skip + bytes || (words && reinterpret_cast<std::uintptr_t>(map_.data) % 2 != 0))
            return;
        data_ = map_.data + skip;
        stride_ = stride;
    }
    ~PictureMap()
    {
        if (mapped_)
            gst_buffer_unmap(buffer_, &map_);
    }
    PictureMap(const PictureMap &) = delete;
    PictureMap &operator=(const PictureMap &) = delete;

    /** Null when the frame is not what its caps say, or cannot be mapped that way. */
    [[nodiscard]] std::uint8_t *data() const { return data_; }
    [[nodiscard]] std::ptrdiff_t stride() const { return stride_; }

private:
    GstBuffer *buffer_;
    GstMapInfo map_ = GST_MAP_INFO_INIT;
    bool mapped_ = false;
    std::uint8_t *data_ = nullptr;
    std::ptrdiff_t stride_ = 0;
};

} // namespace dmaslab
