// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/manifest.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include <nlohmann/json.hpp>

#include "dmaslab/archive/manifest_words.h"
#include "dmaslab/archive/record_fields.h"

namespace dmaslab {

namespace {

using namespace manifest_words;
using Json = nlohmann::ordered_json;

constexpr std::size_t kDeepest = 64;             // nlohmann writes nested values by recursion,
constexpr std::size_t kMostKeys = 10'000;        // and looks for keys of ordered objects one by one
constexpr std::uint64_t kMostBytes = 0xffffffff; // of a frame: the index has 32 bits for it

/** What is wrong with a manifest; never leaves this file. */
struct Wrong
{
    std::string what;
};

/** What is sound but of a format that this does not know. */
struct OtherVersion
{
    std::uint64_t version;
};

/** Values of one object, each of the type that the specification gives it. */
class Fields
{
public:
    Fields(const Json &object, std::string name) : object_(object), name_(std::move(name))
    {
        if (!object.is_object())
            throw Wrong{name_ + " is no object"};
    }

    /** nullptr where it is absent or null. */
    [[nodiscard]] const Json *find(const char *key) const
    {
        const auto found = object_.find(key);
        return found == object_.end() || found->is_null() ? nullptr : &*found;
    }
    [[nodiscard]] const Json &at(const char *key) const
    {
        const Json *found = find(key);
        if (found == nullptr)
            throw Wrong{label(key) + " is missing"};
        return *found;
    }
    [[nodiscard]] std::string text(const char *key, bool required = false) const
    {
        const Json *value = required ? &at(key) : find(key);
        if (value == nullptr)
            return {};
        if (!value->is_string())
            throw Wrong{label(key) + " is no text"};
        return value->get<std::string>();
    }
    template <typename T = std::uint64_t>
    [[nodiscard]] T number(const char *key) const
    {
        return toNumber<T>(at(key), key);
    }
    template <typename T = std::uint64_t>
    [[nodiscard]] T number(const char *key, T otherwise) const
    {
        const Json *value = find(key);
        return value == nullptr ? otherwise : toNumber<T>(*value, key);
    }
    [[nodiscard]] std::vector<std::uint64_t> axes(const char *key) const
    {
        std::vector<std::uint64_t> values;
        if (const Json *list = find(key)) {
            for (const Json &value : array(key, *list))
                values.push_back(toNumber<std::uint64_t>(value, key));
        }
        if (values.size() > 31)
            throw Wrong{label(key) + " has more axes than numpy knows"};
        return values;
    }
    [[nodiscard]] const Json &array(const char *key, const Json &value) const
    {
        if (!value.is_array())
            throw Wrong{label(key) + " is no list"};
        return value;
    }
    [[nodiscard]] std::string objectText(const char *key) const
    {
        const Json *value = find(key);
        if (value == nullptr)
            return "{}";
        if (!value->is_object())
            throw Wrong{label(key) + " is no object"};
        return value->dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    [[nodiscard]] std::string label(const char *key) const { return name_ + "'s \"" + key + '"'; }

private:
    template <typename T>
    [[nodiscard]] T toNumber(const Json &value, const char *key) const
    {
        // A parser of numbers that are too large for 64 bits makes them floating point.
        if (!value.is_number_integer())
            throw Wrong{label(key) + " is no whole number"};
        if (value.is_number_unsigned() &&
            value.get<std::uint64_t>() <= std::uint64_t(std::numeric_limits<T>::max()))
            return T(value.get<std::uint64_t>());
        if (std::is_signed_v<T> && !value.is_number_unsigned())
            return T(value.get<std::int64_t>());
        throw Wrong{label(key) + " is out of range: " + value.dump()};
    }

    const Json &object_;
    std::string name_;
};

std::uint64_t bytesOf(const std::vector<std::uint64_t> &shape, std::uint32_t item)
{
    std::uint64_t bytes = item;
    for (const std::uint64_t axis : shape) {
        if (axis == 0 || bytes > kMostBytes / axis)
            return 0;
        bytes *= axis;
    }
    return shape.empty() ? 0 : bytes;
}

void checkCrop(const std::string &label, const std::vector<std::uint64_t> &crop,
               const std::vector<std::uint64_t> &shape)
{
    if (crop.empty())
        return;
    if (!std::equal(crop.begin(), crop.end(), shape.begin(), shape.end(),
                    [](std::uint64_t part, std::uint64_t whole) { return part > 0 && part <= whole; }))
        throw Wrong{label + " does not lie in its shape"};
}

/** So that whoever reads it may compute with sizes and offsets. */
void check(const ManifestSeries &series, const std::string &name)
{
    const SeriesFormat &format = series.format;
    const SeriesLayout &layout = series.layout;
    const std::uint32_t item = itemBytes(format.dtype);
    if (item == 0)
        throw Wrong{name + "'s \"dtype\" is no plain numpy type: '" + format.dtype.substr(0, 40) + "'"};
    checkCrop(name + "'s \"crop\"", format.crop, format.shape);
    checkCrop(name + "'s \"file_crop\"", layout.crop, layout.shape);
    if (format.frameBytes != 0 && bytesOf(format.shape, item) != format.frameBytes)
        throw Wrong{name + "'s \"shape\" does not have \"frame_bytes\""};
    if (!format.fields.empty()) {
        const auto record = parseRecordFields(format.fields);
        if (!record || item != 1 || format.shape.empty() || record->bytes != format.shape.back() ||
            !format.crop.empty() || !format.planes.empty())
            throw Wrong{name + "'s \"fields\" do not describe what its \"shape\" counts"};
    }
    if (layout.isPlainRecord() && layout.shape.empty())
        throw Wrong{name + "'s \"file_shape\" has no axis"};
    for (const PlaneLayout &plane : format.planes) {
        const std::uint64_t most = format.frameBytes;
        if (plane.rowBytes > plane.stride || plane.offset > most || plane.rows > most ||
            plane.stride > most ||
            (plane.rows > 0 && plane.offset + plane.stride * (plane.rows - 1) + plane.rowBytes > most))
            throw Wrong{name + "'s \"planes\" do not lie in the frame"};
    }
    if (layout.layout == ArchiveLayout::Blob) {
        if (layout.recordBytes != 0)
            throw Wrong{name + "'s \"record_bytes\" is not 0, and its layout is blob"};
        return;
    }
    const bool record = layout.layout == ArchiveLayout::Record;
    if (format.frameBytes == 0 || layout.recordBytes < format.frameBytes || layout.recordBytes > kMostBytes ||
        layout.recordBytes % kArchiveBlock != 0 ||
        bytesOf(layout.shape, item) != (record ? format.frameBytes : layout.recordBytes))
        throw Wrong{name + "'s \"frame_bytes\", \"record_bytes\" and \"file_shape\" do not fit together"};
}

ManifestSeries parseSeries(const Fields &fields, const std::string &name)
{
    ManifestSeries series;
    SeriesFormat &format = series.format;
    SeriesLayout &layout = series.layout;
    const std::string layoutName = fields.text("layout", true);
    layout.layout = ArchiveLayout::Auto;
    for (const ArchiveLayout known :
         {ArchiveLayout::Plain, ArchiveLayout::Rows, ArchiveLayout::Record, ArchiveLayout::Blob}) {
        if (layoutName == toString(known))
            layout.layout = known;
    }
    if (layout.layout == ArchiveLayout::Auto)
        throw Wrong{name + "'s \"layout\" is unknown: '" + layoutName.substr(0, 40) + "'"};
    layout.reason = fields.text("layout_reason");
    layout.recordBytes = fields.number("record_bytes");
    layout.shape = fields.axes("file_shape");
    layout.crop = fields.axes("file_crop");
    layout.descr = fields.text("descr", true);
    format.caps = fields.text("caps");
    format.frameBytes = fields.number("frame_bytes");
    format.dtype = fields.text("dtype", true);
    format.shape = fields.axes("shape");
    format.crop = fields.axes("crop");
    format.fields = fields.text("fields");
    if (const Json *planes = fields.find("planes")) {
        for (const Json &value : fields.array("planes", *planes)) {
            const Fields plane(value, "a plane of " + name);
            format.planes.push_back({plane.number("offset"), plane.number("row_bytes"),
                                     plane.number("stride"), plane.number("rows")});
        }
    }
    check(series, name);
    return series;
}

ManifestSegment parseSegment(const Fields &fields, const std::string &name)
{
    ManifestSegment segment;
    segment.number = fields.number<std::uint32_t>("number");
    segment.series = fields.number<std::uint32_t>("series");
    const std::string state = fields.text("state", true);
    if (state != "open" && state != "closed")
        throw Wrong{name + "'s \"state\" is unknown: '" + state.substr(0, 40) + "'"};
    for (const auto &[key, file] : {std::pair("frames_file", framesName(segment.number)),
                                    std::pair("index_file", indexName(segment.number))}) {
        // Files lie in the directory, and under the name of their number: nothing else is ever opened.
        if (fields.text(key, true) != file)
            throw Wrong{std::string(name).append("'s \"").append(key).append("\" is not ").append(file)};
    }
    segment.closed = state == "closed";
    if (!segment.closed)
        return segment;
    segment.frames = fields.number("frames");
    segment.bad = fields.number("bad", std::uint64_t{0});
    segment.bytes = fields.number("bytes");
    if (fields.find("first_sequence") != nullptr)
        segment.firstSequence = fields.number("first_sequence");
    if (fields.find("last_sequence") != nullptr)
        segment.lastSequence = fields.number("last_sequence");
    return segment;
}

Manifest parseManifest(const Fields &fields)
{
    if (const Json *format = fields.find("format"); format == nullptr || *format != kFormat)
        throw Wrong{"its \"format\" is not dmaslab-recording"};
    if (const auto version = fields.number("version"); version != kArchiveVersion)
        throw OtherVersion{version};
    Manifest manifest;
    const std::string state = fields.text("state", true);
    if (state == toText(RecordingState::Closed))
        manifest.state = RecordingState::Closed;
    else if (state == toText(RecordingState::Recovered))
        manifest.state = RecordingState::Recovered;
    else if (state != toText(RecordingState::Recording))
        throw Wrong{"its \"state\" is unknown: '" + state.substr(0, 40) + "'"};
    manifest.id = fields.text("id");
    manifest.software = fields.text("software");
    manifest.host = fields.text("host");
    manifest.device = fields.text("device");
    manifest.created = fields.text("created");
    manifest.createdNs = fields.number("created_ns", std::int64_t{0});
    manifest.closed = fields.text("closed");
    manifest.everyNth = fields.number("every_nth", std::uint32_t{1});
    manifest.nthPhase = fields.number("nth_phase", std::uint32_t{0});
    if (manifest.everyNth == 0 || manifest.nthPhase >= manifest.everyNth)
        throw Wrong{"its \"nth_phase\" is not below \"every_nth\""};
    const std::string checksum = fields.text("checksum", true);
    manifest.hashed = checksum == kHashed;
    if (!manifest.hashed && checksum != kUnhashed)
        throw Wrong{"its \"checksum\" is unknown: '" + checksum.substr(0, 40) + "'"};
    manifest.metadataJson = fields.objectText("metadata");
    manifest.tagsJson = fields.objectText("tags");
    for (const Json &value : fields.array("series", fields.at("series"))) {
        const std::string name = "series " + std::to_string(manifest.series.size());
        manifest.series.push_back(parseSeries(Fields(value, name), name));
    }
    for (const Json &value : fields.array("segments", fields.at("segments"))) {
        const std::string name = "entry " + std::to_string(manifest.segments.size()) + " of \"segments\"";
        const ManifestSegment segment = parseSegment(Fields(value, name), name);
        if (segment.series >= manifest.series.size())
            throw Wrong{name + "'s \"series\" is not in the list: " + std::to_string(segment.series)};
        if (!manifest.segments.empty() && segment.number <= manifest.segments.back().number)
            throw Wrong{name + "'s \"number\" does not grow: " + std::to_string(segment.number)};
        manifest.segments.push_back(segment);
    }
    manifest.losses = fields.number("losses", std::uint64_t{0});
    return manifest;
}

/** Before anything is built of it: text that would take the parser's stack, or its time. */
bool isModest(std::string_view json)
{
    std::vector<std::size_t> commas; // of each value around
    bool inText = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (inText) {
            i += c == '\\' ? 1 : 0;
            inText = c != '"';
        } else if (c == '"') {
            inText = true;
        } else if (c == '{' || c == '[') {
            commas.push_back(c == '{' ? 0 : std::numeric_limits<std::size_t>::max() / 2);
            if (commas.size() > kDeepest)
                return false;
        } else if ((c == '}' || c == ']') && !commas.empty()) {
            commas.pop_back();
        } else if (c == ',' && !commas.empty() && ++commas.back() == kMostKeys) {
            return false;
        }
    }
    return true;
}

/** Where text stops to be JSON; `byte` counts from 1. */
std::string damage(std::string_view json, std::size_t byte)
{
    if (json.find_first_not_of(" \t\r\n") == json.npos)
        return ": is damaged: it is empty";
    const std::string_view before = json.substr(0, byte > 0 ? byte - 1 : 0);
    const bool ends = byte > json.size();
    return ": is damaged at line " + std::to_string(std::count(before.begin(), before.end(), '\n') + 1) +
           (ends ? ": it ends there" : ": what is there is no JSON");
}

} // namespace

Result<Manifest> Manifest::parse(std::string_view json, const std::string &file)
try {
    const auto wrong = [&](const std::string &what) {
        return fail(Errc::Format,
                    file + what + "; restore it, the frames-*.npy can still be opened with numpy");
    };
    const std::string none = ": no manifest of a recording: ";
    if (!isModest(json))
        return wrong(none + "its values are nested deeper than 64 times, or one has more than 10000 keys");
    try {
        return parseManifest(Fields(Json::parse(json), "the whole"));
    } catch (const Wrong &reason) {
        return wrong(none + reason.what);
    } catch (const OtherVersion &other) {
        return fail(Errc::Format, file + ": is of version " + std::to_string(other.version) +
                                      ", this program reads version " + std::to_string(kArchiveVersion) +
                                      (other.version > kArchiveVersion ? ": use a newer dmaslab"
                                                                       : ": use the software that wrote it"));
    } catch (const Json::parse_error &error) {
        return wrong(damage(json, error.byte));
    } catch (const Json::exception &) {
        return wrong(none + "a number in it is too large, or a text is no UTF-8");
    }
} catch (const std::exception &) {
    return failNoMemory("no memory");
}

} // namespace dmaslab
