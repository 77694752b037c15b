// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <memory>
#include <new>

#include <fcntl.h>
#include <sys/stat.h>

#include "dmaslab/archive/file_io.h"
#include "dmaslab/archive/gaps.h"
#include "dmaslab/archive/recovery.h"
#include "dmaslab/archive/segment_count.h"
#include "dmaslab/capture/frame_hash.h"

namespace dmaslab {

namespace {

constexpr std::size_t kReadAtOnce = 4 << 20;
constexpr std::uint64_t kEntriesAtOnce = 16'384;

class Verification
{
public:
    Verification(const Recording &recording,
                 const std::function<bool(std::uint64_t, std::uint64_t)> &progress,
                 std::span<const LossRecord> ledger)
        : recording_(recording), progress_(progress),
          gaps_(ledger, recording.manifest().everyNth, recording.manifest().nthPhase)
    {
    }

    VerifyReport run()
    {
        for (std::size_t segment = 0; segment < recording_.segments().size() && !stopped_; ++segment)
            verifySegment(segment);
        report_.gaps = gaps_.finish();
        for (const MissingFrames &gap : report_.gaps)
            report_.missing += std::min(gap.count, ~std::uint64_t{0} - report_.missing);
        return std::move(report_);
    }

    void problem(std::string sentence) { report_.problems.push_back(std::move(sentence)); }

private:
    void fault(const FramePlace &place, FrameFault kind, std::string detail)
    {
        const Recording::Segment &segment = recording_.segments()[place.segment];
        report_.faults.push_back({segment.firstFrame + place.record, place.index.sequence, segment.number,
                                  kind, std::move(detail)});
    }

