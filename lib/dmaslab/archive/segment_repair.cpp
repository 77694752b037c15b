// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/segment_repair.h"

#include <algorithm>
#include <memory>

#include "dmaslab/archive/file_io.h"
#include "dmaslab/archive/repaired_file.h"
#include "dmaslab/archive/segment_count.h"
#include "dmaslab/capture/frame_hash.h"

namespace dmaslab {

namespace {

constexpr std::uint64_t kEntriesAtOnce = 4096;
constexpr std::uint64_t kMostWitnesses = 64; ///< frames that are read to see whose a file is

class SegmentRepair
{
public:
    SegmentRepair(const RepairJob &job, const ManifestSeries &series, std::optional<std::uint64_t> &previous,
                  ManifestSegment &segment, RecoveryReport &report)
        : job_(job), series_(series), previous_(previous), segment_(segment), report_(report),
          frames_(job, framesName(segment.number), report), index_(job, indexName(segment.number), report)
    {
    }

    Result<bool> run()
    {
        for (RepairedFile *file : {&frames_, &index_}) {
            const auto ok = file->open();
            if (!ok && ok.error().code == Errc::NotFound) {
                report_.actions.push_back(file->path() + ": is not there, so that segment " +
                                          std::to_string(segment_.number) + " is listed no more");
                return false;
            }
            if (!ok)
                return tl::unexpected(ok.error());
        }
        for (const auto step :
             {&SegmentRepair::count, &SegmentRepair::regain, &SegmentRepair::tally, &SegmentRepair::apply}) {
            if (const auto ok = (this->*step)(); !ok)
                return tl::unexpected(ok.error());
        }
        return true;
    }

private:
    [[nodiscard]] bool blob() const { return series_.layout.layout == ArchiveLayout::Blob; }

    Result<void> readEntries(std::uint64_t first, std::span<IndexRecord> entries)
    {
        return readAt(index_.fd(), index_.path(), kArchiveBlock + first * sizeof(IndexRecord),
                      std::as_writable_bytes(entries));
    }

    /** The counts are right where there is a header at all; of two, the smaller is what both files have. */
    Result<void> count()
    {
        const FileCount frames = countFrames(frames_.fd(), frames_.path(), series_.layout);
        const FileCount index = countIndex(index_.fd(), index_.path());
        countsKnown_ = frames.valid || index.valid;
        holdsData_ = blob() ? frames.holds : frames.holds * series_.layout.recordBytes;
        holdsEntries_ = blob() ? index.holds : std::min(index.holds, frames.holds);
        // A count of 0 where there is none: then only hashes tell.
        const std::uint64_t most = !countsKnown_ ? 0 : frames.valid ? frames.counted() : frames.holds;
        std::uint64_t counted = blob() ? index.holds : std::min(holdsEntries_, most);
        if (index.valid)
            counted = std::min(counted, index.counted());
        if (!index.valid || blob()) {
            const auto within = index.valid ? framesWithin(index_.fd(), index_.path(), counted, most)
                                            : entriesThatReach(counted, blob() ? most : ~std::uint64_t{0});
            if (!within)
                return tl::unexpected(within.error());
            counted = *within;
        }
        segment_.frames = counted;
        return {};
    }

    /** Where the index lost its count: the entries that can be, one after the other, until the data ends. */
    Result<std::uint64_t> entriesThatReach(std::uint64_t entries, std::uint64_t dataBytes)
    {
        std::uint64_t end = 0;
        std::uint64_t found = 0;
        while (found < entries && end < dataBytes) {
            IndexRecord entry;
            if (const auto ok = readEntries(found, std::span(&entry, 1)); !ok)
                return tl::unexpected(ok.error());
            if (entryFault(entry, found, series_, std::min(dataBytes, holdsData_)) != nullptr ||
                std::uint64_t{entry.block} * kArchiveBlock < end || entry.length == 0)
                break;
            end = roundUpToBlock(endOf(entry));
            ++found;
        }
        return found;
    }

