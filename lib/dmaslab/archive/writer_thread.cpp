// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/writer_thread.h"

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "dmaslab/memory/text.h"
#include "dmaslab/pacing/thread_placement.h"

namespace dmaslab {

namespace {

/** Without frames for so long, only the waker wakes us. */
constexpr std::int64_t kIdleAfterNs = 50'000'000;
/** How often completions may wake us before the batch time is tried again. */
constexpr unsigned kEagerWakes = 64;

} // namespace

WriterThread::WriterThread(WriterShared &shared, SegmentKeeper &keeper, const WriterSettings &settings,
                           const std::string &element, WriterClient &client, DiskIoFactory makeIo)
    : shared_(shared), keeper_(keeper), settings_(settings), element_(element), client_(client),
      makeIo_(std::move(makeIo))
{
}

WriterThread::~WriterThread()
{
    join();
}

void WriterThread::join()
{
    if (thread_.joinable())
        thread_.join();
}

void WriterThread::start()
{
    thread_ = std::thread([this] { run(); });
}

Result<DiskIoPtr> WriterThread::openIo()
{
    if (makeIo_)
        return makeIo_(settings_.queueDepth, shared_.waker);
    if (settings_.io != ArchiveIo::Pwrite) {
        auto ring = makeUringIo(settings_.queueDepth, shared_.waker);
        if (ring || settings_.io == ArchiveIo::Uring)
            return ring;
        client_.warning("frames are written by pwrite, one at a time: " + ring.error().message +
                        ". io=pwrite says that this is meant");
    }
    return makePwriteIo(settings_.queueDepth, shared_.waker);
}

void WriterThread::run()
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals,
              SIGXFSZ); // a file size limit shall be an error (EFBIG) and not the end of the program
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    pthread_setname_np(pthread_self(), "dmaslab-write");
    {
        const PlacementGuard placement({settings_.cpu, settings_.rtPriority, 0});
        for (const std::string &sentence : placement.degradations())
            client_.warning(sentence);
        auto io = openIo();
        const bool opened = io.has_value();
        io_ = opened ? std::move(*io) : *makePwriteIo(settings_.queueDepth, shared_.waker); // to end in order
        writes_ = std::make_unique<FrameWrites>(*io_, settings_, client_);
        committer_ = std::make_unique<Committer>(*io_, losses_, keeper_.lossesFd());
        if (const auto ok = committer_->open(); !ok)
            fail(ok.error(), ArchiveLoss::Error);
        if (!opened)
            fail(io.error(), ArchiveLoss::Error);
        sayIo();
        nextCommit_ = monotonicNowNs() + settings_.commitIntervalNs;
        try {
            loop();
        } catch (const std::exception &) {
            // Out of memory in a place that cannot go on: the files are as after a crash, and nobody waits
            // for us.
            fail({Errc::NoMemory, keeper_.path() + ": no memory to go on recording: dmaslab-archive recover",
                  ENOMEM},
                 ArchiveLoss::Error);
        }
        committer_.reset();
        writes_.reset();
        io_.reset();
    }
    const std::lock_guard lock(shared_.mutex);
    shared_.finished = true;
    shared_.progress.notify_all();
}

void WriterThread::loop()
{
    for (;;) {
        completedSome_ = acceptedSome_ = false;
        reap();
        takeAnswer();
        accept();
        writes_->flush();
        prepareAhead();
        const std::int64_t now = monotonicNowNs();
        commitWhenDue(now);
        retireSealed();
        serveDrains();
        publish();
        if (endWhenDone())
            return;
        // With the disk's queue full, hashing goes on while it works; otherwise one call starts and waits.
        if (writes_->isFull() && settings_.checksum)
            io_->submit();
        writes_->hash();
        sleep(now);
    }
}

void WriterThread::reap()
{
    DiskCompletion completion;
    while (io_->pop(completion)) {
        if (Committer::isToken(completion.token)) {
            onCommit(committer_->complete(completion));
            continue;
        }
        completedSome_ = true;
        FailedWrite failed;
        if (writes_->complete(completion, failed))
            onFailedWrite(failed);
        else if (failed.segment)
            errorsInRow_ = 0;
    }
    returnFrames(writes_->takeReleased());
    writes_->forgetAgedMemory();
}

