// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>

#include "common/frame_format.h"
#include "common/handles.h"
#include "common/slab_buffer_pool.h"
#include "dmaslab/capture/readahead.h"
#include "dmaslab/slab/sizing.h"
#include "dmaslabsrc/settings.h"

namespace dmaslab {

struct StreamRequest
{
    Settings settings;
    FrameFormat format;
    std::uint32_t declared = 0;      ///< slabs that downstream said it holds
    std::uint64_t padding = 0;       ///< bytes that downstream wants to read behind each frame
    std::uint64_t firstSequence = 0; ///< of the first frame this stream will be asked for
    CopyCount copied = newCopyCount();
    std::uint64_t fileOrigin = 0; ///< the number that is the files' first frame
};

enum class TakeStatus
{
    Ok,
    Starved,
    Interrupted,
    EndOfStream,
    Error, ///< SourceStream::error() tells
};

/**
 * What lives as long as one set of caps: an arena, the pool over it and the source that fills its slabs. New
 * caps make a new stream; frames of the old one keep their arena until the last is home.
 * take() is for the streaming thread, setInterrupted() and the getters for any.
 */
class SourceStream
{
public:
    static Result<std::unique_ptr<SourceStream>> open(StreamRequest request);
    SourceStream(const SourceStream &) = delete;
    SourceStream &operator=(const SourceStream &) = delete;
    ~SourceStream();

    /** A filled buffer; waits for a slab until the deadline (CLOCK_MONOTONIC, ns). */
    TakeStatus take(std::uint64_t sequence, std::uint64_t captureTimeNs, std::int64_t deadlineNs,
                    BufferPtr &buffer);
    /** Frames are made when asked for, so one may be made before its deadline. */
    [[nodiscard]] bool makesFramesEarly() const { return !readahead_; }
    /** The frame with this number is given up. */
    void skipTo(std::uint64_t sequence);
    void setInterrupted(bool interrupted);
    /** Nothing is taken any more: what was read ahead goes home. Not while other threads use the stream. */
    void stopReading() { readahead_.reset(); }

    [[nodiscard]] const FrameFormat &format() const { return request_.format; }
    /** From the files' first to their last; 0: no end. */
    [[nodiscard]] std::uint64_t frames() const { return frames_; }
    [[nodiscard]] const Arena &arena() const { return bank_->arena(); }
    [[nodiscard]] PoolLevels levels() const { return bank_->pool().levels(); }
    /** Frames that the disk delivered after they were due. */
    [[nodiscard]] std::uint64_t diskLate() const { return diskLate_.load(std::memory_order_relaxed); }
    [[nodiscard]] const Error &error() const { return error_; }

    /**
     * The slabs these settings need when the branches hold `declared`. A number that was set is the user's
     * word on latency: then only what is certainly held counts.
     */
    static SizingRequest sizing(const Settings &settings, const FrameFormat &format, std::uint32_t declared);

private:
    explicit SourceStream(StreamRequest request) : request_(std::move(request)) {}
    Result<void> openPool();
    Result<void> openSource();
    TakeStatus takeMade(std::uint64_t sequence, std::uint64_t captureTimeNs, std::int64_t deadlineNs,
                        BufferPtr &buffer);
    TakeStatus takeRead(std::uint64_t sequence, std::int64_t deadlineNs, BufferPtr &buffer);

    StreamRequest request_;
    ObjectPtr<GstAllocator> allocator_;
    ObjectPtr<GstBufferPool> pool_;
    SlabBank *bank_ = nullptr; ///< the allocator's
    std::unique_ptr<FrameSource> source_;
    std::unique_ptr<Readahead> readahead_;
    std::uint64_t frames_ = 0;
    std::atomic<std::uint64_t> diskLate_{0};
    Error error_;
};

/** The same, with the name of the property that led to it. */
[[nodiscard]] Error ofLocation(Error error);

} // namespace dmaslab
