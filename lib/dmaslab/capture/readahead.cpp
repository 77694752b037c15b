// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/capture/readahead.h"

#include <algorithm>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include <pthread.h>

namespace dmaslab {

namespace {

constexpr std::int64_t pauseNs = 5'000'000; // between looks at a pool that its owner interrupts or does not

} // namespace

Result<std::unique_ptr<Readahead>> Readahead::start(FrameSource &source, Pool &pool, ReadaheadOptions options)
{
    const std::uint32_t slabs = pool.arena().slabs();
    if (options.depth == 0 || options.depth > slabs)
        return fail(Errc::InvalidArgument, "reading " + std::to_string(options.depth) +
                                               " frames ahead is outside 1.." + std::to_string(slabs) +
                                               ", the slabs of the pool; choose fewer, or more slabs");
    auto ring = Ring::create(std::size_t{options.depth} + 1);
    if (!ring)
        return tl::unexpected(ring.error());
    std::unique_ptr<Readahead> readahead(new Readahead(source, pool, options, std::move(*ring)));
    try {
        readahead->thread_ = std::thread([self = readahead.get()] {
            self->run();
            self->finished_.store(true, std::memory_order_release); // before the ring that tells of it
            self->gone_.ring();
        });
    } catch (const std::system_error &error) {
        return fail(Errc::Limit,
                    std::string("no thread to read ahead: ") + error.what() +
                        "; raise the limit on processes (ulimit -u)",
                    error.code().value());
    }
    return readahead;
}

Readahead::Readahead(FrameSource &source, Pool &pool, ReadaheadOptions options, std::unique_ptr<Ring> ring)
    : source_(source), pool_(pool), options_(options), ring_(std::move(ring)), wanted_(options_.firstFrame)
{
}

void Readahead::run()
{
    ::pthread_setname_np(::pthread_self(), "dmaslab-read");
    for (std::uint64_t frame = options_.firstFrame;; frame++) {
        SlabRef slab = acquire();
        if (!slab)
            return;                                                       // stopping
        frame = std::max(frame, wanted_.load(std::memory_order_relaxed)); // a number alone, guards nothing
        const FillStatus status = fill(slab, frame);
        if (status == FillStatus::Ok) {
            deliver({ReadaheadStatus::Frame, slab.detach(), frame});
            read_.fetch_add(1, std::memory_order_release); // who sees the count finds the frame
            continue;
        }
        slab.reset(); // first: who learns of the end may count the slabs
        deliver(
            {status == FillStatus::Error ? ReadaheadStatus::Error : ReadaheadStatus::EndOfStream, {}, frame});
        return;
    }
}

/** An error goes to error_, which the item that tells of it publishes. */
FillStatus Readahead::fill(const SlabRef &slab, std::uint64_t frame)
try {
    const FillTarget target{slab.bytes(), pool_.arena().id(), slab.index()};
    const FillStatus status = source_.fill(target, frame, static_cast<std::uint64_t>(monotonicNowNs()));
    if (status == FillStatus::Error)
        error_ = source_.lastError();
    return status;
} catch (const std::bad_alloc &) {
    // Above a thread of ours there is nobody else to catch it.
    error_ = failNoMemory("read: no memory").value();
    return FillStatus::Error;
}

/** Room in the ring before a slab, so that depth bounds the one being filled too. Empty: stop. */
SlabRef Readahead::acquire()
{
    const auto stopping = [this] { return stopping_.load(std::memory_order_acquire); };
    (void)room_.wait([&] { return stopping() || ring_->size() < options_.depth; });
    while (!stopping()) {
        wantsSlab_.store(true, std::memory_order_relaxed); // only tells Starved from Late
        auto slab = pool_.acquire(kNoDeadline);
        wantsSlab_.store(false, std::memory_order_relaxed);
        if (slab)
            return std::move(*slab);
        // stop() interrupts the pool, but so may its owner, who tells nobody when that ends.
        (void)room_.wait(stopping, monotonicNowNs() + pauseNs);
    }
    return {};
}

void Readahead::deliver(const Item &item)
{
    (void)ring_->push(item); // always has room: depth frames and the last item
    ready_.ring();
}

ReadaheadFrame Readahead::next(std::int64_t deadlineNs)
{
    if (ready_.interrupted())
        return {ReadaheadStatus::Interrupted, {}, 0};
    if (last_.status != ReadaheadStatus::Frame)
        return {last_.status, {}, last_.frame};
    Item item;
    switch (ready_.wait([&] { return takeWanted(item); }, deadlineNs)) {
    case Doorbell::Result::Interrupted:
        return {ReadaheadStatus::Interrupted, {}, 0};
    case Doorbell::Result::Timeout:
        if (wantsSlab_.load(std::memory_order_relaxed)) {
            starved_.fetch_add(1, std::memory_order_relaxed);
            return {ReadaheadStatus::Starved, {}, 0};
        }
        late_.fetch_add(1, std::memory_order_relaxed);
        return {ReadaheadStatus::Late, {}, 0};
    case Doorbell::Result::Ready:
        break;
    }
    if (item.status == ReadaheadStatus::Frame)
        return {ReadaheadStatus::Frame, pool_.adopt(item.slab), item.frame};
    last_ = item;
    return {item.status, {}, item.frame};
}

/** Pops items until one is wanted, and lets the others go. */
bool Readahead::takeWanted(Item &item)
{
    while (ring_->pop(item)) {
        room_.ring();
        if (item.status != ReadaheadStatus::Frame || item.frame >= wanted_.load(std::memory_order_relaxed))
            return true; // we wrote wanted_ ourselves
        (void)pool_.release(item.slab);
    }
    return false;
}

void Readahead::skipTo(std::uint64_t frame)
{
    if (frame > wanted_.load(std::memory_order_relaxed)) // the only writer
        wanted_.store(frame, std::memory_order_relaxed);
}

void Readahead::setInterrupted(bool interrupted)
{
    if (interrupted)
        ready_.interrupt();
    else
        ready_.reset();
}

void Readahead::stop()
{
    if (!thread_.joinable())
        return;
    stopping_.store(true, std::memory_order_release); // read by the waits that are ended here
    room_.ring();
    const auto finished = [this] { return finished_.load(std::memory_order_acquire); };
    // Again and again: the pool's owner may take the interruption back before the reader has seen it.
    do
        pool_.setInterrupted(true);
    while (gone_.wait(finished, monotonicNowNs() + pauseNs) == Doorbell::Result::Timeout);
    thread_.join();
    pool_.setInterrupted(false);
    for (Item item; ring_->pop(item);) {
        if (item.status == ReadaheadStatus::Frame)
            (void)pool_.release(item.slab);
    }
    if (last_.status == ReadaheadStatus::Frame)
        last_.status = ReadaheadStatus::Interrupted;
}

} // namespace dmaslab