    Result<void> regain()
    {
        IndexRecord last;
        if (segment_.frames > 0) {
            if (auto ok = readEntries(segment_.frames - 1, std::span(&last, 1)); !ok)
                return ok;
            previous_ = last.sequence;
            dataEnd_ = roundUpToBlock(endOf(last));
        }
        const std::uint64_t counted = segment_.frames;
        while (job_.hashed && segment_.frames < holdsEntries_) {
            IndexRecord entry;
            if (auto ok = readEntries(segment_.frames, std::span(&entry, 1)); !ok)
                return ok;
            if (!isWhole(entry))
                break;
            previous_ = entry.sequence;
            dataEnd_ = roundUpToBlock(endOf(entry));
            ++segment_.frames;
        }
        if (segment_.frames > counted)
            report_.actions.push_back(framesName(segment_.number) + ": " +
                                      std::to_string(segment_.frames - counted) +
                                      (segment_.frames - counted == 1 ? " frame is" : " frames are") +
                                      " whole that were not counted yet");
        report_.regained += segment_.frames - counted;
        return {};
    }

    [[nodiscard]] bool isWhole(const IndexRecord &entry)
    {
        if (entryFault(entry, segment_.frames, series_, holdsData_) != nullptr ||
            (entry.flags & (kFrameBad | kFrameUnhashed)) != 0 ||
            std::uint64_t{entry.block} * kArchiveBlock < dataEnd_)
            return false;
        // What a recycled segment held before was recorded before all that is counted now.
        if (previous_ && entry.sequence <= *previous_)
            return false;
        return hasItsHash(entry);
    }

    [[nodiscard]] bool hasItsHash(const IndexRecord &entry)
    {
        if (entry.length > bufferBytes_) {
            buffer_ = std::make_unique_for_overwrite<std::byte[]>(entry.length);
            bufferBytes_ = entry.length;
        }
        const std::span bytes(buffer_.get(), entry.length);
        return readAt(frames_.fd(), frames_.path(),
                      kArchiveBlock + std::uint64_t{entry.block} * kArchiveBlock, bytes) &&
               frameHash(bytes) == entry.hash;
    }

    /** A frame that has the hash of its entry: the two files are of this segment, whatever their headers. */
    Result<bool> isProven()
    {
        for (std::uint64_t frame = 0; frame < std::min(segment_.frames, kMostWitnesses); ++frame) {
            IndexRecord entry;
            if (const auto ok = readEntries(frame, std::span(&entry, 1)); !ok)
                return tl::unexpected(ok.error());
            if (entryFault(entry, frame, series_, holdsData_) == nullptr && entry.length > 0 &&
                (entry.flags & (kFrameBad | kFrameUnhashed)) == 0 && hasItsHash(entry))
                return true;
        }
        return false;
    }

    /** Before the first byte of either is changed. */
    Result<void> refuseForeign(std::uint64_t data)
    {
        const auto index = index_.hasRoomForHeader(indexDescr(), {segment_.frames});
        const auto frames = frames_.hasRoomForHeader(
            series_.layout.descr, series_.layout.fileShape(blob() ? data : segment_.frames));
        if (!index || !frames)
            return tl::unexpected(index ? frames.error() : index.error());
        if (*index && *frames)
            return {};
        const auto proven = isProven();
        if (!proven)
            return tl::unexpected(proven.error());
        if (!*proven)
            return tl::unexpected((*index ? frames_ : index_).foreign());
        return {};
    }

    /** What the manifest says about a closed segment: the whole index, which is small beside the frames. */
    Result<void> tally()
    {
        std::vector<IndexRecord> entries(std::size_t(std::min(segment_.frames, kEntriesAtOnce)));
        for (std::uint64_t first = 0; first < segment_.frames; first += entries.size()) {
            const std::span part =
                std::span(entries).first(std::size_t(std::min(segment_.frames - first, entries.size())));
            if (auto ok = readEntries(first, part); !ok)
                return ok;
            segment_.bad +=
                std::uint64_t(std::count_if(part.begin(), part.end(), [](const IndexRecord &entry) {
                    return (entry.flags & kFrameBad) != 0;
                }));
            if (first == 0)
                segment_.firstSequence = part.front().sequence;
            segment_.lastSequence = part.back().sequence;
        }
        segment_.closed = true;
        return {};
    }

