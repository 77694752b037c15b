// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "dmaslab/capture/frame_source.h"
#include "dmaslab/ring/doorbell.h"
#include "dmaslab/ring/spsc_ring.h"
#include "dmaslab/slab/pool.h"

namespace dmaslab {

struct ReadaheadOptions
{
    std::uint32_t depth = 4;      ///< slabs filled or being filled ahead of the consumer, at most
    std::uint64_t firstFrame = 0; ///< the first sequence asked of the source
};

enum class ReadaheadStatus
{
    Frame,
    Late,        ///< the source had not delivered by the deadline: the disk is the limit
    Starved,     ///< nothing could be read by the deadline: every slab is held
    EndOfStream, ///< said again on every further call
    Error,       ///< likewise; error() tells
    Interrupted, ///< setInterrupted(true), or stopped
};

struct ReadaheadFrame
{
    ReadaheadStatus status = ReadaheadStatus::Interrupted;
    SlabRef slab;            ///< Frame only
    std::uint64_t frame = 0; ///< the sequence it was read for
};

/**
 * Lets a thread of its own fill slabs before they are due, so that a deadline waits for a ring and not
 * for a disk. One consumer thread calls next() and skipTo(); setInterrupted() and the counters are for any.
 * The source and the pool outlive it, and nobody else acquires from the pool meanwhile: stop() interrupts
 * the pool to end a wait for a slab, and leaves it uninterrupted.
 */
class DMASLAB_EXPORT Readahead
{
public:
    static Result<std::unique_ptr<Readahead>> start(FrameSource &source, Pool &pool,
                                                    ReadaheadOptions options = {});
    Readahead(const Readahead &) = delete;
    Readahead &operator=(const Readahead &) = delete;
    ~Readahead() { stop(); }

    /** The next frame in order; waits for it until the deadline (CLOCK_MONOTONIC, ns; kNoDeadline). */
    ReadaheadFrame next(std::int64_t deadlineNs);
    /** Frames before this one are not wanted any more: those read are let go, the others never read. */
    void skipTo(std::uint64_t frame);
    /** While true, next() returns Interrupted at once. Reading ahead goes on within its bound. */
    void setInterrupted(bool interrupted);
    /**
     * Ends the thread after at most the frame it is reading, and lets go of what was read. Not while
     * somebody is in next(): interrupt it first.
     */
    void stop();

    [[nodiscard]] const Error &error() const { return error_; } ///< after next() said Error
    [[nodiscard]] std::uint64_t late() const { return late_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t starved() const { return starved_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t framesRead() const { return read_.load(std::memory_order_acquire); }

private:
    /** What travels from the reader: a frame, or as the last of all the reason why there is no other. */
    struct Item
    {
        ReadaheadStatus status = ReadaheadStatus::Frame;
        SlabHandle slab;
        std::uint64_t frame = 0;
    };
    using Ring = SpscRing<Item>;

    Readahead(FrameSource &source, Pool &pool, ReadaheadOptions options, std::unique_ptr<Ring> ring);
    void run();
    SlabRef acquire();
    FillStatus fill(const SlabRef &slab, std::uint64_t frame);
    void deliver(const Item &item);
    bool takeWanted(Item &item);

    FrameSource &source_;
    Pool &pool_;
    const ReadaheadOptions options_;
    const std::unique_ptr<Ring> ring_; ///< one place more than depth, for the last item
    Doorbell ready_;                   ///< the consumer waits for items
    Doorbell room_{false, 0};          ///< the reader waits for room; it has no reason to spin
    Doorbell gone_{false, 0};          ///< stop() waits for the reader's end
    std::atomic<bool> stopping_{false};
    std::atomic<bool> finished_{false};
    std::atomic<bool> wantsSlab_{false};
    std::atomic<std::uint64_t> wanted_;
    std::atomic<std::uint64_t> late_{0}, starved_{0}, read_{0};
    Item last_; ///< consumer: what to say from now on, unless it is Frame
    Error error_;
    std::thread thread_;
};

} // namespace dmaslab
