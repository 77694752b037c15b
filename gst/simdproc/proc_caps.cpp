// SPDX-License-Identifier: LGPL-2.1-or-later
#include "simdproc/proc_caps.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <gst/video/video.h>

#include "common/frame_format.h"

namespace dmaslab {

// Of colour only the brightness is looked at, so only formats that have it in a plane of its own.
#define LUMA_FORMATS "NV12, NV21, NV16, NV61, NV24, I420, YV12, Y42B, Y444, Y41B, YVU9, YUV9"
#define BAYER_FORMATS                                                                                        \
    "bggr, gbrg, grbg, rggb, bggr10le, gbrg10le, grbg10le, rggb10le, bggr12le, gbrg12le, grbg12le, "         \
    "rggb12le, "                                                                                             \
    "bggr14le, gbrg14le, grbg14le, rggb14le, bggr16le, gbrg16le, grbg16le, rggb16le"
#define PICTURE_SIZE                                                                                         \
    "width=" GST_VIDEO_SIZE_RANGE ", height=" GST_VIDEO_SIZE_RANGE ", framerate=" GST_VIDEO_FPS_RANGE

const char *const procSinkCaps =
    "video/x-raw, format=(string){ GRAY16_LE, GRAY8, " LUMA_FORMATS " }, " PICTURE_SIZE ";"
    "video/x-mono-packed, format=(string){ mono10p, mono12p, mono12packed }, " PICTURE_SIZE ";"
    "video/x-bayer, format=(string){ " BAYER_FORMATS " }, " PICTURE_SIZE;
const char *const procSourceCaps = procSinkCaps;

namespace {

enum class Family
{
    Gray,
    Luma,
    Packed,
    Bayer,
    Other,
};

Family familyOf(const GstStructure *structure, std::string_view format)
{
    if (gst_structure_has_name(structure, "video/x-mono-packed"))
        return Family::Packed;
    if (gst_structure_has_name(structure, "video/x-bayer"))
        return Family::Bayer;
    if (!gst_structure_has_name(structure, "video/x-raw"))
        return Family::Other;
    return format == "GRAY8" || format == "GRAY16_LE" ? Family::Gray : Family::Luma;
}

/** Whether these settings make sense of these pixels. */
bool accepts(const ProcessSettings &settings, Family family)
{
    switch (family) {
    case Family::Gray:
    case Family::Packed:
        return true;
    case Family::Luma: // a picture whose brightness was changed and whose colour was not is none
        return !changesPixels({PixelPacking::Mono8, 1, 1, 8}, settings);
    case Family::Bayer: { // neighbours have other colours
        ProcessSettings rest = settings;
        rest.dark.clear();
        rest.flat.clear();
        rest.threshold = 0;
        return !changesPixels({PixelPacking::Mono16, 1, 1, 16}, rest);
    }
    default:
        return false;
    }
}

bool narrows(const ProcWish &wish)
{
    return wish.settings.window != WindowMode::None || (!wish.settings.lut.empty() && wish.lut8);
}

bool changes(const ProcessSettings &settings)
{
    // The size does not matter but for a crop, which is a change unless it is none.
    return changesPixels({PixelPacking::Mono16, 0, 0, 16}, settings);
}

std::optional<PixelPacking> packingOf(Family family, std::string_view format)
{
    switch (family) {
    case Family::Gray:
        return format == "GRAY8" ? PixelPacking::Mono8 : PixelPacking::Mono16;
    case Family::Luma:
        return PixelPacking::Mono8;
    case Family::Bayer:
        return format.size() == 4 ? PixelPacking::Mono8 : PixelPacking::Mono16;
    case Family::Packed:
        if (format == "mono10p")
            return PixelPacking::Mono10p;
        return format == "mono12p" ? PixelPacking::Mono12p : PixelPacking::Mono12Packed;
    default:
        return std::nullopt;
    }
}

unsigned significantBits(const GstStructure *structure, PixelPacking packing, std::string_view format)
{
    if (packing != PixelPacking::Mono16)
        return bitsPerPixel(packing);
    gint bits = 16;
    if (gst_structure_get_int(structure, "significant-bits", &bits))
        return unsigned(std::clamp(bits, 8, 16));
    if (format.size() == 8) // rggb12le
        return unsigned(std::stoi(std::string(format.substr(4, 2))));
    return 16;
}

/** Applies `change` to a size that may be a number or a range; other values are left out. */
template <typename Change>
void changeSize(GstStructure *structure, const char *field, const Change &change)
{
    const GValue *value = gst_structure_get_value(structure, field);
    if (!value)
        return;
    gint low = 0, high = 0;
    if (G_VALUE_HOLDS_INT(value)) {
        low = high = g_value_get_int(value);
    } else if (GST_VALUE_HOLDS_INT_RANGE(value)) {
        low = gst_value_get_int_range_min(value);
        high = gst_value_get_int_range_max(value);
    } else {
        gst_structure_remove_field(structure, field);
        return;
    }
    const auto [least, most] = change(low, high);
    if (least == most)
        gst_structure_set(structure, field, G_TYPE_INT, least, nullptr);
    else
        gst_structure_set(structure, field, GST_TYPE_INT_RANGE, least, most, nullptr);
}

/** Sizes of the output from those of the input, or the other way round. */
void changeSizes(GstStructure *structure, const ProcessSettings &settings, bool forward)
{
    const gint bin = gint(std::max(settings.bin, 1u));
    const auto change = [&](gint cropped) {
        return [=](gint low, gint high) {
            if (!forward && cropped != 0)
                return std::pair<gint, gint>(1, G_MAXINT); // any picture that the part lies in
            if (!forward)
                return std::pair<gint, gint>(low > G_MAXINT / bin ? G_MAXINT : low * bin,
                                             high > G_MAXINT / bin - 1 ? G_MAXINT : high * bin + bin - 1);
            if (cropped != 0)
                low = high = cropped;
            return std::pair<gint, gint>(std::max(1, low / bin), std::max(1, high / bin));
        };
    };
    changeSize(structure, "width", change(gint(settings.crop.width)));
    changeSize(structure, "height", change(gint(settings.crop.height)));
}

void setFormat(GstStructure *structure, const char *name, const char *format)
{
    gst_structure_set_name(structure, name);
    gst_structure_set(structure, "format", G_TYPE_STRING, format, nullptr);
}

/** Bits of the output where the input says enough to know them. */
void setSignificantBits(GstStructure *output, const GstStructure *input, std::string_view format,
                        Family family, const ProcWish &wish)
{
    gst_structure_remove_field(output, "significant-bits");
    if (g_strcmp0(gst_structure_get_string(output, "format"), "GRAY16_LE") != 0)
        return;
    const PixelPacking packing = *packingOf(family, format);
    ProcessSettings settings = wish.settings;
    settings.unpack = true;
    settings.crop = {};
    settings.roiMode = RoiMode::None;
    const PictureFormat picture{packing, 64, 64, significantBits(input, packing, format)};
    const auto geometry = geometryOf(picture, settings);
    if (!geometry)
        return;
    const unsigned bits = outputOf(picture, settings, *geometry, wish.lut8).significantBits;
    if (bits < 16)
        gst_structure_set(output, "significant-bits", G_TYPE_INT, gint(bits), nullptr);
}

void appendForward(GstCaps *to, const ProcWish &wish, const GstStructure *structure,
                   const GstCapsFeatures *features, std::string_view format)
{
    const Family family = familyOf(structure, format);
    if (!accepts(wish.settings, family))
        return;
    const bool changed = changes(wish.settings);
    const auto add = [&](GstStructure *made) {
        gst_caps_append_structure_full(to, made, gst_caps_features_copy(features));
    };
    if (!changed) {
        GstStructure *same = gst_structure_copy(structure);
        gst_structure_set(same, "format", G_TYPE_STRING, std::string(format).c_str(), nullptr);
        add(same);
        if (family != Family::Packed)
            return;
    }
    GstStructure *made = gst_structure_copy(structure);
    if (narrows(wish) || format == "GRAY8")
        setFormat(made, "video/x-raw", !wish.settings.lut.empty() && !wish.lut8 ? "GRAY16_LE" : "GRAY8");
    else if (family != Family::Bayer)
        setFormat(made, "video/x-raw", "GRAY16_LE");
    else
        gst_structure_set(made, "format", G_TYPE_STRING, std::string(format).c_str(), nullptr);
    changeSizes(made, wish.settings, true);
    setSignificantBits(made, structure, format, family, wish);
    add(made);
}

/** Each format of the sink that could give this output. */
void appendBackward(GstCaps *to, const ProcWish &wish, const GstStructure *structure,
                    const GstCapsFeatures *features)
{
    const CapsPtr all(gst_caps_from_string(procSinkCaps));
    const CapsPtr wanted(gst_caps_new_full(gst_structure_copy(structure), nullptr));
    for (guint i = 0; i < gst_caps_get_size(all.get()); ++i) {
        const GstStructure *family = gst_caps_get_structure(all.get(), i);
        const GValue *formats = gst_structure_get_value(family, "format");
        for (guint k = 0; k < gst_value_list_get_size(formats); ++k) {
            const char *format = g_value_get_string(gst_value_list_get_value(formats, k));
            GstStructure *input = gst_structure_copy(structure);
            setFormat(input, gst_structure_get_name(family), format);
            gst_structure_remove_field(input, "significant-bits");
            if (changes(wish.settings))
                changeSizes(input, wish.settings, false);
            const CapsPtr made(gst_caps_new_empty());
            appendForward(made.get(), wish, input, features, format);
            CapsPtr plain(gst_caps_copy(made.get()));
            for (guint n = 0; n < gst_caps_get_size(plain.get()); ++n) {
                gst_caps_set_features(plain.get(), n, nullptr);
                gst_structure_remove_field(gst_caps_get_structure(plain.get(), n), "significant-bits");
            }
            if (gst_caps_can_intersect(plain.get(), wanted.get()))
                gst_caps_append_structure_full(to, input, gst_caps_features_copy(features));
            else
                gst_structure_free(input);
        }
    }
}

} // namespace

Result<PictureLayout> pictureLayoutFromCaps(const GstCaps *caps)
{
    const auto frame = frameFormatFromCaps(caps);
    if (!frame)
        return tl::unexpected(frame.error());
    const GstStructure *structure = gst_caps_get_structure(caps, 0);
    const char *name = gst_structure_get_string(structure, "format");
    const std::string_view format = name ? name : "";
    const Family family = familyOf(structure, format);
    const auto packing = packingOf(family, format);
    if (!packing || frame->layout.planes.empty()) {
        const CharPtr text(gst_caps_to_string(caps));
        return fail(Errc::InvalidArgument, "caps " + std::string(text.get()) +
                                               " are no grey picture; put videoconvert before simdproc");
    }
    gint width = 0, height = 0;
    gst_structure_get_int(structure, "width", &width);
    gst_structure_get_int(structure, "height", &height);
    PictureLayout layout;
    layout.format = {*packing, guint(width), guint(height), significantBits(structure, *packing, format)};
    layout.offset = frame->layout.planes[0].offset;
    layout.stride = frame->layout.planes[0].stride;
    layout.frameBytes = frame->layout.frameBytes;
    layout.isVideo = frame->isVideo;
    return layout;
}

CapsPtr transformProcCaps(const ProcWish &wish, const GstCaps *caps, bool forward)
{
    CapsPtr made(gst_caps_new_empty());
    for (guint i = 0; i < gst_caps_get_size(caps); ++i) {
        const GstStructure *structure = gst_caps_get_structure(caps, i);
        const GstCapsFeatures *features = gst_caps_get_features(caps, i);
        if (!forward) {
            appendBackward(made.get(), wish, structure, features);
            continue;
        }
        const GValue *formats = gst_structure_get_value(structure, "format");
        if (formats && G_VALUE_HOLDS_STRING(formats)) {
            appendForward(made.get(), wish, structure, features, g_value_get_string(formats));
        } else if (formats && GST_VALUE_HOLDS_LIST(formats)) {
            for (guint k = 0; k < gst_value_list_get_size(formats); ++k)
                appendForward(made.get(), wish, structure, features,
                              g_value_get_string(gst_value_list_get_value(formats, k)));
        }
    }
    return CapsPtr(gst_caps_simplify(made.release()));
}

} // namespace dmaslab
