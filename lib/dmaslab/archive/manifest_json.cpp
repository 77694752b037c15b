// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/manifest.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "dmaslab/archive/manifest_words.h"

namespace dmaslab {

namespace {

using namespace manifest_words;
using Json = nlohmann::ordered_json; // keys in the order of the specification, the user's in his

Json objectOf(const std::string &text)
{
    Json value = Json::parse(text, nullptr, false);
    return value.is_object() ? value : Json::object();
}

Json textOrNull(const std::string &text)
{
    return text.empty() ? Json() : Json(text);
}

Json axesOrNull(const std::vector<std::uint64_t> &axes)
{
    return axes.empty() ? Json() : Json(axes);
}

template <typename T>
Json valueOrNull(const std::optional<T> &value)
{
    return value ? Json(*value) : Json();
}

Json toJson(const ManifestSeries &series, const std::string &file)
{
    Json planes = Json::array();
    for (const PlaneLayout &plane : series.format.planes)
        planes.push_back({{"offset", plane.offset},
                          {"row_bytes", plane.rowBytes},
                          {"stride", plane.stride},
                          {"rows", plane.rows}});
    return {{"caps", series.format.caps},
            {"layout", toString(series.layout.layout)},
            {"layout_reason", series.layout.reason},
            {"dtype", series.format.dtype},
            {"shape", series.format.shape},
            {"crop", axesOrNull(series.format.crop)},
            {"fields", textOrNull(series.format.fields)},
            {"frame_bytes", series.format.frameBytes},
            {"record_bytes", series.layout.recordBytes},
            {"file_shape", series.layout.shape},
            {"file_crop", axesOrNull(series.layout.crop)},
            {"descr", series.layout.descr},
            {"planes", std::move(planes)},
            {"numpy", series.layout.numpyExpression(file)}};
}

Json toJson(const ManifestSegment &segment)
{
    const auto counted = [&](std::uint64_t count) { return segment.closed ? Json(count) : Json(); };
    return {{"number", segment.number},
            {"series", segment.series},
            {"state", segment.closed ? "closed" : "open"},
            {"frames_file", framesName(segment.number)},
            {"index_file", indexName(segment.number)},
            {"frames", counted(segment.frames)},
            {"bad", counted(segment.bad)},
            {"bytes", counted(segment.bytes)},
            {"first_sequence", segment.closed ? valueOrNull(segment.firstSequence) : Json()},
            {"last_sequence", segment.closed ? valueOrNull(segment.lastSequence) : Json()}};
}

} // namespace

std::string Manifest::toJson() const
try {
    const bool open = state == RecordingState::Recording;
    Json json = {{"format", kFormat},
                 {"version", kArchiveVersion},
                 {"state", toText(state)},
                 {"id", id},
                 {"software", software},
                 {"host", host},
                 {"device", device},
                 {"created", created},
                 {"created_ns", createdNs},
                 {"closed", textOrNull(closed)},
                 {"clocks",
                  {{"pts", "presentation time in the stream, ns"},
                   {"capture", "monotonic clock of the device or the host, ns"},
                   {"utc", "when the frame reached the archive, ns since 1970-01-01 UTC"}}},
                 {"every_nth", everyNth},
                 {"nth_phase", nthPhase},
                 {"checksum", hashed ? kHashed : kUnhashed},
                 {"metadata", objectOf(metadataJson)},
                 {"tags", objectOf(tagsJson)},
                 {"series", Json::array()},
                 {"segments", Json::array()},
                 {"losses", open ? Json() : Json(losses)}};
    for (std::uint32_t i = 0; i < series.size(); ++i) {
        const auto first = std::find_if(segments.begin(), segments.end(),
                                        [&](const ManifestSegment &segment) { return segment.series == i; });
        json["series"].push_back(
            dmaslab::toJson(series[i], framesName(first == segments.end() ? 0 : first->number)));
    }
    for (const ManifestSegment &segment : segments)
        json["segments"].push_back(dmaslab::toJson(segment));
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
} catch (const std::exception &) { // no memory: everything else is under our control
    return {};
}

} // namespace dmaslab
