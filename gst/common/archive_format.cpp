// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/archive_format.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "common/frame_format.h"
#include "common/handles.h"
#include "dmaslab/archive/record_fields.h"

namespace dmaslab {

namespace {

using Planes = std::vector<PlaneLayout>;

std::size_t endOf(const PlaneLayout &plane)
{
    return plane.offset + plane.stride * plane.rows;
}

/** What one pixel of a row is made of. */
struct PixelItems
{
    std::string dtype = "|u1";
    std::uint64_t pixelBytes = 1; ///< also 1 where pixels share bytes
    std::uint64_t items = 1;      ///< above 1: an axis of its own
};

/** Each component has bytes of its own, one or two. Depths and shifts tell; offsets are not always filled in.
 */
bool hasOwnBytes(const GstVideoFormatInfo *format, unsigned bits)
{
    for (guint c = 0; c < GST_VIDEO_FORMAT_INFO_N_COMPONENTS(format); ++c) {
        if (format->pixel_stride[c] == 0 || format->depth[c] + format->shift[c] > bits ||
            (bits == 16 && format->depth[c] <= 8))
            return false;
    }
    return true;
}

std::string wordType(const GstVideoFormatInfo *format, const char *bytes)
{
    // Three formats lack the flag of their byte order.
    const GstVideoFormat id = GST_VIDEO_FORMAT_INFO_FORMAT(format);
    const bool little = GST_VIDEO_FORMAT_INFO_IS_LE(format) || id == GST_VIDEO_FORMAT_Y210 ||
                        id == GST_VIDEO_FORMAT_Y410 || id == GST_VIDEO_FORMAT_v216;
    return (little ? "<u" : ">u") + std::string(bytes);
}

/** Pixels of a format whose components share one plane. Of 4:2:2 half of the chroma belongs to each. */
PixelItems packedItems(const GstVideoFormatInfo *format)
{
    const auto bytes = std::uint64_t(format->pixel_stride[0]);
    const guint components = GST_VIDEO_FORMAT_INFO_N_COMPONENTS(format);
    const bool halved = components > 1 && GST_VIDEO_FORMAT_INFO_W_SUB(format, 1) == 1;
    if (hasOwnBytes(format, 8))
        return {"|u1", bytes, bytes};
    if (hasOwnBytes(format, 16) && bytes == 2 * (halved ? 2 : components))
        return {wordType(format, "2"), bytes, bytes / 2};
    if (bytes == 2 || bytes == 4)
        return {wordType(format, bytes == 2 ? "2" : "4"), bytes, 1};
    return {};
}

/** Rows of one plane: (rows, pixels) or (rows, pixels, items), or bytes where the stride cuts a pixel. */
void describeRows(SeriesFormat &series, const PlaneLayout &plane, const PixelItems &items,
                  std::uint64_t pixels)
{
    series.shape = {series.frameBytes / plane.stride, plane.stride};
    series.crop = {plane.rows, plane.rowBytes};
    if (items.pixelBytes > 1 && plane.stride % items.pixelBytes == 0) {
        series.dtype = items.dtype;
        series.shape[1] = plane.stride / items.pixelBytes;
        series.crop[1] = pixels;
        if (items.items > 1) {
            series.shape.push_back(items.items);
            series.crop.push_back(items.items);
        }
    }
    if (series.crop == series.shape)
        series.crop.clear();
}

/** Planes of equal strides, one below the other, are one array of rows. False when they are not. */
bool describeStack(SeriesFormat &series, const GstVideoFormatInfo *format)
{
    const Planes &planes = series.planes;
    const std::uint64_t stride = planes[0].stride;
    std::uint64_t rowBytes = 0;
    for (const PlaneLayout &plane : planes) {
        if (plane.stride != stride || plane.offset % stride != 0)
            return false;
        rowBytes = std::max<std::uint64_t>(rowBytes, plane.rowBytes);
    }
    if (series.frameBytes % stride != 0)
        return false;
    const std::uint64_t rows = series.frameBytes / stride;
    const bool words = format->pixel_stride[0] == 2 && hasOwnBytes(format, 16) && stride % 2 == 0;
    series.dtype = words ? wordType(format, "2") : "|u1";
    const std::uint64_t item = words ? 2 : 1;
    series.shape = {rows, stride / item};
    series.crop = {rows, rowBytes / item};
    if (series.crop == series.shape)
        series.crop.clear();
    return true;
}

void describeBytes(SeriesFormat &series)
{
    series.dtype = "|u1";
    series.shape = {series.frameBytes};
    series.crop.clear();
}

bool isWhereGStreamerPutsIt(const Planes &planes, const GstVideoMeta &meta)
{
    for (std::size_t i = 0; i < planes.size(); ++i) {
        if (i >= meta.n_planes || meta.offset[i] != planes[i].offset ||
            meta.stride[i] != gint(planes[i].stride))
            return false;
    }
    return true;
}

/** Where the planes lie when the frames say so; nothing when that is no way to store them. */
Planes placedPlanes(const Planes &usual, const GstVideoMeta &meta)
{
    if (meta.n_planes != usual.size() || meta.offset[0] != 0)
        return {};
    Planes placed = usual;
    std::size_t end = 0;
    for (std::size_t i = 0; i < placed.size(); ++i) {
        PlaneLayout &plane = placed[i];
        // Of a picture cut out of a much larger one the copy costs less than writing the surroundings.
        if (meta.stride[i] <= 0 || std::size_t(meta.stride[i]) < plane.rowBytes ||
            std::size_t(meta.stride[i]) > 2 * std::max(plane.rowBytes, plane.stride) || meta.offset[i] < end)
            return {};
        plane.offset = meta.offset[i];
        plane.stride = std::size_t(meta.stride[i]);
        end = plane.offset + plane.stride * plane.rows;
    }
    return end <= 2 * endOf(usual.back()) ? placed : Planes{};
}

void describeVideo(ArchiveFormat &format, const FrameLayout &layout, const GstVideoMeta *meta)
{
    SeriesFormat &series = format.series;
    const GstVideoFormatInfo *info = format.info.finfo;
    series.frameBytes = layout.frameBytes;
    series.planes = layout.planes;
    if (series.planes.empty()) {
        describeBytes(series);
        return;
    }
    // At odd heights some formats have rows behind their last plane; those are part of the frame.
    if (meta && !isWhereGStreamerPutsIt(series.planes, *meta)) {
        Planes placed = placedPlanes(series.planes, *meta);
        format.gathered = placed.empty();
        if (!placed.empty()) {
            series.planes = std::move(placed);
            series.frameBytes = endOf(series.planes.back());
        }
    }
    const PlaneLayout &last = series.planes.back();
    const bool stacked = series.planes.size() > 1;
    if (stacked ? !describeStack(series, info) : series.frameBytes % last.stride != 0) {
        describeBytes(series);
    } else if (!stacked) {
        // Counted in whole pairs of pixels: at an odd width 4:2:2 has one more.
        const PixelItems items = packedItems(info);
        describeRows(series, last, items, last.rowBytes / std::max<std::uint64_t>(items.pixelBytes, 1));
    }
}

void describeBayer(SeriesFormat &series, const GstStructure *structure, const FrameLayout &layout)
{
    const std::string_view name = gst_structure_get_string(structure, "format");
    const PixelItems eight;
    const PixelItems sixteen{name.ends_with("be") ? ">u2" : "<u2", 2, 1};
    series.planes = layout.planes;
    describeRows(series, layout.planes[0], name.size() == 4 ? eight : sixteen,
                 layout.planes[0].rowBytes / (name.size() == 4 ? 1 : 2));
}

Result<void> describeArray(SeriesFormat &series, const GstStructure *structure)
{
    series.dtype = gst_structure_get_string(structure, "dtype");
    if (series.dtype[0] == '=')
        series.dtype[0] = '<';
    if (series.dtype.size() == 3 && series.dtype[2] == '1')
        series.dtype[0] = '|'; // as numpy writes it: one byte has no order
    const std::string_view shape = gst_structure_get_string(structure, "shape");
    for (std::size_t at = 0; at < shape.size();) {
        std::uint64_t axis = 0;
        const auto [end, error] = std::from_chars(shape.data() + at, shape.data() + shape.size(), axis);
        series.shape.push_back(axis);
        at = std::size_t(end - shape.data()) + 1;
    }
    const char *fields = gst_structure_get_string(structure, "fields");
    if (!fields)
        return {};
    const auto record = parseRecordFields(fields);
    if (!record)
        return tl::unexpected(record.error());
    if (series.dtype != "|u1" || series.shape.back() != record->bytes)
        return fail(Errc::InvalidArgument, "fields of " + std::to_string(record->bytes) +
                                               " bytes need dtype=(string)\"|u1\" and that number as the "
                                               "last axis of the shape, which is " +
                                               std::to_string(series.shape.back()) + " of " + series.dtype);
    series.fields = record->descr;
    return {};
}

bool hasFixedSize(const GstStructure *structure)
{
    if (gst_structure_has_name(structure, "video/x-raw")) {
        // Names for what is in a buffer that only a device or a decoder understands.
        const char *name = gst_structure_get_string(structure, "format");
        return g_strcmp0(name, "DMA_DRM") != 0 && g_strcmp0(name, "ENCODED") != 0;
    }
    return gst_structure_has_name(structure, "video/x-bayer") ||
           gst_structure_has_name(structure, "video/x-mono-packed") ||
           gst_structure_has_name(structure, "application/x-ndarray");
}

} // namespace

Result<ArchiveFormat> archiveFormatFromCaps(const GstCaps *caps, const GstVideoMeta *meta)
{
    ArchiveFormat format;
    if (!caps || gst_caps_get_size(caps) == 0) {
        format.series.caps = "application/octet-stream";
        return format;
    }
    const CharPtr text(gst_caps_to_string(caps));
    format.series.caps = text.get();
    const GstStructure *structure = gst_caps_get_structure(caps, 0);
    gint numerator = 0;
    gint denominator = 1;
    if (gst_structure_get_fraction(structure, "framerate", &numerator, &denominator) && numerator > 0) {
        format.rateNumerator = std::uint32_t(numerator);
        format.rateDenominator = std::uint32_t(denominator);
    }
    if (!hasFixedSize(structure))
        return format;
    auto frame = frameFormatFromCaps(caps);
    if (!frame)
        return tl::unexpected(std::move(frame.error()));
    SeriesFormat &series = format.series;
    series.frameBytes = frame->layout.frameBytes;
    if (frame->isVideo) {
        format.isVideo = true;
        format.info = frame->info;
        describeVideo(format, frame->layout, meta);
    } else if (gst_structure_has_name(structure, "video/x-bayer")) {
        describeBayer(series, structure, frame->layout);
    } else if (gst_structure_has_name(structure, "video/x-mono-packed")) {
        series.planes = frame->layout.planes;
        describeRows(series, series.planes[0], PixelItems{}, series.planes[0].rowBytes);
    } else {
        if (auto described = describeArray(series, structure); !described)
            return tl::unexpected(std::move(described.error()));
    }
    return format;
}

} // namespace dmaslab
