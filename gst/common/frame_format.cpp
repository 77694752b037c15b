// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/frame_format.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "common/handles.h"

namespace dmaslab {

const char *const anyFrameCaps =
    "video/x-raw, format=(string)" GST_VIDEO_FORMATS_ALL ", width=" GST_VIDEO_SIZE_RANGE
    ", height=" GST_VIDEO_SIZE_RANGE ", framerate=" GST_VIDEO_FPS_RANGE ";"
    "video/x-bayer, format=(string){ bggr, gbrg, grbg, rggb, bggr10le, gbrg10le, grbg10le, rggb10le, "
    "bggr12le, "
    "gbrg12le, grbg12le, rggb12le, bggr14le, gbrg14le, grbg14le, rggb14le, bggr16le, gbrg16le, grbg16le, "
    "rggb16le }, width=" GST_VIDEO_SIZE_RANGE ", height=" GST_VIDEO_SIZE_RANGE
    ", framerate=" GST_VIDEO_FPS_RANGE ";"
    "video/x-mono-packed, format=(string){ mono10p, mono12p, mono12packed }, width=" GST_VIDEO_SIZE_RANGE
    ", height=" GST_VIDEO_SIZE_RANGE ", framerate=" GST_VIDEO_FPS_RANGE ";"
    "application/x-ndarray, framerate=" GST_VIDEO_FPS_RANGE "; application/x-ndarray";

namespace {

/** Bytes of a frame may not pass this: the arithmetic of strides and slabs stays far from overflow. */
constexpr std::uint64_t kMaxFrameBytes = std::uint64_t{1} << 40;

tl::unexpected<Error> refuse(const GstStructure *structure, const std::string &why)
{
    const CharPtr text(gst_structure_to_string(structure));
    return fail(Errc::InvalidArgument, "caps " + std::string(text.get()) + ": " + why);
}

FrameLayout videoLayout(const GstVideoInfo &info)
{
    FrameLayout layout;
    layout.frameBytes = GST_VIDEO_INFO_SIZE(&info);
    const GstVideoFormatInfo *format = info.finfo;
    const bool wide =
        GST_VIDEO_FORMAT_INFO_N_COMPONENTS(format) > 0 && GST_VIDEO_FORMAT_INFO_DEPTH(format, 0) > 8;
    layout.sampleBytes = wide ? 2 : 1;
    layout.bigEndian = wide && !GST_VIDEO_FORMAT_INFO_IS_LE(format);
    if (GST_VIDEO_FORMAT_INFO_IS_TILED(format) || GST_VIDEO_FORMAT_INFO_HAS_PALETTE(format))
        return layout; // no rows that a stride describes: the frame as it is
    for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES(&info); ++plane) {
        PlaneLayout rows;
        rows.offset = GST_VIDEO_INFO_PLANE_OFFSET(&info, plane);
        rows.stride = GST_VIDEO_INFO_PLANE_STRIDE(&info, plane);
        for (guint c = 0; c < GST_VIDEO_INFO_N_COMPONENTS(&info); ++c) {
            if (GST_VIDEO_INFO_COMP_PLANE(&info, c) != plane)
                continue;
            const std::size_t pixelStride = GST_VIDEO_INFO_COMP_PSTRIDE(&info, c);
            // A pixel stride of 0 stands for formats that pack pixels across bytes: the whole row counts.
            const std::size_t bytes =
                pixelStride == 0 ? rows.stride : GST_VIDEO_INFO_COMP_WIDTH(&info, c) * pixelStride;
            rows.rowBytes = std::max(rows.rowBytes, std::min(bytes, rows.stride));
            rows.rows = std::max<std::size_t>(rows.rows, GST_VIDEO_INFO_COMP_HEIGHT(&info, c));
        }
        layout.planes.push_back(rows);
    }
    if (!layout.check())
        layout.planes.clear();
    return layout;
}

/** Rows of `bits` per pixel, each row beginning at a multiple of `align` bytes. */
Result<FrameLayout> rowsLayout(const GstStructure *structure, unsigned bits, std::size_t align)
{
    gint width = 0;
    gint height = 0;
    if (!gst_structure_get_int(structure, "width", &width) ||
        !gst_structure_get_int(structure, "height", &height) || width <= 0 || height <= 0)
        return refuse(structure, "width and height must be positive; set both");
    const std::size_t rowBytes = (std::size_t(width) * bits + 7) / 8;
    const std::size_t stride = (rowBytes + align - 1) / align * align;
    return FrameLayout::padded(rowBytes, std::size_t(height), stride, bits > 8 && bits % 8 == 0 ? 2 : 1);
}

Result<FrameLayout> bayerLayout(const GstStructure *structure)
{
    const char *format = gst_structure_get_string(structure, "format");
    if (!format)
        return refuse(structure,
                      "the format is missing; set one of bggr gbrg grbg rggb, or with 10le 12le 14le 16le");
    // GStreamer's Bayer elements expect rows at multiples of 4 bytes.
    return rowsLayout(structure, std::string_view(format).size() == 4 ? 8 : 16, 4);
}

Result<FrameLayout> monoPackedLayout(const GstStructure *structure)
{
    const char *format = gst_structure_get_string(structure, "format");
    const std::string_view name = format ? format : "";
    if (name == "mono10p")
        return rowsLayout(structure, 10, 1);
    if (name == "mono12p" || name == "mono12packed")
        return rowsLayout(structure, 12, 1);
    return refuse(structure, "the format must be mono10p, mono12p or mono12packed");
}

Result<FrameLayout> ndarrayLayout(const GstStructure *structure)
{
    const char *dtype = gst_structure_get_string(structure, "dtype");
    const char *shape = gst_structure_get_string(structure, "shape");
    const std::string_view type = dtype ? dtype : "";
    unsigned itemBytes = 0;
    const bool known = type.size() >= 3 && std::string_view("<>|=").find(type[0]) != type.npos &&
                       std::string_view("uifcb").find(type[1]) != type.npos &&
                       std::from_chars(type.data() + 2, type.data() + type.size(), itemBytes).ptr ==
                           type.data() + type.size() &&
                       itemBytes > 0 && itemBytes <= 16;
    if (!known || !shape)
        return refuse(structure, "an array needs dtype=(string)\"<f4\" and shape=(string)\"rows,columns\"");
    std::uint64_t bytes = itemBytes;
    std::string_view rest = shape;
    for (;;) {
        std::uint64_t axis = 0;
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), axis);
        if (error != std::errc{} || axis == 0 || axis > kMaxFrameBytes / bytes)
            return refuse(structure, "the shape must be positive numbers with commas, such as \"20,20\"");
        bytes *= axis;
        rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
        if (rest.empty())
            break;
        if (rest.front() != ',')
            return refuse(structure, "the shape must be positive numbers with commas, such as \"20,20\"");
        rest.remove_prefix(1);
    }
    FrameLayout layout;
    layout.frameBytes = bytes;
    layout.sampleBytes = itemBytes == 2 ? 2 : 1;
    layout.bigEndian = type[0] == '>';
    return layout;
}

} // namespace

