// SPDX-License-Identifier: LGPL-2.1-or-later
// What the producer says: numbers, losses, and the stats.
#include <algorithm>
#include <utility>

#include "dmaslab/ring/futex.h"
#include "dmaslabsrc/producer.h"

namespace dmaslab {

void Producer::advance(std::uint64_t frames)
{
    // relaxed: one writer, and a reader only wants the number.
    sequence_.store(nextSequence() + frames, std::memory_order_relaxed);
    grid_ += frames;
}

void Producer::dress(GstBuffer *buffer, GstClockTime pts, GstClockTime next)
{
    GST_BUFFER_PTS(buffer) = pts;
    GST_BUFFER_DURATION(buffer) = GST_CLOCK_TIME_IS_VALID(next) ? next - pts : GST_CLOCK_TIME_NONE;
    GST_BUFFER_OFFSET(buffer) = nextSequence();
    GST_BUFFER_OFFSET_END(buffer) = nextSequence() + 1;
}

void Producer::lose(LossReason reason, GstClockTime time)
{
    counters_.countIn();
    counters_.countDropped(reason);
    ledger_.record(reason, nextSequence(), nextSequence(), time);
    advance();
    stream_->skipTo(nextSequence());
    discont_ = true;
    // One message as a run of losses begins, then one per second: a bus drowns in one per frame.
    const std::int64_t now = monotonicNowNs();
    if (lossRun_ && now < nextQosNs_)
        return;
    lossRun_ = true;
    nextQosNs_ = now + 1'000'000'000;
    FrameTimes times;
    times.runningTime = times.streamTime = times.timestamp = time;
    const auto counts = counters_.snapshot();
    postLossQos(GST_ELEMENT(element_), settings_.paced(), times, counts.out, counts.dropped);
}

void Producer::loseMissed(std::uint64_t dueFrame, const FrameChoice &choice)
{
    const FrameRate &rate = pacer_->rate();
    for (;;) {
        skip(std::min(choice.firstKept(grid_, rate), dueFrame));
        if (grid_ == dueFrame)
            return;
        lose(LossReason::Overrun, static_cast<GstClockTime>(rate.offsetNs(grid_)));
    }
}

/** Frames of the grid before this one are left out on purpose. */
void Producer::skip(std::uint64_t toFrame)
{
    if (toFrame <= grid_)
        return;
    const std::uint64_t frames = toFrame - grid_;
    counters_.countSkipped(frames);
    if (!skipped_)
        skipped_ = Skip{nextSequence(), nextSequence(), 0, GST_CLOCK_TIME_NONE, {}};
    skipped_->count += frames;
    advance(frames);
    skipped_->last = nextSequence() - 1;
    stream_->skipTo(nextSequence());
}

void Producer::settlePrevious()
{
    if (!std::exchange(unconfirmed_, false))
        return;
    // A flush, an EOS from outside or a stop came between create() and the push: the base class has thrown
    // the frame away.
    counters_.countDropped(LossReason::Flush);
    ledger_.record(LossReason::Flush, nextSequence() - 1, nextSequence() - 1, inHandPts_);
    discont_ = true;
}

bool Producer::leaving(GstPad *pad, GstBuffer *buffer)
{
    announce(pad);
    if (GST_PAD_IS_FLUSHING(pad))
        return false; // it would not arrive, nor did what announce() had to say
    if (std::exchange(discont_, false))
        GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
    lossRun_ = false;
    if (std::exchange(unconfirmed_, false))
        counters_.countOut(gst_buffer_get_size(buffer));
    return true;
}

void Producer::ending(GstPad *pad)
{
    settlePrevious();
    announce(pad);
}

// Not before the buffer is on its way: events that wait in the base class are thrown away by a flush. One
// that a flush throws away here is said again after it.
void Producer::announce(GstPad *pad)
{
    const auto flushedAway = [pad](EventPtr event) {
        return !gst_pad_push_event(pad, event.release()) && GST_PAD_IS_FLUSHING(pad);
    };
    if (!ledger_.empty()) {
        for (const Loss &loss : ledger_.takePending()) {
            if (flushedAway(newLossEvent(GST_ELEMENT(element_), loss)))
                ledger_.record(loss);
        }
    }
    if (skipped_ && !flushedAway(newSkipEvent(GST_ELEMENT(element_), *skipped_)))
        skipped_.reset();
}

ProducerStats Producer::statsLocked() const
{
    ProducerStats stats = last_;
    stats.sequence = nextSequence();
    stats.late = late_.load(std::memory_order_relaxed);
    stats.bytesCopied = copied_->load(std::memory_order_relaxed);
    if (pacer_)
        stats.pacing = pacer_->lateness().summary();
    if (stream_) {
        stats.diskLate += stream_->diskLate();
        stats.levels = stream_->levels();
        stats.memory = stream_->arena().report().kind;
        stats.pageSize = stream_->arena().report().pageSize;
    }
    return stats;
}

ProducerStats Producer::stats() const
{
    std::lock_guard lock(mutex_);
    ProducerStats stats = statsLocked();
    stats.late += stats.diskLate;
    return stats;
}

std::optional<Producer::Current> Producer::current() const
{
    std::lock_guard lock(mutex_);
    if (!stream_)
        return std::nullopt;
    const FrameFormat &format = stream_->format();
    return Current{format.rateNumerator, format.rateDenominator, stream_->arena().slabs(), stream_->frames()};
}

} // namespace dmaslab
