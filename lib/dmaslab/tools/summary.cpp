// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/tools/summary.h"

#include <algorithm>

#include <sys/stat.h>

#include "dmaslab/tools/gap_picture.h"

namespace dmaslab::tools {

namespace {

std::string stateText(const Recording &recording)
{
    switch (recording.manifest().state) {
    case RecordingState::Recording:
        return recording.mayGrow() ? "recording" : "crashed";
    case RecordingState::Recovered:
        return "recovered";
    default:
        return "closed";
    }
}

void addFile(const std::string &path, SegmentSummary &segment)
{
    struct stat status = {};
    if (stat(path.c_str(), &status) != 0)
        return;
    segment.bytes += std::uint64_t(status.st_size);
    segment.allocated += std::uint64_t(status.st_blocks) * 512;
}

Result<IndexRecord> recordAt(const Recording &recording, std::size_t segment, std::uint64_t record)
{
    IndexRecord index;
    if (const auto read = recording.readIndex(segment, record, {&index, 1}); !read)
        return tl::unexpected(read.error());
    return index;
}

Result<SegmentSummary> summarizeSegment(const Recording &recording, std::size_t number,
                                        std::vector<std::uint64_t> &badSequences)
{
    const Recording::Segment &segment = recording.segments()[number];
    SegmentSummary summary;
    addFile(segment.framesPath, summary);
    addFile(segment.indexPath, summary);
    const auto &entries = recording.manifest().segments;
    const auto entry = std::find_if(entries.begin(), entries.end(),
                                    [&](const ManifestSegment &e) { return e.number == segment.number; });
    summary.closed = entry != entries.end() && entry->closed;
    if (segment.frames == 0)
        return summary;
    const auto first = recordAt(recording, number, 0);
    const auto last = recordAt(recording, number, segment.frames - 1);
    if (!first || !last)
        return tl::unexpected((first ? last : first).error());
    summary.first = *first;
    summary.last = *last;
    // Only an open segment, and one that is known to have bad frames, is worth reading its whole index.
    if (summary.closed && entry->bad == 0)
        return summary;
    std::vector<IndexRecord> records(4096);
    for (std::uint64_t at = 0; at < segment.frames; at += records.size()) {
        records.resize(std::min<std::uint64_t>(records.size(), segment.frames - at));
        if (const auto read = recording.readIndex(number, at, records); !read)
            return tl::unexpected(read.error());
        for (const IndexRecord &record : records) {
            if (record.flags & kFrameBad)
                badSequences.push_back(record.sequence);
        }
    }
    summary.bad = std::uint64_t(std::count_if(badSequences.begin(), badSequences.end(), [&](std::uint64_t s) {
        return s >= first->sequence && s <= last->sequence;
    }));
    return summary;
}

void addTimes(Summary &summary)
{
    if (!summary.first || summary.first->pts == kNoTime || summary.last->pts == kNoTime ||
        summary.last->pts <= summary.first->pts)
        return;
    if (__builtin_sub_overflow(summary.last->pts, summary.first->pts, &summary.durationNs))
        summary.durationNs = 0;
    else
        summary.rate = double(summary.frames - 1) * 1e9 / double(summary.durationNs);
}

/** Only a ring has a first segment that is not number 0. */
void findKept(const Recording &recording, Summary &summary)
{
    const auto &entries = recording.manifest().segments;
    if (entries.empty() || entries.front().number == 0)
        return;
    if (summary.first)
        summary.keptFrom = summary.first->sequence;
    // The first file may be unreadable: what was in it is missing and not overwritten.
    const auto &first = entries.front().firstSequence;
    if (first && (!summary.keptFrom || *first < *summary.keptFrom))
        summary.keptFrom = first;
    if (summary.keptFrom)
        summary.overwrittenSegments = entries.front().number;
}

void addLosses(Summary &summary)
{
    for (const LossRecord &loss : summary.losses) {
        if (loss.kind == LossKind::Skip) {
            summary.skipped += loss.count;
            continue;
        }
        if (summary.keptFrom && loss.last < *summary.keptFrom) {
            summary.lostBeforeKept += loss.count;
            continue;
        }
        summary.lost += loss.count;
        summary.lostByReason[loss.reasonText()] += loss.count;
    }
}

} // namespace

Result<Summary> summarize(const Recording &recording, unsigned columns)
{
    Summary summary;
    summary.state = stateText(recording);
    summary.frames = recording.frames();
    std::vector<std::uint64_t> badSequences;
    for (std::size_t i = 0; i < recording.segments().size(); ++i) {
        const auto segment = summarizeSegment(recording, i, badSequences);
        if (!segment)
            return tl::unexpected(segment.error());
        summary.bad += segment->bad;
        summary.bytes += segment->bytes;
        summary.allocated += segment->allocated;
        if (!summary.first)
            summary.first = segment->first;
        if (segment->last)
            summary.last = segment->last;
        if (!recording.segments()[i].problem.empty())
            summary.problems.push_back(recording.segments()[i].problem);
        summary.segments.push_back(*segment);
    }
    // A ledger that is broken hides nothing of the frames.
    if (auto losses = recording.losses())
        summary.losses = std::move(*losses);
    else
        summary.problems.push_back(losses.error().message);
    addTimes(summary);
    findKept(recording, summary);
    addLosses(summary);
    const auto drawn = drawPicture(recording, summary, badSequences, columns);
    if (!drawn)
        return tl::unexpected(drawn.error());
    return summary;
}

} // namespace dmaslab::tools
