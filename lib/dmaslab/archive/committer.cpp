// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/committer.h"

#include <cerrno>
#include <cstring>
#include <utility>

namespace dmaslab {

namespace {

constexpr unsigned kMostAttempts = 100;
constexpr std::uint64_t kNone[] = {0};

} // namespace

Result<void> Committer::open()
{
    auto file = io_.addFile(lossesFd_);
    if (!file)
        return tl::unexpected(file.error());
    lossesFile_ = *file;
    return writeHeader(lossesHeader_, lossesDescr(), kNone);
}

void Committer::begin(WriteSegment *segment, std::uint64_t upTo)
{
    segment_ = segment;
    upTo_ = upTo;
    error_ = 0;
    ledgerError_ = 0;
    syncFailed_ = false;
    withLosses_ = losses_.hasNew();
    if (segment)
        makeHeaders(segment->files.plan);
    if (withLosses_)
        losses_.begin();
    step_ = Step::None;
    start(segment ? Step::SyncData : Step::WriteEntries);
}

void Committer::write(int file, std::uint64_t offset, const iovec &piece, const iovec &second)
{
    Expected &operation = operations_[pending_];
    operation = {{piece, second}, offset, file, false, 0};
    io_.write(file, operation.filled(), offset, DiskIo::kNotPinned, kToken | pending_);
    ++pending_;
}

/** Whole blocks, those that hold a record which is not counted yet. */
void Committer::writeEntries()
{
    const std::uint64_t begin = segment_->counted * sizeof(IndexRecord) / kArchiveBlock * kArchiveBlock;
    const std::uint64_t end = upTo_ * sizeof(IndexRecord);
    const std::uint64_t whole = end / kArchiveBlock * kArchiveBlock;
    iovec last{};
    if (end > whole) {
        // A copy of the last block, which goes on changing: a disk that computes checksums must not see it
        // change.
        std::memcpy(lastEntries_.data(), segment_->index.data() + whole, end - whole);
        std::memset(lastEntries_.data() + (end - whole), 0, kArchiveBlock - (end - whole));
        last = {lastEntries_.data(), kArchiveBlock};
    }
    write(segment_->indexFile, kArchiveBlock + begin, {segment_->index.data() + begin, whole - begin}, last);
}

void Committer::sync(int file)
{
    operations_[pending_] = {{}, 0, file, true, 0};
    io_.sync(file, kToken | pending_);
    ++pending_;
}

/** Once for a segment, so that a commit only patches the counts and allocates nothing. */
void Committer::makeHeaders(const SegmentPlan &plan)
{
    if (headersOf_ == plan.number)
        return;
    headersOf_ = plan.number;
    // They fit: the same was written when the files were made.
    if (!writeHeader(indexHeader_, indexDescr(), kNone) ||
        !writeHeader(framesHeader_, plan.layout.descr, plan.layout.fileShape(0)))
        error_ = EINVAL;
}

void Committer::start(Step step)
{
    step_ = step;
    pending_ = 0;
    switch (step) {
    case Step::SyncData:
        sync(segment_->framesFile);
        break;
    case Step::WriteEntries:
        if (segment_)
            writeEntries();
        if (withLosses_) {
            const std::vector<LossRecord> &entries = losses_.taken();
            write(lossesFile_, kArchiveBlock + losses_.durable() * sizeof(LossRecord),
                  {const_cast<LossRecord *>(entries.data()), entries.size() * sizeof(LossRecord)});
        }
        break;
    case Step::SyncEntries:
        if (segment_)
            sync(segment_->indexFile);
        if (hasLosses())
            sync(lossesFile_);
        break;
    case Step::IndexHeader:
        if (segment_) {
            setHeaderCount(indexHeader_, upTo_);
            write(segment_->indexFile, 0, {indexHeader_.data(), indexHeader_.size()});
        }
        break;
    case Step::OtherHeaders:
        if (segment_) {
            const bool blob = segment_->recordBytes() == 0;
            setHeaderCount(framesHeader_, blob ? segment_->dataEnd(upTo_) : upTo_);
            write(segment_->framesFile, 0, {framesHeader_.data(), framesHeader_.size()});
        }
        if (hasLosses()) {
            setHeaderCount(lossesHeader_, losses_.durable() + losses_.taken().size());
            write(lossesFile_, 0, {lossesHeader_.data(), lossesHeader_.size()});
        }
        break;
    case Step::SyncHeaders:
        if (segment_) {
            sync(segment_->indexFile);
            sync(segment_->framesFile);
        }
        if (hasLosses())
            sync(lossesFile_);
        break;
    case Step::None:
        break;
    }
    // Only the ledger, or not even that: nothing to do in this step.
    if (pending_ == 0 && step_ != Step::None)
        next();
}

void Committer::next()
{
    start(step_ == Step::SyncHeaders ? Step::None : Step(unsigned(step_) + 1));
}

Committer::Outcome Committer::complete(const DiskCompletion &completion)
{
    Expected &operation = operations_[completion.token & ~kToken];
    const std::int64_t result = completion.result;
    const bool again = result == -EAGAIN || result == -EINTR || result == -EBUSY ||
                       (!operation.isSync && result > 0 && std::uint64_t(result) < operation.bytes());
    if (again && ++operation.attempts < kMostAttempts) {
        // From the beginning also after a short write: these pieces are small, and O_DIRECT wants whole
        // blocks.
        if (operation.isSync)
            io_.sync(operation.file, completion.token);
        else
            io_.write(operation.file, operation.filled(), operation.offset, DiskIo::kNotPinned,
                      completion.token);
        return {};
    }
    if (result < 0 || again || (!operation.isSync && result == 0)) {
        const int error = result < 0 ? int(-result) : EIO;
        // The frames count without the ledger, which has no room reserved for it; its entries come again.
        if (operation.file == lossesFile_) {
            ledgerError_ = error;
        } else {
            error_ = error;
            syncFailed_ = syncFailed_ || operation.isSync;
        }
    }
    if (--pending_ > 0)
        return {};
    if (error_ != 0)
        return finish();
    next();
    return step_ == Step::None ? finish() : Outcome{};
}

Committer::Outcome Committer::finish()
{
    step_ = Step::None;
    Outcome outcome;
    outcome.ended = true;
    outcome.error = error_;
    outcome.lostTrust = syncFailed_;
    outcome.ledgerError = ledgerError_;
    if (withLosses_)
        losses_.end(error_ == 0 && ledgerError_ == 0);
    if (error_ == 0 && segment_) {
        for (std::uint64_t i = segment_->counted; i < upTo_; ++i) {
            const IndexRecord &record = segment_->record(i);
            if (record.flags & kFrameBad)
                continue;
            ++outcome.frames;
            outcome.bytes += record.length;
        }
        outcome.records = upTo_ - segment_->counted;
        segment_->counted = upTo_;
    }
    return outcome;
}

} // namespace dmaslab
