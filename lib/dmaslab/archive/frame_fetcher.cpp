// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/frame_fetcher.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "dmaslab/archive/block_reader.h"
#include "dmaslab/capture/frame_hash.h"

namespace dmaslab {

namespace {

constexpr std::uint32_t kMostDepth = 256;
constexpr std::int64_t kLookAgainNs = 50'000'000; ///< how late an interrupt may be noticed behind a slow disk
constexpr std::uint32_t kLongestFrame = 0xffff'f000; ///< whose blocks can be counted in 32 bits of bytes
constexpr std::uint64_t kEntriesAtOnce = 64;         ///< a page of the index
constexpr std::uint32_t kMostAttempts = 64;          ///< at one read that the system puts off again and again

} // namespace

Result<std::unique_ptr<FrameFetcher>> FrameFetcher::create(const Recording &recording, Pool &pool,
                                                           const FetchSettings &settings)
{
    std::vector<std::string> said;
    std::unique_ptr<BlockReader> reader;
    if (settings.io != FetchIo::Pread) {
        UringReaderOptions options;
        options.depth = std::clamp(settings.depth, 1u, kMostDepth);
        options.files = options.depth + 1;
        options.arena = &pool.arena();
        auto ring = openUringReader(options, said);
        if (ring) {
            reader = std::move(*ring);
        } else if (settings.io == FetchIo::Uring) {
            ring.error().message = "io=uring: " + ring.error().message + ". io=auto plays without it";
            return tl::unexpected(ring.error());
        } else {
            said.push_back(ring.error().message +
                           ". Frames are read one at a time instead (io=pread says that this is wanted)");
        }
    }
    auto fetcher = std::make_unique<FrameFetcher>(recording, pool, settings, std::move(reader));
    fetcher->degradations_ = std::move(said);
    return fetcher;
}

FrameFetcher::FrameFetcher(const Recording &recording, Pool &pool, const FetchSettings &settings,
                           std::unique_ptr<BlockReader> reader)
    : recording_(recording), pool_(pool), settings_(settings),
      slabBytes_(std::uint32_t(std::min<std::uint64_t>(pool.arena().stride(), UINT32_MAX))),
      reader_(reader ? std::move(reader) : openPreadReader()),
      slots_(std::clamp(settings.depth, 1u, kMostDepth)), files_(slots_.size() + 1)
{
}

FrameFetcher::~FrameFetcher()
{
    drain();
}

std::string FrameFetcher::io() const
{
    return reader_->name();
}

std::uint64_t FrameFetcher::systemCalls() const
{
    return reader_->systemCalls();
}

void FrameFetcher::setInterrupted(bool interrupted)
{
    interrupted_.store(interrupted, std::memory_order_release);
    pool_.setInterrupted(interrupted);
}

void FrameFetcher::setRange(std::uint64_t first, std::uint64_t end)
{
    drain();
    next_ = first;
    end_ = end;
    haveSequence_ = false;
    mayBeReclaimed_ = recording_.mayGrow();
}

void FrameFetcher::stop()
{
    drain();
    for (File &file : files_)
        file = {};
    next_ = end_ = 0;
}

/** Lets the window go. The kernel writes into its slabs until each read is done, so that is waited for. */
void FrameFetcher::drain()
{
    const auto isQueued = [](const Slot &slot) { return slot.state == State::Queued; };
    while (std::any_of(slots_.begin(), slots_.end(), isQueued)) {
        for (Slot &slot : slots_)
            slot.attempts = kMostAttempts; // what comes back unfinished is not tried again
        reapInto(kLookAgainNs);
    }
    for (; count_ > 0; ++first_, --count_)
        drop(head());
    haveFound_ = false;
    batch_.clear(); // the recording may be another one after a refresh
    stop_ = FetchStatus::Frame;
    wantsPread_ = false;
}

void FrameFetcher::drop(Slot &slot)
{
    slot.slab = {};
    slot.loss = FetchLoss::None;
    slot.state = State::Idle;
}

FetchedFrame FrameFetcher::next(std::int64_t slabDeadlineNs)
{
    for (;;) {
        fill();
        if (interrupted_.load(std::memory_order_acquire))
            return {.status = FetchStatus::Interrupted};
        if (wantsPread_) {
            usePread("this file system does not read into these slabs past the page cache");
        } else if (count_ == 0 && stop_ != FetchStatus::Frame) {
            return {.status = stop_,
                    .frame = next_,
                    .index = stop_ == FetchStatus::TooLarge ? found_.index : IndexRecord{}};
        } else if (count_ == 0) {
            auto slab = pool_.acquire(slabDeadlineNs);
            if (!slab)
                return {.status = slab.error() == AcquireError::Starved ? FetchStatus::Starved
                                                                        : FetchStatus::Interrupted,
                        .frame = next_,
                        .index = found_.index};
            enqueue(std::move(*slab));
        } else if (head().state == State::Done) {
            reader_->flush(); // what fill() queued reads while the caller works
            Slot &slot = head();
            ++first_;
            --count_;
            FetchedFrame frame = finish(slot);
            if (frame.status == FetchStatus::Reclaimed) {
                drain();
                stop_ = FetchStatus::Reclaimed;
                next_ = frame.frame;
            }
            return frame;
        } else {
            reapInto(kLookAgainNs);
        }
    }
}

FetchedFrame FrameFetcher::skip()
{
    if (count_ > 0 || !look() || count_ > 0) // it may have queued losses
        return next(0);
    FetchedFrame frame{.status = FetchStatus::Starved, .frame = next_, .index = found_.index};
    ++next_;
    haveFound_ = false;
    return frame;
}

FetchedFrame FrameFetcher::finish(Slot &slot)
{
    FetchedFrame frame;
    frame.frame = slot.frame;
    frame.index = slot.place.index;
    frame.loss = slot.loss;
    frame.slab = std::move(slot.slab);
    const bool wasRead = slot.loss != FetchLoss::Corrupt;
    drop(slot);
    if (wasRead && mayBeReclaimed_ && !recording_.confirm(slot.place)) {
        frame.status = FetchStatus::Reclaimed;
        frame.slab = {};
        return frame;
    }
    const std::uint16_t flags = frame.index.flags;
    if (frame.loss == FetchLoss::None && settings_.verify && !(flags & kFrameUnhashed) &&
        frameHash({frame.slab.data(), frame.index.length}) != frame.index.hash)
        frame.loss = FetchLoss::Corrupt;
    frame.status = frame.loss == FetchLoss::None ? FetchStatus::Frame : FetchStatus::Lost;
    if (frame.loss != FetchLoss::None)
        frame.slab = {};
    return frame;
}

void FrameFetcher::fill()
{
    const std::size_t most = std::min<std::size_t>(slots_.size(), reader_->depth());
    while (count_ < most && !wantsPread_ && look() && count_ < most) { // look() may have queued losses
        auto slab = pool_.tryAcquire();
        if (!slab)
            return;
        enqueue(std::move(*slab));
    }
}

/** Whether there is a frame to read at next_; found_ is it. Passes over those that never were written. */
bool FrameFetcher::look()
{
    while (!haveFound_ && stop_ == FetchStatus::Frame) {
        if (next_ >= end_) {
            stop_ = FetchStatus::End;
            break;
        }
        const auto place = placeOf(next_);
        const bool follows = place && place->index.length <= kLongestFrame &&
                             (!haveSequence_ || place->index.sequence > lastSequence_) && isInSegment(*place);
        if (!follows && mayBeReclaimed_) {
            stop_ = FetchStatus::Reclaimed; // the file has begun its next life
        } else if (!follows) {
            if (count_ == slots_.size())
                return false;
            loseQueued(place ? *place : FramePlace{});
        } else if (place->index.flags & kFrameBad) {
            ++next_;
        } else if (roundUpToBlock(place->index.length) > slabBytes_) {
            found_ = *place;
            stop_ = FetchStatus::TooLarge;
        } else {
            found_ = *place;
            haveFound_ = true;
        }
    }
    return haveFound_;
}

/** Recording::place(), with one call of the system for many frames. */
Result<FramePlace> FrameFetcher::placeOf(std::uint64_t frame)
{
    if (frame < batchFirst_ || frame - batchFirst_ >= batch_.size()) {
        auto first = recording_.place(frame);
        // What a ring may take back is looked at when it is needed, not ahead.
        if (!first || mayBeReclaimed_)
            return first;
        const std::uint64_t left = recording_.segments()[first->segment].frames - first->record;
        batch_.resize(std::size_t(std::min(kEntriesAtOnce, left)));
        batchSegment_ = first->segment;
        batchFirst_ = frame;
        if (!recording_.readIndex(batchSegment_, first->record, batch_)) {
            batch_.clear();
            return first;
        }
    }
    const std::uint64_t record = frame - recording_.segments()[batchSegment_].firstFrame;
    return recording_.checkedPlace(batchSegment_, record, batch_[std::size_t(frame - batchFirst_)]);
}

/** A frame whose index entry cannot be right: it takes its turn as a loss. */
void FrameFetcher::loseQueued(const FramePlace &place)
{
    Slot &slot = freeSlot();
    slot.place = place;
    slot.place.index.sequence = haveSequence_ ? lastSequence_ + 1 : place.index.sequence;
    slot.frame = next_++;
    slot.loss = FetchLoss::Corrupt;
    slot.state = State::Done;
    lastSequence_ = slot.place.index.sequence;
    haveSequence_ = true;
    ++count_;
}

void FrameFetcher::enqueue(SlabRef slab)
{
    Slot &slot = freeSlot();
    slot.place = found_;
    slot.frame = next_++;
    slot.slab = std::move(slab);
    slot.loss = FetchLoss::None;
    slot.got = slot.attempts = 0;
    lastSequence_ = found_.index.sequence;
    haveSequence_ = true;
    haveFound_ = false;
    ++count_;
    read(std::uint32_t(&slot - slots_.data()));
}

void FrameFetcher::read(std::uint32_t number)
{
    Slot &slot = slots_[number];
    if (wantsPread_) {
        slot.state = State::Retry;
        return;
    }
    const std::int32_t file = fileFor(slot.place);
    if (file < 0) {
        slot.state = wantsPread_ ? State::Retry : State::Done;
        slot.loss = wantsPread_ ? FetchLoss::None : FetchLoss::IoError;
        return;
    }
    slot.file = std::uint32_t(file);
    ++files_[slot.file].users;
    slot.begun = slot.got / kArchiveBlock * kArchiveBlock; // direct reads begin at blocks
    slot.state = State::Queued;
    BlockRead request;
    request.slot = number;
    request.file = slot.file;
    request.dest = slot.slab.data() + slot.begun;
    request.bytes = std::uint32_t(roundUpToBlock(slot.place.index.length) - slot.begun);
    request.offset = slot.place.offset + slot.begun;
    reader_->submit(request);
}

bool FrameFetcher::reapInto(std::int64_t timeoutNs)
{
    std::array<BlockDone, 64> done;
    const std::size_t found = reader_->reap(done, timeoutNs);
    for (std::size_t i = 0; i < found; ++i)
        completed(slots_[done[i].slot], done[i].result);
    return found > 0;
}

void FrameFetcher::completed(Slot &slot, std::int32_t result)
{
    --files_[slot.file].users;
    const std::uint32_t length = slot.place.index.length;
    const auto tryAgain = [&] {
        if (++slot.attempts < kMostAttempts) {
            read(std::uint32_t(&slot - slots_.data()));
            return;
        }
        slot.loss = FetchLoss::IoError;
        slot.state = State::Done;
    };
    if (result > 0) {
        slot.got = slot.begun + std::uint32_t(result);
        if (slot.got < length)
            return tryAgain();
        slot.state = State::Done;
        return;
    }
    switch (-result) {
    case EAGAIN:
    case EINTR:
    case ECANCELED: // the thread that began it has ended
        return tryAgain();
    case EFAULT:
    case EINVAL:
    case EOPNOTSUPP:
        if (reader_->isDirect() && settings_.io != FetchIo::Uring) {
            wantsPread_ = true;
            slot.state = State::Retry;
            return;
        }
        break;
    default:
        break;
    }
    slot.loss = FetchLoss::IoError;
    slot.state = State::Done;
}

/** The rest of the recording is read the plain way, what is under way included. */
void FrameFetcher::usePread(const std::string &why)
{
    const auto isQueued = [](const Slot &slot) { return slot.state == State::Queued; };
    while (std::any_of(slots_.begin(), slots_.end(), isQueued))
        reapInto(kLookAgainNs);
    degradations_.push_back(why +
                            ". Frames are read one at a time instead (io=pread says that this is wanted)");
    reader_ = openPreadReader();
    for (File &file : files_)
        file = {};
    wantsPread_ = false;
    for (std::size_t i = 0; i < count_; ++i) {
        const std::size_t number = (first_ + i) % slots_.size();
        if (slots_[number].state == State::Retry)
            read(std::uint32_t(number));
    }
}

} // namespace dmaslab
