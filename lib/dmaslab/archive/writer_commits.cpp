// SPDX-License-Identifier: LGPL-2.1-or-later
// The part of the writer's thread that makes frames count: commits, the ledger, drains, and writes that fail
// for good.
#include <cerrno>

#include "dmaslab/archive/writer_thread.h"
#include "dmaslab/memory/text.h"
#include "dmaslab/ring/futex.h"

namespace dmaslab {

namespace {

/** Frames that fail one after the other before the recording gives up. */
constexpr unsigned kMostErrorsInRow = 16;
constexpr unsigned kMostFailedCommits = 5;
constexpr std::int64_t kRetryNs = 1'000'000'000; ///< between two looks whether a full disk has room again

} // namespace

void WriterThread::onFailedWrite(const FailedWrite &failed)
{
    WriteSegment &segment = *failed.segment;
    const bool full = failed.error == ENOSPC || failed.error == EDQUOT || failed.error == EFBIG;
    shared_.ioErrors.fetch_add(full ? 0 : 1, std::memory_order_relaxed);
    segment.bad += failed.frames;
    segment.sealed = true; // what is wrong with this file must not befall the next frames
    for (std::uint32_t i = 0; i < failed.frames; ++i) {
        IndexRecord &record = segment.record(failed.firstRecord + i);
        record.flags |= kFrameBad;
        noteLost(record.sequence, full ? ArchiveLoss::DiskFull : ArchiveLoss::IoError, segment.event.series);
    }
    const std::string what = segment.files.path + ": frame " +
                             std::to_string(segment.record(failed.firstRecord).sequence) +
                             " could not be written (" + errnoText(failed.error) + ")";
    if (errorsInRow_++ == 0)
        client_.warning(what + "; the recording goes on in a new segment");
    if (errorsInRow_ < kMostErrorsInRow)
        return;
    if (full && settings_.onDiskFull != OnDiskFull::Error) {
        // A file system that reserves nothing: the same as when there is no room for a segment.
        errorsInRow_ = 0;
        diskFull_ = true;
        retryAt_ = monotonicNowNs() + kRetryNs;
    } else {
        fail({Errc::Io,
              what + ", and neither could the " + std::to_string(kMostErrorsInRow - 1) +
                  " before it: check the disk (dmesg), or record elsewhere",
              failed.error},
             full ? ArchiveLoss::DiskFull : ArchiveLoss::IoError);
    }
}

void WriterThread::onCommit(const Committer::Outcome &outcome)
{
    if (!outcome.ended)
        return;
    committing_ = nullptr;
    recordsCounted_ += outcome.records;
    onLedger(outcome.ledgerError);
    if (outcome.error == 0) {
        failedCommits_ = 0;
        shared_.commits.fetch_add(1, std::memory_order_relaxed);
        if (outcome.frames > 0) {
            shared_.bytes.fetch_add(outcome.bytes, std::memory_order_relaxed);
            client_.archived(outcome.frames, outcome.bytes);
            shared_.archived.fetch_add(outcome.frames, std::memory_order_release); // as for `lost`
        }
        return;
    }
    shared_.ioErrors.fetch_add(1, std::memory_order_relaxed);
    // After a failed sync nobody knows what the disk has, and a second one would not tell.
    if (!outcome.lostTrust && ++failedCommits_ < kMostFailedCommits)
        return;
    distrust_ = true;
    fail({Errc::Io,
          keeper_.path() + ": frames could not be made durable (" + errnoText(outcome.error) +
              "): check the disk (dmesg), or record elsewhere",
          outcome.error},
         ArchiveLoss::IoError);
}

/** The frames go on without it; at the end it is tried a few times and then given up. */
void WriterThread::onLedger(int error)
{
    failedLedgers_ = error != 0 ? failedLedgers_ + 1 : 0;
    if (error == 0)
        return;
    shared_.ioErrors.fetch_add(1, std::memory_order_relaxed);
    if (!std::exchange(saidLedger_, true))
        client_.warning(keeper_.path() + "/" + kLossesName + ": the ledger cannot be written (" +
                        errnoText(error) +
                        "): its entries are kept and written when it can; the frames are not affected");
}

/** Entries that can still be made durable. */
bool WriterThread::ledgerWaits() const
{
    return losses_.hasNew() && !distrust_ && !(finishing_ && failedLedgers_ >= kMostFailedCommits);
}

void WriterThread::commitWhenDue(std::int64_t now)
{
    if (committer_->busy() || distrust_)
        return;
    // A segment that is full is counted at once: a ring may want its files, and a reader the whole of it.
    const bool urgent = finishing_ || !drains_.empty() || (!segments_.empty() && segments_.front()->sealed);
    if (now < nextCommit_ && !urgent)
        return;
    for (const auto &segment : segments_) {
        const std::uint64_t upTo = writes_->firstIncomplete(*segment);
        if (upTo == segment->counted) {
            if (upTo < segment->placed)
                break; // its frames are under way, and those behind them wait: numbers are counted in order
            continue;
        }
        writes_->hash();
        committing_ = segment.get();
        committer_->begin(segment.get(), upTo);
        break;
    }
    if (!committing_ && ledgerWaits() && (now >= nextCommit_ || finishing_ || !drains_.empty()))
        committer_->begin(nullptr, 0);
    nextCommit_ = now + settings_.commitIntervalNs;
}

void WriterThread::serveDrains()
{
    std::uint64_t served = 0;
    while (!drains_.empty()) {
        const Drain &drain = drains_.front();
        const bool noted = losses_.durable() >= drain.losses || failedLedgers_ > 0;
        if (!distrust_ && (recordsCounted_ < drain.records || !noted))
            break;
        served = drain.ticket;
        drains_.erase(drains_.begin());
    }
    if (served == 0)
        return;
    const std::lock_guard lock(shared_.mutex);
    shared_.drained = served;
    shared_.progress.notify_all();
}

} // namespace dmaslab
