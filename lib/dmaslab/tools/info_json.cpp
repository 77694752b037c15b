// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/tools/info_json.h"

#include <cmath>
#include <cstdio>

namespace dmaslab::tools {

namespace {

using Json = nlohmann::ordered_json;

template <typename T, typename Field>
Json orNull(const std::optional<T> &record, Field T::*field)
{
    return record ? Json((*record).*field) : Json(nullptr);
}

Json timeOrNull(std::int64_t ns)
{
    return ns == kNoTime ? Json(nullptr) : Json(ns);
}

Json seriesJson(const ManifestSeries &series)
{
    const SeriesFormat &format = series.format;
    const SeriesLayout &layout = series.layout;
    return {{"caps", format.caps},
            {"dtype", format.dtype},
            {"shape", format.shape},
            {"crop", format.crop.empty() ? Json(nullptr) : Json(format.crop)},
            {"fields", format.fields.empty() ? Json(nullptr) : Json(format.fields)},
            {"frame_bytes", format.frameBytes},
            {"layout", toString(layout.layout)},
            {"layout_reason", layout.reason},
            {"record_bytes", layout.recordBytes},
            {"file_shape", layout.shape}};
}

Json segmentJson(const Recording &recording, std::size_t number, const SegmentSummary &summary)
{
    const Recording::Segment &segment = recording.segments()[number];
    return {{"number", segment.number},
            {"series", segment.series},
            {"state", summary.closed ? "closed" : "open"},
            {"frames_file", segment.framesPath},
            {"index_file", segment.indexPath},
            {"first_frame", segment.firstFrame},
            {"frames", segment.frames},
            {"bad", summary.bad},
            {"bytes", summary.bytes},
            {"allocated_bytes", summary.allocated},
            {"first_sequence", orNull(summary.first, &IndexRecord::sequence)},
            {"last_sequence", orNull(summary.last, &IndexRecord::sequence)},
            {"numpy", numpyLine(recording, number)}};
}

Json lossJson(const LossRecord &loss)
{
    return {{"first", loss.first},
            {"last", loss.last},
            {"count", loss.count},
            {"time_ns", timeOrNull(loss.time)},
            {"utc_ns", timeOrNull(loss.utc)},
            {"series", loss.series},
            {"kind", loss.kind == LossKind::Skip ? "skip" : "loss"},
            {"reason", loss.reasonText()},
            {"element", loss.elementText()}};
}

/** What a ring has given up; null: nothing. */
Json overwrittenJson(const Summary &summary)
{
    if (!summary.keptFrom || *summary.keptFrom == 0)
        return nullptr;
    return {{"last", *summary.keptFrom - 1}, {"segments", summary.overwrittenSegments}};
}

/** What is the user's comes back as it was, or as text when it is no JSON. */
Json embedded(const std::string &text)
{
    Json json = Json::parse(text, nullptr, false);
    return json.is_discarded() ? Json(text) : json;
}

} // namespace

std::string numpyLine(const Recording &recording, std::size_t segment)
{
    return recording.series(segment).layout.numpyExpression(recording.segments()[segment].framesPath);
}

Json indexJson(std::uint64_t frame, const IndexRecord &record)
{
    char hash[24];
    std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(record.hash));
    const bool hashed = (record.flags & (kFrameUnhashed | kFrameBad)) == 0;
    return {{"frame", frame},
            {"sequence", record.sequence},
            {"pts_ns", timeOrNull(record.pts)},
            {"capture_ns", timeOrNull(record.capture)},
            {"utc_ns", timeOrNull(record.utc)},
            {"hash", hashed ? Json(hash) : Json(nullptr)},
            {"device", record.device == kNoDeviceNumber ? Json(nullptr) : Json(record.device)},
            {"block", record.block},
            {"length", record.length},
            {"drops_before", record.dropsBefore},
            {"epoch", record.epoch},
            {"flags", record.flags}};
}

Json summaryJson(const Recording &recording, const Summary &summary)
{
    const Manifest &manifest = recording.manifest();
    Json json = {{"recording", recording.path()},
                 {"format", "dmaslab-recording"},
                 {"version", kArchiveVersion},
                 {"id", manifest.id},
                 {"state", summary.state},
                 {"problems", summary.problems},
                 {"software", manifest.software},
                 {"host", manifest.host},
                 {"device", manifest.device},
                 {"created", manifest.created},
                 {"created_ns", manifest.createdNs},
                 {"closed", manifest.closed.empty() ? Json(nullptr) : Json(manifest.closed)},
                 {"every_nth", manifest.everyNth},
                 {"nth_phase", manifest.nthPhase},
                 {"checksum", manifest.hashed ? "xxh3-64" : "none"},
                 {"frames", summary.frames},
                 {"bad", summary.bad},
                 {"expected", std::llround(summary.expected)},
                 {"complete", std::llround(summary.complete)},
                 {"first_sequence", orNull(summary.first, &IndexRecord::sequence)},
                 {"last_sequence", orNull(summary.last, &IndexRecord::sequence)},
                 {"duration_ns", summary.durationNs},
                 {"rate", summary.rate > 0 ? Json(summary.rate) : Json(nullptr)},
                 {"bytes", summary.bytes},
                 {"allocated_bytes", summary.allocated},
                 {"lost",
                  {{"frames", summary.lost},
                   {"by_reason", summary.lostByReason},
                   {"before_first_kept", summary.lostBeforeKept}}},
                 {"overwritten", overwrittenJson(summary)},
                 {"skipped", summary.skipped},
                 {"metadata", embedded(manifest.metadataJson)},
                 {"tags", embedded(manifest.tagsJson)},
                 {"series", Json::array()},
                 {"segments", Json::array()},
                 {"ledger", Json::array()},
                 {"picture", {{"first", summary.spanFirst}, {"last", summary.spanLast}}}};
    for (const ManifestSeries &series : manifest.series)
        json["series"].push_back(seriesJson(series));
    for (std::size_t i = 0; i < summary.segments.size(); ++i)
        json["segments"].push_back(segmentJson(recording, i, summary.segments[i]));
    for (const LossRecord &loss : summary.losses)
        json["ledger"].push_back(lossJson(loss));
    Json columns = Json::array();
    for (const double part : summary.picture)
        columns.push_back(part < 0 ? Json(nullptr) : Json(part));
    json["picture"]["columns"] = std::move(columns);
    return json;
}

} // namespace dmaslab::tools
