// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdio>

#include "dmaslab/memory/text.h"
#include "dmaslab/tools/commands.h"
#include "dmaslab/tools/frame_range.h"
#include "dmaslab/tools/info_json.h"
#include "dmaslab/tools/open_recording.h"
#include "dmaslab/tools/summary.h"
#include "dmaslab/tools/terminal.h"

namespace dmaslab::tools {

namespace {

void line(const char *label, const std::string &text)
{
    std::printf("  %-10s %s\n", label, printable(text).c_str());
}

std::string tuple(const std::vector<std::uint64_t> &axes)
{
    std::string text;
    for (const std::uint64_t axis : axes)
        text += (text.empty() ? "" : " x ") + std::to_string(axis);
    return text;
}

std::string stateText(const Recording &recording, const Summary &summary)
{
    if (summary.state == "crashed")
        return "its writer died; 'dmaslab-archive recover " + recording.path() +
               "' takes in what is complete";
    if (summary.state == "recording")
        return "being written: the numbers are those of this moment";
    return summary.state;
}

void printFrames(const Manifest &manifest, const Summary &summary)
{
    std::string text = std::to_string(summary.frames);
    if (summary.first)
        text += ", sequence " + std::to_string(summary.first->sequence) + " to " +
                std::to_string(summary.last->sequence);
    if (manifest.everyNth > 1)
        text += ", every " + std::to_string(manifest.everyNth) + "th: sequence mod " +
                std::to_string(manifest.everyNth) + " = " + std::to_string(manifest.nthPhase);
    line("frames", text);
    if (summary.keptFrom && *summary.keptFrom > 0)
        line("ring", "overwritten: sequence numbers up to " + std::to_string(*summary.keptFrom - 1) +
                         ", in " + countText(summary.overwrittenSegments, "segment"));
    if (summary.bad > 0)
        line("bad", countText(summary.bad, "frame") + " could not be written (verify names them)");
    if (summary.expected >= 1)
        line("complete", std::to_string(std::llround(summary.complete)) + " of " +
                             std::to_string(std::llround(summary.expected)) + " that belong here");
    text = std::to_string(summary.lost) + (manifest.everyNth > 1 ? " of the stream" : "");
    const char *separator = ": ";
    for (const auto &[reason, count] : summary.lostByReason) {
        text += separator + reason + " " + std::to_string(count);
        separator = ", ";
    }
    std::string more;
    if (summary.lostBeforeKept > 0)
        more = std::to_string(summary.lostBeforeKept) + " more before the first kept frame";
    if (summary.lost + summary.lostBeforeKept > 0)
        more += std::string(more.empty() ? "" : "; ") + "--losses lists them";
    line("lost", text + (more.empty() ? "" : " (" + more + ")"));
    if (summary.skipped > 0)
        line("left out", countText(summary.skipped, "frame") + " on purpose, before the archive");
    if (summary.rate > 0) {
        char rate[32];
        std::snprintf(rate, sizeof rate, "%.6g", summary.rate);
        line("time", durationText(summary.durationNs) + " by pts, " + rate + " frames/s recorded");
    }
}

void printSeries(const Recording &recording)
{
    const Manifest &manifest = recording.manifest();
    for (std::size_t number = 0; number < manifest.series.size(); ++number) {
        const SeriesFormat &format = manifest.series[number].format;
        const SeriesLayout &layout = manifest.series[number].layout;
        std::printf("\n");
        line(("series " + std::to_string(number)).c_str(), format.caps);
        if (!format.shape.empty()) {
            std::string text = format.dtype + ", " + tuple(format.crop.empty() ? format.shape : format.crop);
            if (!format.crop.empty() && format.crop != format.shape)
                text += " of " + tuple(format.shape) + " in memory";
            if (!format.fields.empty())
                text = format.fields;
            line("", text + (format.frameBytes ? ", " + bytesText(format.frameBytes) + " a frame" : ""));
        }
        line("", std::string("layout ") + toString(layout.layout) + ": " + layout.reason);
        const auto &segments = recording.segments();
        const auto first = std::find_if(segments.begin(), segments.end(),
                                        [&](const auto &segment) { return segment.series == number; });
        if (first != segments.end())
            line("", numpyLine(recording, std::size_t(first - segments.begin())));
    }
}

void printSegments(const Recording &recording, const Summary &summary)
{
    if (summary.segments.empty())
        return;
    std::printf("\n  %7s %6s %10s %6s %12s %12s %12s  %s\n", "segment", "series", "frames", "bad", "size",
                "first", "last", "state");
    for (std::size_t i = 0; i < summary.segments.size(); ++i) {
        const Recording::Segment &segment = recording.segments()[i];
        const SegmentSummary &about = summary.segments[i];
        const auto number = [](const std::optional<IndexRecord> &record) {
            return record ? std::to_string(record->sequence) : std::string("-");
        };
        std::printf("  %7u %6u %10" PRIu64 " %6" PRIu64 " %12s %12s %12s  %s\n", segment.number,
                    segment.series, segment.frames, about.bad, bytesText(about.bytes).c_str(),
                    number(about.first).c_str(), number(about.last).c_str(),
                    about.closed ? "closed" : "open");
    }
}

void printPicture(const Summary &summary, unsigned columns)
{
    if (summary.picture.empty())
        return;
    const std::string first = std::to_string(summary.spanFirst);
    const std::string last = std::to_string(summary.spanLast);
    const std::size_t width = std::max(summary.picture.size() + 2, first.size() + last.size() + 1);
    std::printf("\n%s\n%s%*s\n", pictureLine(summary.picture, localeIsUtf8()).c_str(), first.c_str(),
                int(width - first.size()), last.c_str());
    const std::uint64_t numbers = summary.spanLast - summary.spanFirst + 1;
    std::printf("height: how many of the frames are there; a column: %s\n",
                countText((numbers + summary.picture.size() - 1) / summary.picture.size(), "number").c_str());
}

void printSummary(const Recording &recording, const Summary &summary, unsigned columns)
{
    const Manifest &manifest = recording.manifest();
    std::printf("%s\n", printable(recording.path()).c_str());
    line("state", stateText(recording, summary));
    for (const std::string &problem : summary.problems)
        line("problem", problem);
    std::string written = utcText(manifest.createdNs) + " by " + manifest.software;
    if (!manifest.host.empty())
        written += " on " + manifest.host;
    line("created", written);
    if (!manifest.device.empty())
        line("device", manifest.device);
    printFrames(manifest, summary);
    std::string size = bytesText(summary.bytes) + " in " + countText(summary.segments.size(), "segment");
    if (summary.state == "recording" || summary.state == "crashed")
        size += ", with what is reserved";
    line("size", size);
    line("checksum", manifest.hashed ? "xxh3-64" : "none");
    if (manifest.metadataJson.size() > 2)
        line("metadata", manifest.metadataJson);
    if (manifest.tagsJson.size() > 2)
        line("tags", manifest.tagsJson);
    printSeries(recording);
    printSegments(recording, summary);
    printPicture(summary, columns);
}

void printLosses(const Summary &summary)
{
    if (summary.losses.empty()) {
        std::printf("nothing was lost, as far as anybody said\n");
        return;
    }
    std::printf("%12s %12s %10s %14s  %-13s %-4s  %s\n", "first", "last", "count", "time/s", "reason", "kind",
                "element");
    for (const LossRecord &loss : summary.losses) {
        char time[32] = "-";
        if (loss.time != kNoTime)
            std::snprintf(time, sizeof time, "%.6f", double(loss.time) / 1e9);
        std::printf("%12" PRIu64 " %12" PRIu64 " %10" PRIu64 " %14s  %-13s %-4s  %s\n", loss.first, loss.last,
                    loss.count, time, printable(loss.reasonText()).c_str(),
                    loss.kind == LossKind::Skip ? "skip" : "loss", printable(loss.elementText()).c_str());
    }
}

std::string flagsText(std::uint16_t flags)
{
    static constexpr const char *names[] = {"bad", "discont", "corrupted", "delta", "header", "unhashed"};
    std::string text;
    for (std::size_t bit = 0; bit < std::size(names); ++bit) {
        if (flags & (1u << bit))
            text += (text.empty() ? "" : ",") + std::string(names[bit]);
    }
    return text;
}

Result<void> forEachRecord(const Recording &recording, const FrameRange &range,
                           const std::function<void(std::uint64_t, const IndexRecord &)> &visit)
{
    for (std::uint64_t frame = range.first; frame < range.end; ++frame) {
        const auto place = recording.place(frame);
        if (!place)
            return tl::unexpected(place.error());
        visit(frame, place->index);
    }
    return {};
}

void printRecord(std::uint64_t frame, const IndexRecord &record)
{
    char hash[24] = "-";
    if ((record.flags & (kFrameUnhashed | kFrameBad)) == 0)
        std::snprintf(hash, sizeof hash, "%016" PRIx64, record.hash);
    char pts[32] = "-";
    if (record.pts != kNoTime)
        std::snprintf(pts, sizeof pts, "%.9f", double(record.pts) / 1e9);
    std::printf("%10" PRIu64 " %12" PRIu64 " %18s %10u %6u  %-16s  %s\n", frame, record.sequence, pts,
                record.length, record.dropsBefore, hash, flagsText(record.flags).c_str());
}

} // namespace

int runInfo(const InfoOptions &options)
{
    const auto recording = openRecording(options.recording);
    if (!recording)
        return complain(recording.error().message);
    FrameRange range;
    if (!options.frames.empty()) {
        const auto resolved = resolveRange(*recording, {options.frames, {}, {}});
        if (!resolved)
            return resolved.error().code == Errc::InvalidArgument ? complainUsage(resolved.error().message)
                                                                  : complain(resolved.error().message);
        range = *resolved;
    }
    const unsigned columns = terminalColumns() - 2;
    const auto summary = summarize(*recording, columns);
    if (!summary)
        return complain(summary.error().message);
    nlohmann::ordered_json json = options.json ? summaryJson(*recording, *summary) : nlohmann::ordered_json();
    if (!options.json && options.losses)
        printLosses(*summary);
    if (!options.json && !options.frames.empty())
        std::printf("%10s %12s %18s %10s %6s  %-16s  %s\n", "frame", "sequence", "pts/s", "bytes", "drops",
                    "hash", "flags");
    const auto walked = forEachRecord(*recording, range, [&](std::uint64_t frame, const IndexRecord &record) {
        if (options.json)
            json["index"].push_back(indexJson(frame, record));
        else
            printRecord(frame, record);
    });
    if (!walked)
        return complain(walked.error().message);
    if (options.json)
        printJson(json);
    else if (!options.losses && options.frames.empty())
        printSummary(*recording, *summary, columns);
    return kAllRight;
}

} // namespace dmaslab::tools