    void verifySegment(std::size_t position)
    {
        const Recording::Segment &segment = recording_.segments()[position];
        const ManifestSegment &entry = recording_.manifest().segments[position];
        if (!segment.problem.empty())
            problem(segment.problem);
        if (!entry.closed && recording_.manifest().state != RecordingState::Recording)
            problem(segment.framesPath +
                    ": manifest.json calls the recording complete and this segment open");
        end_ = 0;
        bad_ = 0;
        first_.reset();
        std::vector<IndexRecord> entries(std::size_t(std::min(segment.frames, kEntriesAtOnce)));
        if (const auto fd = recording_.framesOf(position); fd && segment.frames > 0)
            posix_fadvise(*fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        for (std::uint64_t first = 0; first < segment.frames && !stopped_; first += entries.size()) {
            const std::span part = std::span(entries).first(
                std::size_t(std::min<std::uint64_t>(entries.size(), segment.frames - first)));
            if (const auto ok = recording_.readIndex(position, first, part); !ok) {
                problem(ok.error().message);
                return;
            }
            verifyEntries(position, first, part);
        }
        if (entry.closed && segment.problem.empty() && !stopped_)
            compare(segment, entry);
    }

    void compare(const Recording::Segment &segment, const ManifestSegment &entry)
    {
        const auto differs = [&](const char *what, std::uint64_t found, std::uint64_t said) {
            if (found != said)
                problem(segment.framesPath + ": " + what + " " + std::to_string(found) +
                        ", and manifest.json says " + std::to_string(said));
        };
        struct stat status = {};
        if (stat(segment.framesPath.c_str(), &status) == 0)
            differs("its size is", std::uint64_t(status.st_size), entry.bytes);
        differs("frames marked as bad:", bad_, entry.bad);
        if (first_.has_value() != entry.firstSequence.has_value() ||
            first_.has_value() != entry.lastSequence.has_value()) {
            problem(segment.framesPath +
                    ": manifest.json has sequences of a segment without frames, or none");
        } else if (first_) {
            differs("its first sequence is", *first_, *entry.firstSequence);
            differs("its last sequence is", *previous_, *entry.lastSequence);
        }
    }

    /** Runs of frames that lie behind each other are read at once. */
    void verifyEntries(std::size_t position, std::uint64_t first, std::span<const IndexRecord> entries)
    {
        run_.clear();
        for (std::size_t i = 0; i < entries.size() && !stopped_; ++i) {
            ++report_.frames;
            const FramePlace place{position, first + i,
                                   kArchiveBlock + std::uint64_t{entries[i].block} * kArchiveBlock,
                                   entries[i]};
            if (!isReadable(place))
                continue;
            if (!run_.empty() && place.offset + place.index.length - run_.front().offset > kReadAtOnce)
                verifyRun();
            run_.push_back(place);
        }
        if (!stopped_)
            verifyRun();
    }

    bool isReadable(const FramePlace &place)
    {
        const IndexRecord &index = place.index;
        if (previous_ && index.sequence <= *previous_) {
            fault(place, FrameFault::Index,
                  "its number is not greater than " + std::to_string(*previous_) +
                      ", that of the frame before");
        } else if (previous_) {
            gaps_.add(*previous_, index.sequence);
        }
        previous_ = index.sequence; // even so: one wrong number must not put all that follow in the wrong
        if (!first_)
            first_ = index.sequence;
        if (const auto checked = recording_.checkedPlace(place.segment, place.record, index); !checked) {
            fault(place, FrameFault::Index, checked.error().message);
            return false;
        }
        const bool overlaps = place.offset < kArchiveBlock + end_;
        end_ = std::max(end_, roundUpToBlock(endOf(index)));
        if (overlaps) {
            fault(place, FrameFault::Index, "it begins before the frame before it ends");
            return false;
        }
        if ((index.flags & kFrameBad) != 0) {
            ++bad_;
            fault(place, FrameFault::Bad, "it could not be written when it was recorded");
            return false;
        }
        return true;
    }

    void verifyRun()
    {
        if (run_.empty())
            return;
        const std::uint64_t begin = run_.front().offset;
        const std::size_t bytes = std::size_t(run_.back().offset + run_.back().index.length - begin);
        if (bytes > bufferBytes_) {
            const auto &segment = recording_.segments()[run_.front().segment];
            bufferBytes_ =
                std::max(bytes, std::size_t(std::min<std::uint64_t>(kReadAtOnce, segment.dataBytes)));
            buffer_ = std::make_unique_for_overwrite<std::byte[]>(bufferBytes_);
        }
        const std::span buffer(buffer_.get(), bytes);
        const auto fd = recording_.framesOf(run_.front().segment);
        const std::string &path = recording_.segments()[run_.front().segment].framesPath;
        const bool whole = fd && readAt(*fd, path, begin, buffer) && recording_.confirm(run_.back());
        for (const FramePlace &place : run_) {
            const auto frame = whole ? buffer.subspan(std::size_t(place.offset - begin), place.index.length)
                                     : buffer.first(place.index.length);
            if (!whole) { // one of them: which?
                if (const auto ok = recording_.readFrame(place, frame); !ok) {
                    fault(place, FrameFault::Unreadable, ok.error().message);
                    continue;
                }
            }
            if ((place.index.flags & kFrameUnhashed) != 0)
                ++report_.unhashed;
            else if (frameHash(frame) == place.index.hash)
                ++report_.verified;
            else
                fault(place, FrameFault::WrongHash, "its bytes are not those that were recorded");
        }
        run_.clear();
        stopped_ = progress_ && !progress_(report_.frames, recording_.frames());
    }

    const Recording &recording_;
    const std::function<bool(std::uint64_t, std::uint64_t)> &progress_;
    GapAccount gaps_;
    VerifyReport report_;
    bool stopped_ = false;
    std::optional<std::uint64_t> previous_; ///< sequence
    std::optional<std::uint64_t> first_;    ///< of the segment
    std::uint64_t end_ = 0;                 ///< of the frames so far, bytes of data of the segment
    std::uint64_t bad_ = 0;
    std::vector<FramePlace> run_;
    std::unique_ptr<std::byte[]> buffer_;
    std::size_t bufferBytes_ = 0;
};

} // namespace

const char *toString(FrameFault fault)
{
    switch (fault) {
    case FrameFault::WrongHash:
        return "wrong-hash";
    case FrameFault::Bad:
        return "bad";
    case FrameFault::Unreadable:
        return "unreadable";
    case FrameFault::Index:
        return "index";
    }
    return "?";
}

Result<VerifyReport> verifyRecording(const Recording &recording,
                                     const std::function<bool(std::uint64_t, std::uint64_t)> &progress)
try {
    const auto losses = recording.losses();
    const std::span<const LossRecord> ledger =
        losses ? std::span<const LossRecord>(*losses) : std::span<const LossRecord>();
    Verification verification(recording, progress, ledger);
    if (!losses)
        verification.problem(losses.error().message);
    else if (recording.manifest().state != RecordingState::Recording &&
             losses->size() != recording.manifest().losses)
        verification.problem(recording.path() + "/" + kLossesName + ": has " +
                             std::to_string(losses->size()) + " entries, and manifest.json says " +
                             std::to_string(recording.manifest().losses));
    return verification.run();
} catch (const std::bad_alloc &) {
    return failNoMemory("no memory");
}

} // namespace dmaslab
