// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/reader.h"

#include <algorithm>
#include <new>

#include "dmaslab/archive/file_io.h"
#include "dmaslab/archive/segment_count.h"

namespace dmaslab {

namespace {

/** Pictures of encoded streams come in the order of decoding: at most so many before one of an earlier time.
 */
constexpr std::uint64_t kMostReordered = 128;
constexpr std::uint64_t kScanned = 4096; ///< entries read at once

std::uint64_t offsetOf(std::uint64_t record)
{
    return kArchiveBlock + record * sizeof(IndexRecord);
}

} // namespace

Result<int> Recording::framesOf(std::size_t segment) const
try {
    if (segment >= segments_.size())
        return fail(Errc::InvalidArgument, path_ + ": has no segment at place " + std::to_string(segment));
    if (const auto ok = reopen(segment); !ok)
        return tl::unexpected(ok.error());
    return segments_[segment].framesFd.get();
} catch (const std::bad_alloc &) {
    return failNoMemory("no memory");
}

Result<int> Recording::indexOf(std::size_t segment) const
{
    auto frames = framesOf(segment);
    if (!frames)
        return frames;
    return segments_[segment].indexFd.get();
}

Result<void> Recording::readIndex(std::size_t segment, std::uint64_t first,
                                  std::span<IndexRecord> records) const
try {
    const auto fd = indexOf(segment);
    if (!fd)
        return tl::unexpected(fd.error());
    const Segment &from = segments_[segment];
    if (first > from.frames || records.size() > from.frames - first)
        return fail(Errc::InvalidArgument, from.indexPath + ": has " + std::to_string(from.frames) +
                                               " entries, and number " +
                                               std::to_string(first + records.size()) + " was asked for");
    if (auto ok = readAt(*fd, from.indexPath, offsetOf(first), std::as_writable_bytes(records)); !ok)
        return ok;
    if (records.empty())
        return {};
    // The index is counted ahead of the frames of a blob, which may be in the file and not yet counted.
    const bool blob = series(segment).layout.layout == ArchiveLayout::Blob;
    return checkKept(segment,
                     blob ? std::min(endOf(records.back()), from.dataBytes) : first + records.size());
} catch (const std::bad_alloc &) {
    return failNoMemory("no memory");
}

Result<FramePlace> Recording::checkedPlace(std::size_t segment, std::uint64_t record,
                                           const IndexRecord &index) const
try {
    if (segment >= segments_.size() || record >= segments_[segment].frames)
        return fail(Errc::InvalidArgument, path_ + ": has no record " + std::to_string(record) +
                                               " at place " + std::to_string(segment));
    const Segment &from = segments_[segment];
    if (const char *fault = entryFault(index, record, series(segment), from.dataBytes))
        return fail(Errc::Format, from.indexPath + ": entry " + std::to_string(record) +
                                      " is wrong: " + fault + " (block " + std::to_string(index.block) +
                                      ", length " + std::to_string(index.length) + ")");
    return FramePlace{segment, record, kArchiveBlock + std::uint64_t{index.block} * kArchiveBlock, index};
} catch (const std::bad_alloc &) {
    return failNoMemory("no memory");
}

std::size_t Recording::segmentOf(std::uint64_t frame) const
{
    const auto after = std::upper_bound(
        segments_.begin(), segments_.end(), frame,
        [](std::uint64_t number, const Segment &segment) { return number < segment.firstFrame; });
    return std::size_t(after - segments_.begin()) - 1;
}

Result<FramePlace> Recording::place(std::uint64_t frame) const
try {
    if (frame >= frames_)
        return fail(Errc::InvalidArgument, path_ + ": has " + std::to_string(frames_) +
                                               " frames, and number " + std::to_string(frame) +
                                               " (from 0) was asked for");
    const std::size_t segment = segmentOf(frame);
    const std::uint64_t number = frame - segments_[segment].firstFrame;
    IndexRecord index;
    if (const auto ok = readIndex(segment, number, std::span(&index, 1)); !ok)
        return tl::unexpected(ok.error());
    return checkedPlace(segment, number, index);
} catch (const std::bad_alloc &) {
    return failNoMemory("no memory");
}

Result<void> Recording::readFrame(const FramePlace &place, std::span<std::byte> dest) const
try {
    const auto fd = framesOf(place.segment);
    if (!fd)
        return tl::unexpected(fd.error());
    if (dest.size() < place.index.length)
        return fail(Errc::InvalidArgument, "a frame of " + std::to_string(place.index.length) +
                                               " bytes does not fit into " + std::to_string(dest.size()));
    const Segment &from = segments_[place.segment];
    if (auto ok = readAt(*fd, from.framesPath, place.offset, dest.first(place.index.length)); !ok)
        return ok;
    return confirm(place);
} catch (const std::bad_alloc &) {
    return failNoMemory("no memory");
}

Result<void> Recording::confirm(const FramePlace &place) const
try {
    if (place.segment >= segments_.size())
        return fail(Errc::InvalidArgument,
                    path_ + ": has no segment at place " + std::to_string(place.segment));
    const bool blob = series(place.segment).layout.layout == ArchiveLayout::Blob;
    return checkKept(place.segment, blob ? endOf(place.index) : place.record + 1);
} catch (const std::bad_alloc &) {
    return failNoMemory("no memory");
}

/** That the frames up to a count of `needed` are those that the segment had when it was loaded. */
Result<void> Recording::checkKept(std::size_t segment, std::uint64_t needed) const
{
    if (manifest_.state != RecordingState::Recording)
        return {};
    const auto fd = framesOf(segment);
    if (!fd)
        return tl::unexpected(fd.error());
    const Segment &from = segments_[segment];
    // Whoever recycles a segment sets its count to 0 before the first byte is overwritten, and raises it
    // after the entries were: so the count comes first here. A count that is high enough again belongs to a
    // segment that begins with another frame.
    const FileCount count = countFrames(*fd, from.framesPath, series(segment).layout);
    IndexRecord first;
    if (auto ok = readAt(from.indexFd.get(), from.indexPath, kArchiveBlock,
                         std::as_writable_bytes(std::span(&first, 1)));
        !ok)
        return ok;
    if (count.counted() < needed || first.sequence != from.firstSequence)
        return fail(Errc::NotFound, from.framesPath + ": the recording has given it up in the meantime");
    return {};
}

Result<std::uint64_t> Recording::findSequence(std::uint64_t sequence) const
try {
    std::uint64_t low = 0;
    std::uint64_t high = frames_;
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        const std::size_t segment = segmentOf(middle);
        IndexRecord index;
        if (const auto ok = readIndex(segment, middle - segments_[segment].firstFrame, std::span(&index, 1));
            !ok)
            return tl::unexpected(ok.error());
        if (index.sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
} catch (const std::bad_alloc &) {
    return failNoMemory("no memory");
}

Result<std::optional<std::uint64_t>> Recording::findPtsIn(std::size_t position, std::int64_t pts) const
{
    const Segment &segment = segments_[position];
    std::vector<IndexRecord> records(std::min(kScanned, segment.frames));
    const auto fits = [&](const IndexRecord &index) { return index.pts != kNoTime && index.pts >= pts; };
    // Most segments end before the time that is looked for.
    const std::span tail = std::span(records).first(std::min(kMostReordered, segment.frames));
    if (const auto ok = readIndex(position, segment.frames - tail.size(), tail); !ok)
        return tl::unexpected(ok.error());
    if (tail.back().pts != kNoTime && std::none_of(tail.begin(), tail.end(), fits))
        return std::nullopt;
    for (std::uint64_t first = 0; first < segment.frames; first += records.size()) {
        const std::span part = std::span(records).first(
            std::size_t(std::min<std::uint64_t>(records.size(), segment.frames - first)));
        if (const auto ok = readIndex(position, first, part); !ok)
            return tl::unexpected(ok.error());
        const auto found = std::find_if(part.begin(), part.end(), fits);
        if (found != part.end())
            return segment.firstFrame + first + std::uint64_t(found - part.begin());
    }
    return std::nullopt;
}

Result<std::uint64_t> Recording::findPts(std::int64_t pts) const
try {
    for (std::size_t position = 0; position < segments_.size(); ++position) {
        if (segments_[position].frames == 0)
            continue;
        const auto found = findPtsIn(position, pts);
        if (!found)
            return tl::unexpected(found.error());
        if (*found)
            return **found;
    }
    return frames_;
} catch (const std::bad_alloc &) {
    return failNoMemory("no memory");
}

Result<std::vector<LossRecord>> Recording::losses() const
try {
    return readLosses(directory_.get(), path_);
} catch (const std::bad_alloc &) {
    return failNoMemory("no memory");
}

} // namespace dmaslab