    Result<void> apply()
    {
        const std::uint64_t data = blob() ? dataEnd_ : segment_.frames * series_.layout.recordBytes;
        if (auto ok = refuseForeign(data); !ok)
            return ok;
        // A count is written when what it counts is durable, and the index's first.
        if (segment_.frames > 0) {
            for (RepairedFile *file : {&frames_, &index_}) {
                if (auto ok = file->sync(); !ok)
                    return ok;
            }
        }
        if (auto ok = index_.writeHeader(indexDescr(), {segment_.frames}); !ok)
            return ok;
        if (auto ok = frames_.writeHeader(series_.layout.descr,
                                          series_.layout.fileShape(blob() ? data : segment_.frames));
            !ok)
            return ok;
        segment_.bytes = kArchiveBlock + data;
        if (!countsKnown_ && holdsData_ > data) {
            segment_.bytes = frames_.bytes();
            report_.actions.push_back(framesName(segment_.number) +
                                      ": both headers were lost, so that what follows frame " +
                                      std::to_string(segment_.frames) + " is kept and not counted");
            return {};
        }
        if (auto ok = index_.resize(kArchiveBlock + segment_.frames * sizeof(IndexRecord)); !ok)
            return ok;
        return frames_.resize(segment_.bytes);
    }

    const RepairJob &job_;
    const ManifestSeries &series_;
    std::optional<std::uint64_t> &previous_;
    ManifestSegment &segment_;
    RecoveryReport &report_;
    RepairedFile frames_, index_;
    bool countsKnown_ = false;
    std::uint64_t holdsData_ = 0, holdsEntries_ = 0;
    std::uint64_t dataEnd_ = 0; ///< of the last frame, in whole blocks
    std::unique_ptr<std::byte[]> buffer_;
    std::size_t bufferBytes_ = 0;
};

} // namespace

Result<bool> repairSegment(const RepairJob &job, const ManifestSeries &series,
                           std::optional<std::uint64_t> &previous, ManifestSegment &segment,
                           RecoveryReport &report)
{
    return SegmentRepair(job, series, previous, segment, report).run();
}

Result<bool> trimPrepared(const RepairJob &job, std::uint32_t number, RecoveryReport &report)
{
    RepairedFile frames(job, framesName(number), report);
    RepairedFile index(job, indexName(number), report);
    bool any = false;
    for (RepairedFile *file : {&frames, &index}) {
        const auto opened = file->open();
        if (!opened && opened.error().code == Errc::NotFound)
            continue;
        if (!opened)
            return tl::unexpected(opened.error());
        any = true;
        const auto header = readHeader(file->fd(), file->path());
        if (!header || header->header.count() != 0)
            continue;
        if (const auto ok = file->resize(kArchiveBlock); !ok)
            return tl::unexpected(ok.error());
    }
    return any;
}

Result<std::uint64_t> repairLosses(const RepairJob &job, RecoveryReport &report)
{
    RepairedFile file(job, kLossesName, report);
    const auto opened = file.open();
    if (!opened && opened.error().code == Errc::NotFound)
        return 0;
    if (!opened)
        return tl::unexpected(opened.error());
    const auto header = readHeader(file.fd(), file.path());
    const bool valid = header && header->header.descr == lossesDescr() && header->header.shape.size() == 1;
    const std::uint64_t entries =
        valid ? std::min(header->header.count(), header->dataBytes / sizeof(LossRecord)) : 0;
    const auto room = file.hasRoomForHeader(lossesDescr(), {entries});
    if (!room)
        return tl::unexpected(room.error());
    if (!*room)
        return tl::unexpected(file.foreign());
    if (const auto ok = file.writeHeader(lossesDescr(), {entries}); !ok)
        return tl::unexpected(ok.error());
    if (valid) {
        if (const auto ok = file.resize(kArchiveBlock + entries * sizeof(LossRecord)); !ok)
            return tl::unexpected(ok.error());
    }
    return entries;
}

} // namespace dmaslab
