// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/layout.h"

#include <charconv>
#include <numeric>
#include <string_view>

#include "dmaslab/archive/file_header.h"
#include "dmaslab/archive/record_fields.h"

namespace dmaslab {

namespace {

/** Frames are counted in 32 bits of length and of blocks. */
constexpr std::uint64_t kMostFrameBytes = (std::uint64_t{1} << 32) - 1 - kArchiveBlock;

std::string tupleText(const std::vector<std::uint64_t> &axes)
{
    std::string text = "(";
    for (const std::uint64_t axis : axes)
        text += std::to_string(axis) + ", ";
    if (axes.size() > 1)
        text.resize(text.size() - 2);
    else if (axes.size() == 1)
        text.pop_back();
    return text + ")";
}

std::string blocksText(std::uint64_t bytes)
{
    const std::uint64_t blocks = bytes / kArchiveBlock;
    return std::to_string(blocks) + (blocks == 1 ? " block" : " blocks") + " of 4096 bytes";
}

/** Rows of the first axis that fill whole blocks; 0 when the frame has no rows. */
std::uint64_t filledRows(const SeriesFormat &format)
{
    if (format.shape.size() < 2)
        return 0;
    const std::uint64_t rowBytes = format.frameBytes / format.shape[0];
    const std::uint64_t step = kArchiveBlock / std::gcd(rowBytes, std::uint64_t{kArchiveBlock});
    return (format.shape[0] + step - 1) / step * step;
}

Result<void> check(const SeriesFormat &format)
{
    const std::uint32_t item = itemBytes(format.dtype);
    if (item == 0)
        return fail(Errc::InvalidArgument, "'" + format.dtype + "' is no plain numpy type such as <u2");
    if (format.frameBytes > kMostFrameBytes)
        return fail(Errc::Limit, "frames of " + std::to_string(format.frameBytes) +
                                     " bytes are more than a recording can number (4 GiB): crop them");
    std::uint64_t bytes = item;
    for (const std::uint64_t axis : format.shape) {
        if (axis == 0 || bytes > kMostFrameBytes / axis)
            return fail(Errc::InvalidArgument, "the shape " + tupleText(format.shape) + " is not a frame's");
        bytes *= axis;
    }
    if (format.shape.empty() || bytes != format.frameBytes)
        return fail(Errc::InvalidArgument, "the shape " + tupleText(format.shape) + " of " + format.dtype +
                                               " has " + std::to_string(bytes) +
                                               " bytes and not the frame's " +
                                               std::to_string(format.frameBytes));
    if (!format.crop.empty() && format.crop.size() != format.shape.size())
        return fail(Errc::InvalidArgument, "crop and shape have different numbers of axes");
    for (std::size_t axis = 0; axis < format.crop.size(); ++axis) {
        if (format.crop[axis] == 0 || format.crop[axis] > format.shape[axis])
            return fail(Errc::InvalidArgument, "crop " + tupleText(format.crop) +
                                                   " is not inside the shape " + tupleText(format.shape));
    }
    if (format.fields.empty())
        return {};
    const auto fields = parseRecordFields(format.fields);
    if (!fields)
        return tl::unexpected(fields.error());
    if (item != 1 || fields->bytes != format.shape.back())
        return fail(Errc::InvalidArgument, "fields of " + std::to_string(fields->bytes) + " bytes are not " +
                                               format.dtype + " of shape " + tupleText(format.shape));
    return {};
}

/** The type of what `axes` count. */
std::string typeOf(const SeriesFormat &format, std::vector<std::uint64_t> &axes)
{
    axes = format.shape;
    if (format.fields.empty())
        return "'" + format.dtype + "'";
    axes.pop_back();
    return format.fields;
}

SeriesLayout plain(const SeriesFormat &format)
{
    std::vector<std::uint64_t> axes;
    return {ArchiveLayout::Plain, "a frame is " + blocksText(format.frameBytes) + ": nothing to add",
            format.frameBytes,    format.shape,
            format.crop,          typeOf(format, axes)};
}

SeriesLayout rows(const SeriesFormat &format, std::uint64_t filled)
{
    SeriesLayout layout;
    layout.layout = ArchiveLayout::Rows;
    layout.recordBytes = format.frameBytes / format.shape[0] * filled;
    layout.reason = std::to_string(filled - format.shape[0]) + " rows below the picture make it " +
                    blocksText(layout.recordBytes);
    layout.shape = format.shape;
    layout.shape[0] = filled;
    layout.crop = format.crop.empty() ? format.shape : format.crop;
    layout.descr = "'" + format.dtype + "'";
    return layout;
}

SeriesLayout record(const SeriesFormat &format)
{
    SeriesLayout layout;
    layout.layout = ArchiveLayout::Record;
    layout.recordBytes = roundUpToBlock(format.frameBytes);
    const std::uint64_t pad = layout.recordBytes - format.frameBytes;
    layout.reason =
        "a pad of " + std::to_string(pad) + " bytes makes a frame " + blocksText(layout.recordBytes);
    layout.shape = format.shape;
    layout.crop = format.crop;
    std::vector<std::uint64_t> axes;
    layout.descr = "[('pixels', " + typeOf(format, axes);
    if (!axes.empty())
        layout.descr += ", " + tupleText(axes);
    layout.descr += ")";
    if (pad > 0)
        layout.descr += ", ('', '|V" + std::to_string(pad) + "')";
    layout.descr += "]";
    return layout;
}

/** With its fields where the header has room for them; otherwise the caps still tell them. */
SeriesLayout fitted(SeriesLayout (*make)(const SeriesFormat &), const SeriesFormat &format)
{
    SeriesLayout layout = make(format);
    HeaderBlock header;
    if (format.fields.empty() || writeHeader(header, layout.descr, layout.fileShape(0)))
        return layout;
    SeriesFormat bytes = format;
    bytes.fields.clear();
    layout = make(bytes);
    layout.reason += "; bytes, for the list of its fields is too long for a header";
    return layout;
}

Result<SeriesLayout> blob(const SeriesFormat &format)
{
    if (itemBytes(format.dtype) == 0)
        return fail(Errc::InvalidArgument, "'" + format.dtype + "' is no plain numpy type such as <u2");
    SeriesLayout layout;
    layout.layout = ArchiveLayout::Blob;
    layout.reason = format.frameBytes == 0 ? "frames have different lengths" : "as asked for";
    layout.descr = "'|u1'";
    return layout;
}

} // namespace

bool SeriesFormat::operator==(const SeriesFormat &other) const
{
    const auto samePlane = [](const PlaneLayout &a, const PlaneLayout &b) {
        return a.offset == b.offset && a.rowBytes == b.rowBytes && a.stride == b.stride && a.rows == b.rows;
    };
    return caps == other.caps && frameBytes == other.frameBytes && dtype == other.dtype &&
           shape == other.shape && crop == other.crop && fields == other.fields &&
           std::equal(planes.begin(), planes.end(), other.planes.begin(), other.planes.end(), samePlane);
}

std::uint32_t itemBytes(const std::string &dtype)
{
    const std::string_view type = dtype;
    std::uint32_t bytes = 0;
    if (type.size() < 3 || type.size() > 4 || std::string_view("<>|").find(type[0]) == type.npos ||
        std::string_view("uifcb").find(type[1]) == type.npos)
        return 0;
    const auto [end, error] = std::from_chars(type.data() + 2, type.data() + type.size(), bytes);
    if (error != std::errc{} || end != type.data() + type.size() || bytes > 16)
        return 0;
    return bytes;
}

Result<SeriesLayout> chooseLayout(const SeriesFormat &format, ArchiveLayout wish)
{
    if (wish == ArchiveLayout::Blob || format.frameBytes == 0) {
        if (wish != ArchiveLayout::Blob && wish != ArchiveLayout::Auto)
            return fail(Errc::InvalidArgument, std::string("layout=") + toString(wish) +
                                                   ": these frames have different lengths; use layout=blob");
        return blob(format);
    }
    if (const auto ok = check(format); !ok)
        return tl::unexpected(ok.error());
    const bool whole = format.frameBytes % kArchiveBlock == 0;
    const std::uint64_t filled = filledRows(format);
    switch (wish) {
    case ArchiveLayout::Plain:
        if (!whole)
            return fail(
                Errc::InvalidArgument,
                "layout=plain: a frame of " + std::to_string(format.frameBytes) +
                    " bytes is no multiple of 4096, so it cannot be written as it lies. Use layout=auto; "
                    "'dmaslab-archive export' makes a plain array of any recording");
        return fitted(plain, format);
    case ArchiveLayout::Rows:
        if (filled == 0)
            return fail(Errc::InvalidArgument, "layout=rows: these frames have no rows; use layout=record");
        return rows(format, filled);
    case ArchiveLayout::Record:
        return fitted(record, format);
    default:
        break;
    }
    if (whole)
        return fitted(plain, format);
    // 2 %: what the pad of the record layout costs too, and every reader understands a plain type.
    if (format.fields.empty() && filled != 0 && (filled - format.shape[0]) * 50 <= format.shape[0])
        return rows(format, filled);
    return fitted(record, format);
}

std::vector<std::uint64_t> SeriesLayout::fileShape(std::uint64_t count) const
{
    std::vector<std::uint64_t> axes{count};
    if (layout == ArchiveLayout::Plain || layout == ArchiveLayout::Rows)
        axes.insert(axes.end(), shape.begin(), shape.end() - (isPlainRecord() ? 1 : 0));
    return axes;
}

std::string SeriesLayout::numpyExpression(const std::string &file) const
{
    std::string text = "np.load('" + file + "', mmap_mode='r')";
    if (layout == ArchiveLayout::Record)
        text += "['pixels']";
    if (!crop.empty() && crop != shape) {
        text += "[:";
        for (std::size_t axis = 0; axis < crop.size(); ++axis)
            text += crop[axis] == shape[axis] ? ", :" : ", :" + std::to_string(crop[axis]);
        text += "]";
    }
    return text;
}

} // namespace dmaslab
