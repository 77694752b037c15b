// SPDX-License-Identifier: LGPL-2.1-or-later
// The part of the writer's thread that deals with segments: which one a frame goes to, and when there is a
// new one.
#include <cerrno>

#include "dmaslab/archive/writer_thread.h"
#include "dmaslab/memory/text.h"

namespace dmaslab {

namespace {

constexpr std::int64_t kRetryNs = 1'000'000'000; ///< between two looks whether a full disk has room again

bool isFull(const Error &error)
{
    return error.sysErrno == ENOSPC || error.sysErrno == EDQUOT || error.sysErrno == EFBIG;
}

/** Segments that are full sooner than they can be committed hold the frames back: each has two open files. */
constexpr std::size_t kMostSegments = 8;

} // namespace

bool WriterThread::isOver(const WriteSegment &segment, const ArchiveFrame &frame) const
{
    return settings_.segmentTimeNs > 0 && frame.pts != kNoTime && segment.event.firstPts &&
           frame.pts - *segment.event.firstPts >= settings_.segmentTimeNs;
}

bool WriterThread::tooManySegments() const
{
    return segments_.size() >= kMostSegments;
}

WriteSegment *WriterThread::segmentFor(const ArchiveFrame &frame)
{
    if (!haveSeries_) {
        fail({Errc::InvalidArgument, "a frame came before its format was said", 0}, ArchiveLoss::Error);
        return nullptr;
    }
    if (diskFull_ && monotonicNowNs() < retryAt_)
        return nullptr;
    WriteSegment *last = segments_.empty() ? nullptr : segments_.back().get();
    if (last && isOver(*last, frame))
        last->sealed = true;
    if (last && last->files.plan.series == series_ && last->hasRoomFor(frame.length))
        return last;
    if (last && last->placed > 0)
        last->sealed = true;
    if (!last || last->sealed) {
        if (tooManySegments())
            return nullptr; // until the oldest of them is durable and closed
        if (!prepared_) {
            const bool first = !std::exchange(urgent_, true);
            if (first || monotonicNowNs() >= retryAt_)
                askForSegment();
            return nullptr;
        }
        last = openPrepared();
    }
    if (last && !last->hasRoomFor(frame.length)) {
        // It is empty, and the next one would be no larger.
        if (!std::exchange(saidLarge_, true))
            client_.warning("frame " + std::to_string(frame.sequence) + " has " + bytesText(frame.length) +
                            ", more than a segment of " + bytesText(last->files.plan.dataBytes) +
                            " takes, and is lost like all such frames: set a larger segment-bytes");
        tooLarge_ = true;
        return nullptr;
    }
    return last;
}

WriteSegment *WriterThread::openPrepared()
{
    writes_->flush();
    const bool newSeries = segments_.empty() || segments_.back()->files.plan.series != series_;
    std::unique_ptr<WriteSegment> segment;
    try {
        segment = std::make_unique<WriteSegment>(std::move(*prepared_), *io_);
    } catch (const std::bad_alloc &) {
        fail({Errc::NoMemory, "no memory for the index of a segment: set a smaller segment-bytes", ENOMEM},
             ArchiveLoss::Error);
        return nullptr;
    }
    prepared_.reset();
    if (const auto ok = segment->openNumbers(); !ok) {
        segment->closeNumbers();
        keeper_.discard(std::move(segment->files));
        fail(ok.error(), ArchiveLoss::Error);
        return nullptr;
    }
    if (newSeries)
        writes_->pins().ageAll();
    segment->event.number = segment->files.plan.number;
    segment->event.series = segment->files.plan.series;
    segment->event.path = segment->files.path;
    segments_.push_back(std::move(segment));
    shared_.segments.fetch_add(1, std::memory_order_relaxed);
    urgent_ = diskFull_ = false;
    client_.segmentOpened(segments_.back()->event);
    return segments_.back().get();
}

void WriterThread::askForSegment()
{
    if (asked_ || failed_ || finishing_ || !haveSeries_)
        return;
    if (prepared_ && prepared_->plan.series == series_)
        return;
    asked_ = true;
    keeper_.prepare(series_);
}

void WriterThread::prepareAhead()
{
    if (asked_ || prepared_ || segments_.empty() || diskFull_ || monotonicNowNs() < retryAt_)
        return;
    const WriteSegment &last = *segments_.back();
    const bool byTime = settings_.segmentTimeNs > 0 && last.event.firstPts && last.event.lastPts &&
                        (*last.event.lastPts - *last.event.firstPts) * 2 >= settings_.segmentTimeNs;
    if (last.sealed || byTime || last.placed * 2 >= last.files.plan.records ||
        last.placedBytes * 2 >= last.files.plan.dataBytes)
        askForSegment();
}

void WriterThread::takeAnswer()
{
    if (!asked_)
        return;
    auto answer = keeper_.takePrepared();
    if (!answer)
        return;
    asked_ = false;
    if (!*answer) {
        onNoSegment(answer->error());
        return;
    }
    retryAt_ = 0;
    if ((*answer)->plan.series != series_) {
        // Made for frames that nobody sends any more.
        keeper_.discard(std::move(**answer));
        askForSegment();
        return;
    }
    prepared_ = std::move(**answer);
    sayIo();
}

void WriterThread::onNoSegment(const Error &error)
{
    retryAt_ = monotonicNowNs() + kRetryNs;
    // Ahead of time it is only a forecast: what there is will be used to its end.
    if (!urgent_)
        return;
    if (isFull(error) && settings_.onDiskFull == OnDiskFull::Recycle && !segments_.empty()) {
        retryAt_ = 0; // the oldest is not closed yet; then it can be had
        return;
    }
    if (isFull(error) && settings_.onDiskFull == OnDiskFull::Drop) {
        if (!std::exchange(diskFull_, true))
            client_.warning(error.message +
                            "; frames are lost until there is room again (on-disk-full=drop)");
        return;
    }
    if (!isFull(error)) {
        fail(error, ArchiveLoss::IoError);
        return;
    }
    fail({error.code,
          keeper_.path() + ": the disk is full, the recording ends; its " + std::to_string(recordsCounted_) +
              " frames so far are safe. Free some space, or set on-disk-full=drop or recycle (" +
              error.message + ")",
          error.sysErrno},
         ArchiveLoss::DiskFull);
}

void WriterThread::settle(WriteSegment &segment)
{
    // What could not be made durable is lost; the headers say what is.
    for (std::uint64_t i = segment.counted; i < segment.placed; ++i) {
        if (segment.record(i).flags & kFrameBad)
            --segment.bad; // a loss already, and none of the frames that count
        else
            noteLost(segment.record(i).sequence, ArchiveLoss::IoError, segment.event.series);
    }
    recordsCounted_ += segment.placed - segment.counted;
    segment.placed = segment.counted;
    if (segment.counted == 0) {
        segment.event.firstSequence = segment.event.lastSequence = std::nullopt;
        segment.event.firstPts = segment.event.lastPts = std::nullopt;
    } else {
        const IndexRecord &last = segment.record(segment.counted - 1);
        segment.event.lastSequence = last.sequence;
        segment.event.lastPts = last.pts == kNoTime ? segment.event.firstPts : last.pts;
    }
}

void WriterThread::retireSealed()
{
    while (!segments_.empty()) {
        WriteSegment &oldest = *segments_.front();
        if (!oldest.sealed || &oldest == committing_ || writes_->firstIncomplete(oldest) != oldest.placed)
            return;
        if (oldest.counted != oldest.placed) {
            if (!distrust_)
                return;
            settle(oldest);
        }
        oldest.closeNumbers();
        RetiredSegment retired;
        retired.end = {oldest.counted, oldest.dataEnd(oldest.counted), distrust_};
        retired.bad = oldest.bad;
        retired.event = oldest.event;
        retired.event.frames = oldest.counted;
        retired.files = std::move(oldest.files);
        segments_.pop_front();
        keeper_.retire(std::move(retired));
    }
}

bool WriterThread::endWhenDone()
{
    if (closing_)
        return keeper_.finished();
    if (!finishing_ || next_ || !segments_.empty() || committer_->busy() || asked_ || !drains_.empty() ||
        ledgerWaits())
        return false;
    closing_ = true;
    keeper_.finish(losses_.durable(), std::exchange(prepared_, std::nullopt));
    return false;
}

} // namespace dmaslab
