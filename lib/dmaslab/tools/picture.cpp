// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/tools/picture.h"

#include <algorithm>
#include <string_view>

namespace dmaslab::tools {

namespace {

std::string_view mediaType(std::string_view caps)
{
    return caps.substr(0, caps.find_first_of(",( "));
}

/** The value of a field in caps as text: "format=(string)GRAY8" has "GRAY8". */
std::string_view capsField(std::string_view caps, std::string_view field)
{
    for (std::size_t at = caps.find(field); at != caps.npos; at = caps.find(field, at + 1)) {
        std::string_view rest = caps.substr(at + field.size());
        const bool begins = at > 0 && (caps[at - 1] == ' ' || caps[at - 1] == ',');
        if (!begins || !rest.starts_with('='))
            continue;
        rest.remove_prefix(1);
        if (rest.starts_with('('))
            rest.remove_prefix(std::min(rest.find(')') + 1, rest.size()));
        if (rest.starts_with('"'))
            return rest.substr(1, rest.find('"', 1) - 1);
        return rest.substr(0, rest.find_first_of(",; "));
    }
    return {};
}

struct Packed
{
    std::string_view name;
    unsigned channels, pixelBytes;
    std::array<unsigned, 4> component;
};

constexpr Packed kPacked[] = {
    {"RGB", 3, 3, {0, 1, 2, 0}},  {"BGR", 3, 3, {2, 1, 0, 0}},  {"RGBx", 3, 4, {0, 1, 2, 0}},
    {"BGRx", 3, 4, {2, 1, 0, 0}}, {"xRGB", 3, 4, {1, 2, 3, 0}}, {"xBGR", 3, 4, {3, 2, 1, 0}},
    {"RGBA", 4, 4, {0, 1, 2, 3}}, {"BGRA", 4, 4, {2, 1, 0, 3}}, {"ARGB", 4, 4, {1, 2, 3, 0}},
    {"ABGR", 4, 4, {3, 2, 1, 0}},
};

/** Rows without a description of their planes, out of an array of two or three axes. */
PlaneLayout planeOf(const SeriesFormat &format)
{
    const auto &shape = format.shape;
    const auto &crop = format.crop.empty() ? shape : format.crop;
    if (shape.size() < 2 || crop.size() != shape.size())
        return {};
    PlaneLayout plane{0, itemBytes(format.dtype), itemBytes(format.dtype), crop[0]};
    for (std::size_t axis = 1; axis < shape.size(); ++axis) {
        plane.rowBytes *= crop[axis];
        plane.stride *= shape[axis];
    }
    return plane;
}

void setSamples(PictureFormat &format, unsigned bytes, bool bigEndian)
{
    format.sampleBytes = bytes;
    format.pixelBytes = bytes * format.channels;
    for (unsigned channel = 0; channel < format.channels; ++channel)
        format.component[channel] = channel * bytes;
    format.bigEndian = bigEndian;
    format.significantBits = bytes * 8;
}

Result<void> describeArray(PictureFormat &format, const SeriesFormat &series)
{
    const std::string &dtype = series.dtype;
    const auto &shape = series.crop.empty() ? series.shape : series.crop;
    const bool samples = dtype == "|u1" || dtype == "<u2" || dtype == ">u2";
    const bool colours = shape.size() == 3 && (shape[2] == 3 || shape[2] == 4);
    if (!samples || (shape.size() != 2 && !colours))
        return fail(Errc::InvalidArgument, "frames of " + std::to_string(shape.size()) + " axes of " + dtype +
                                               " are no picture: use --format npy");
    format.channels = colours ? unsigned(shape[2]) : 1;
    setSamples(format, itemBytes(dtype), dtype[0] == '>');
    return {};
}

unsigned bayerBits(std::string_view format)
{
    // "bggr12le": the digits between the mosaic and the byte order.
    const std::string_view digits = format.size() == 8 ? format.substr(4, 2) : "";
    return digits == "10" ? 10 : digits == "12" ? 12 : digits == "14" ? 14 : 16;
}

void describeVideo(PictureFormat &format, const SeriesFormat &series, std::string_view media)
{
    const std::string_view name = capsField(series.caps, "format");
    const auto packed =
        std::find_if(std::begin(kPacked), std::end(kPacked), [&](const Packed &p) { return p.name == name; });
    if (media == "video/x-bayer") {
        setSamples(format, name.size() == 4 ? 1 : 2, false);
        format.significantBits = name.size() == 4 ? 8 : bayerBits(name);
        format.note = "the mosaic of colours (" + std::string(name) + ") as grey";
    } else if (media == "video/x-raw" && packed != std::end(kPacked)) {
        format.channels = packed->channels;
        format.pixelBytes = packed->pixelBytes;
        format.component = packed->component;
    } else if (media == "video/x-raw" && name == "GRAY8") {
        setSamples(format, 1, false);
    } else if (media == "video/x-raw" && (name == "GRAY16_LE" || name == "GRAY16_BE")) {
        setSamples(format, 2, name.ends_with("BE"));
    } else {
        const bool wide = (name.ends_with("LE") || name.ends_with("BE")) && media == "video/x-raw";
        setSamples(format, wide ? 2 : 1, wide && name.ends_with("BE"));
        format.note = "the bytes of the first plane (" + std::string(name) + ") as grey";
    }
    const std::string bits(capsField(series.caps, "significant-bits"));
    if (const int value = std::atoi(bits.c_str()); value > 0 && unsigned(value) <= 8 * format.sampleBytes)
        format.significantBits = unsigned(value);
}

} // namespace

Result<PictureFormat> pictureFormat(const ManifestSeries &series)
{
    const SeriesFormat &about = series.format;
    const std::string_view media = mediaType(about.caps);
    const bool video = media == "video/x-raw" || media == "video/x-bayer" || media == "video/x-mono-packed";
    PictureFormat format;
    if (about.shape.empty())
        return fail(Errc::InvalidArgument,
                    "frames of " + std::string(media) + " are encoded and have no pixels: use --format bin");
    format.plane = about.planes.empty() ? planeOf(about) : about.planes.front();
    if (video) {
        describeVideo(format, about, media);
    } else if (const auto described = describeArray(format, about); !described) {
        return tl::unexpected(described.error());
    }
    const PlaneLayout &plane = format.plane;
    format.width = std::uint32_t(std::min<std::uint64_t>(plane.rowBytes / format.pixelBytes, UINT32_MAX));
    format.height = std::uint32_t(std::min<std::uint64_t>(plane.rows, UINT32_MAX));
    FrameLayout layout;
    layout.frameBytes = UINT32_MAX; // what a frame can have; each one's own length is looked at later
    layout.planes = {plane};
    if (format.width == 0 || !layout.check())
        return fail(Errc::InvalidArgument,
                    "frames of " + about.caps + " have no rows of pixels: use --format bin");
    return format;
}

bool convertPicture(const PictureFormat &format, std::span<const std::byte> frame, Picture &picture)
{
    const PlaneLayout &plane = format.plane;
    if (frame.size() < plane.offset + (plane.rows - 1) * plane.stride + plane.rowBytes)
        return false;
    picture.width = format.width;
    picture.height = format.height;
    picture.channels = format.channels;
    picture.sampleBytes = format.sampleBytes;
    picture.maximum = (1u << format.significantBits) - 1;
    picture.samples.resize(std::size_t(format.width) * format.height * format.channels * format.sampleBytes);
    std::byte *to = picture.samples.data();
    unsigned highest = 0;
    for (std::size_t row = 0; row < format.height; ++row) {
        const std::byte *pixel = frame.data() + plane.offset + row * plane.stride;
        for (std::size_t x = 0; x < format.width; ++x, pixel += format.pixelBytes) {
            for (unsigned channel = 0; channel < format.channels; ++channel) {
                const std::byte *sample = pixel + format.component[channel];
                if (format.sampleBytes == 1) {
                    highest = std::max(highest, unsigned(*sample));
                    *to++ = *sample;
                    continue;
                }
                const std::byte high = sample[format.bigEndian ? 0 : 1];
                const std::byte low = sample[format.bigEndian ? 1 : 0];
                highest = std::max(highest, unsigned(high) << 8 | unsigned(low));
                *to++ = high;
                *to++ = low;
            }
        }
    }
    // Samples are never changed: where they use more bits than were promised, the promise gives way.
    if (highest > picture.maximum)
        picture.maximum = format.sampleBytes == 1 ? 255 : 65535;
    return true;
}

} // namespace dmaslab::tools