Result<FrameFormat> frameFormatFromCaps(const GstCaps *caps)
{
    if (!caps || !gst_caps_is_fixed(caps))
        return fail(Errc::InvalidArgument, "caps are not fixed; set format, width, height and framerate");
    const GstStructure *structure = gst_caps_get_structure(caps, 0);
    FrameFormat format;
    gint numerator = 0;
    gint denominator = 1;
    if (gst_structure_get_fraction(structure, "framerate", &numerator, &denominator) && numerator > 0) {
        format.rateNumerator = static_cast<std::uint32_t>(numerator);
        format.rateDenominator = static_cast<std::uint32_t>(denominator);
    }
    Result<FrameLayout> layout = fail(Errc::InvalidArgument, "");
    if (gst_structure_has_name(structure, "video/x-raw")) {
        if (!gst_video_info_from_caps(&format.info, caps) || GST_VIDEO_INFO_SIZE(&format.info) == 0)
            return refuse(structure, "no raw video with a size; set format, width and height");
        format.isVideo = true;
        layout = videoLayout(format.info);
    } else if (gst_structure_has_name(structure, "video/x-bayer")) {
        layout = bayerLayout(structure);
    } else if (gst_structure_has_name(structure, "video/x-mono-packed")) {
        layout = monoPackedLayout(structure);
    } else if (gst_structure_has_name(structure, "application/x-ndarray")) {
        layout = ndarrayLayout(structure);
    } else {
        return refuse(structure, "no format of fixed frame size; use video/x-raw, video/x-bayer, "
                                 "video/x-mono-packed or application/x-ndarray");
    }
    if (!layout)
        return tl::unexpected(layout.error());
    if (layout->frameBytes > kMaxFrameBytes)
        return refuse(structure, "a frame of more than 1 TiB; check width and height");
    format.layout = std::move(*layout);
    return format;
}

} // namespace dmaslab
