// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include <gst/base/gstbasesrc.h>

#include "common/handles.h"
#include "common/loss_ledger.h"
#include "common/stats.h"
#include "dmaslab/pacing/pacer.h"
#include "dmaslabsrc/pipeline_clock.h"
#include "dmaslabsrc/source_stream.h"
#include "dmaslabsrc/thinning.h"

namespace dmaslab {

/** What the source's stats say beyond the common vocabulary. */
struct ProducerStats
{
    std::uint64_t late = 0, diskLate = 0, sequence = 0, bytesCopied = 0;
    LatenessHistogram::Summary pacing;
    PoolLevels levels;
    MemoryKind memory = MemoryKind::Auto;
    std::size_t pageSize = 0;
};

/**
 * Turns deadlines into frames: which number is due, whether it is kept, which slab it gets, and what is said
 * of those that were lost. create(), leaving(), ending() and setStream() run on the streaming thread; the
 * rest may come from any thread.
 */
class Producer
{
public:
    explicit Producer(GstBaseSrc *element);

    /** On the way to PAUSED and to READY. */
    void start(const Settings &settings);
    void stop();

    void setStream(std::unique_ptr<SourceStream> stream);
    void setInterrupted(bool interrupted);

    GstFlowReturn create(GstBuffer **out);
    /** The buffer that create() gave last goes out at the pad; losses and skips go before it. False when a
     * flush has just begun: the buffer must not go. */
    [[nodiscard]] bool leaving(GstPad *pad, GstBuffer *buffer);
    /** EOS goes out: no buffer follows any more. */
    void ending(GstPad *pad);

    void setMaxRate(std::uint32_t numerator, std::uint32_t denominator);
    [[nodiscard]] const Thinning &thinning() const { return thinning_; }
    FrameCounters &counters() { return counters_; }
    [[nodiscard]] const FrameCounters &counters() const { return counters_; }
    /** The number the next frame will have; a new stream starts with it. */
    [[nodiscard]] std::uint64_t nextSequence() const { return sequence_.load(std::memory_order_relaxed); }
    [[nodiscard]] ProducerStats stats() const;
    /** Where a stream's arena counts the copies of its pixels. */
    [[nodiscard]] CopyCount copyCount() const { return copied_; }
    /** What queries ask about; nothing before negotiation. */
    struct Current
    {
        std::uint32_t rateNumerator, rateDenominator, slabs;
        std::uint64_t frames; ///< in the whole stream, 0: without end
    };
    [[nodiscard]] std::optional<Current> current() const;

private:
    GstFlowReturn createPaced(BufferPtr &buffer);
    GstFlowReturn createUnpaced(BufferPtr &buffer);
    GstFlowReturn take(std::uint64_t gridFrame, std::int64_t captureTimeNs, std::int64_t deadlineNs,
                       bool lastChance, BufferPtr &buffer);
    bool rateHasChanged();
    [[nodiscard]] MonotonicClock &pacerClock() const;
    [[nodiscard]] std::uint64_t dueNow() const;
    void followClock();
    void regrid(const FrameFormat &from, const FrameFormat &to);
    void dress(GstBuffer *buffer, GstClockTime pts, GstClockTime next);
    void lose(LossReason reason, GstClockTime time);
    void loseMissed(std::uint64_t dueFrame, const FrameChoice &choice);
    void skip(std::uint64_t toFrame);
    void settlePrevious();
    void announce(GstPad *pad);
    void advance(std::uint64_t frames = 1);
    [[nodiscard]] ProducerStats statsLocked() const;

    GstBaseSrc *const element_;
    Settings settings_;
    FrameCounters counters_;
    Thinning thinning_;

    mutable std::mutex mutex_; ///< guards the ownership of what other threads interrupt or look at
    std::unique_ptr<SourceStream> stream_;
    std::unique_ptr<PipelineClock> foreignClock_; ///< set when the pipeline's clock is not CLOCK_MONOTONIC
    std::unique_ptr<Pacer> pacer_;
    bool interrupted_ = false;
    bool rateChanged_ = false;          ///< and the streaming thread has not looked yet
    ProducerStats last_;                ///< of streams that are gone
    CopyCount copied_ = newCopyCount(); ///< by users of all arenas of this run

    std::atomic<std::uint64_t> sequence_{0};
    std::atomic<std::uint64_t> late_{0};

    // Streaming thread only.
    std::uint64_t grid_ = 0; ///< the frame of the deadline grid that is due next
    ObjectPtr<GstClock> clock_;
    GstClockTime baseTime_ = GST_CLOCK_TIME_NONE;
    BufferPtr early_; ///< made before its deadline, for the frame that is due next
    LossLedger ledger_;
    std::optional<Skip> skipped_;
    bool lossRun_ = false; ///< frames are being lost and it was said
    std::int64_t nextQosNs_ = 0;
    bool discont_ = false;
    bool unconfirmed_ = false; ///< the base class has a buffer of ours that it has not pushed yet
    GstClockTime inHandPts_ = GST_CLOCK_TIME_NONE; ///< of that buffer
};

} // namespace dmaslab