void WriterThread::returnFrames(std::uint32_t frames)
{
    if (frames == 0)
        return;
    const std::uint32_t before = shared_.held.fetch_sub(frames, std::memory_order_acq_rel);
    // The producer waits for a quarter of room, so that it is not woken for each frame.
    if (before - frames <= shared_.maxHeld - shared_.maxHeld / 4)
        shared_.room.ring();
}

void WriterThread::accept()
{
    for (;;) {
        ArchiveFrame frame;
        if (!next_ && (failed_ || writes_->hasPlace()) && shared_.frames.pop(frame))
            next_ = frame;
        // The frame first and then what precedes it: whoever pushed it had put that, and the pop's acquire
        // shows it.
        const std::uint64_t position = shared_.frames.headPosition() - (next_ ? 1 : 0);
        while (auto command = shared_.commands.take(position))
            perform(*command);
        if (!next_) {
            finishing_ = finishing_ || shared_.finishNow.load(std::memory_order_acquire);
            return;
        }
        acceptedSome_ = true;
        if (!settleNext())
            return; // the keeper is at it
        next_.reset();
    }
}

/** Finds the frame that waits a place, or loses it; false when it has to wait on. */
bool WriterThread::settleNext()
{
    const ArchiveFrame &frame = *next_;
    if (failed_ || finishing_) { // pushed after finish(): nobody waits for it
        lose(frame, failed_ ? failedWhy_ : ArchiveLoss::Error);
        return true;
    }
    WriteSegment *segment = segmentFor(frame);
    if (segment && segment->recordBytes() != 0 && frame.length > segment->recordBytes()) {
        if (!std::exchange(saidLarge_, true))
            client_.warning(
                "frame " + std::to_string(frame.sequence) + " has " + bytesText(frame.length) +
                ", more than its format says, and is lost like all such frames: announce the format "
                "(beginSeries) before its frames");
        lose(frame, ArchiveLoss::Error);
    } else if (segment) {
        place(frame, *segment);
    } else if (std::exchange(tooLarge_, false)) {
        lose(frame, ArchiveLoss::Error);
    } else if (failed_ || diskFull_) {
        lose(frame, failed_ ? failedWhy_ : ArchiveLoss::DiskFull);
    } else {
        return false;
    }
    return true;
}

void WriterThread::perform(const WriterCommand &command)
{
    switch (command.kind) {
    case WriterCommand::Kind::Series:
        if (!segments_.empty())
            segments_.back()->sealed = true;
        writes_->flush();
        series_ = command.series;
        haveSeries_ = true;
        if (prepared_) { // for frames that nobody sends any more
            keeper_.discard(std::move(*prepared_));
            prepared_.reset();
        }
        client_.layoutChosen(command.layout);
        askForSegment();
        break;
    case WriterCommand::Kind::Note:
        losses_.add(command.loss);
        break;
    case WriterCommand::Kind::Split:
        if (!segments_.empty() && segments_.back()->placed > 0)
            segments_.back()->sealed = true;
        break;
    case WriterCommand::Kind::Drain:
        drains_.push_back({command.ticket, recordsPlaced_, losses_.total()});
        break;
    case WriterCommand::Kind::Finish:
        finishing_ = true;
        failedLedgers_ = 0; // a few more tries, for the last time
        if (!segments_.empty())
            segments_.back()->sealed = true;
        break;
    }
}

void WriterThread::place(const ArchiveFrame &frame, WriteSegment &segment)
{
    if (!segment.event.firstSequence) {
        segment.event.firstSequence = frame.sequence;
        if (frame.pts != kNoTime)
            segment.event.firstPts = frame.pts;
    }
    segment.event.lastSequence = frame.sequence;
    if (frame.pts != kNoTime)
        segment.event.lastPts = frame.pts;
    if (!writes_->place(frame, segment)) {
        fail(
            {Errc::NoMemory,
             "no memory to copy a frame of " + bytesText(frame.length) + " that cannot be written as it lies",
             ENOMEM},
            ArchiveLoss::Error);
        lose(frame, ArchiveLoss::Error);
        return;
    }
    ++recordsPlaced_;
    ++segment.event.frames;
    losses_.endRun();
    returnFrames(writes_->takeReleased());
}

void WriterThread::lose(const ArchiveFrame &frame, ArchiveLoss why)
{
    noteLost(frame.sequence, why, series_);
    client_.release(frame.owner);
    returnFrames(1);
}

void WriterThread::noteLost(std::uint64_t sequence, ArchiveLoss why, std::uint32_t series)
{
    LossRecord loss;
    loss.first = loss.last = sequence;
    loss.count = 1;
    loss.utc = utcNowNs();
    loss.series = series;
    loss.setReason(why == ArchiveLoss::DiskFull  ? "disk-full"
                   : why == ArchiveLoss::IoError ? "io-error"
                                                 : "error");
    loss.setElement(element_);
    losses_.addOwn(loss);
    client_.lost(sequence, why);
    shared_.lost.fetch_add(
        1, std::memory_order_release); // a reader sees what was pushed, so pending is never negative
}

void WriterThread::fail(const Error &error, ArchiveLoss why)
{
    if (std::exchange(failed_, true))
        return;
    failedWhy_ = why;
    if (!segments_.empty())
        segments_.back()->sealed = true;
    shared_.failed.store(true, std::memory_order_release);
    shared_.room.ring(); // whoever waits for room will wait in vain
    client_.failed(error);
}

void WriterThread::sleep(std::int64_t now)
{
    const bool busy = writes_->underWay() > 0 || committer_->busy();
    if (acceptedSome_ || completedSome_)
        lastActive_ = now;
    bool uncounted = ledgerWaits();
    for (const auto &segment : segments_)
        uncounted = uncounted || (segment->counted < segment->placed && !distrust_);
    const bool hurry = finishing_ || !drains_.empty() || tooManySegments();

    if (!busy && (asked_ || closing_) && (next_ || closing_ || hurry)) {
        io_->wait(1, uncounted ? nextCommit_ : kNoDeadline, true); // for the keeper, who wakes us
        return;
    }
    if (!busy && !uncounted && !next_ && !hurry && now - lastActive_ >= kIdleAfterNs) {
        shared_.sleeping.store(true, std::memory_order_seq_cst);
        const bool empty = shared_.pushed.load(std::memory_order_seq_cst) == shared_.frames.headPosition() &&
                           shared_.commands.empty();
        if (empty)
            io_->wait(1, kNoDeadline, true);
        // relaxed: who still reads true only rings a bell that nobody listens to.
        shared_.sleeping.store(false, std::memory_order_relaxed);
        return;
    }
    // A whole batch without a frame although writes were done: somebody waits for what we hold. Then
    // completions wake us for a while; otherwise the batch time does, so that frames share their system
    // calls.
    if (completedSome_ && !acceptedSome_ && eager_ == 0)
        eager_ = kEagerWakes;
    else if (eager_ > 0)
        --eager_;
    const bool awaitOne = (writes_->isFull() || hurry || eager_ > 0) && busy;
    const unsigned all = writes_->underWay() + committer_->underWay();
    // With a full queue half of it goes on working while the other half is refilled in one go.
    const unsigned some = writes_->isFull() && !hurry ? std::max(1u, settings_.queueDepth / 2) : 1;
    io_->wait(awaitOne ? some : all + 1, now + settings_.batchTimeNs, false);
}

void WriterThread::publish()
{
    shared_.enters.store(io_->enters(), std::memory_order_relaxed);
    shared_.writes.store(writes_->writes(), std::memory_order_relaxed);
    shared_.bytesCopied.store(writes_->bytesCopied(), std::memory_order_relaxed);
    if (std::string complaint = writes_->pins().takeComplaint(); !complaint.empty())
        client_.warning(complaint);
    if (std::exchange(saidPinned_, writes_->pins().any()) != writes_->pins().any())
        sayIo();
    if (writes_->takeGaveUpDirect()) {
        client_.warning(keeper_.path() +
                        ": this file system refuses O_DIRECT writes, frames pass through the page "
                        "cache: record to ext4 or XFS, or set direct=false to say that this is meant");
        sayIo();
    }
}

void WriterThread::sayIo()
{
    const bool direct = segments_.empty() ? settings_.direct : segments_.back()->files.direct;
    std::string text = io_->name();
    text += direct ? ", direct" : ", page cache";
    if (saidPinned_)
        text += ", pinned";
    const std::lock_guard lock(shared_.mutex);
    shared_.io = text;
}

} // namespace dmaslab
