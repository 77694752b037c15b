// SPDX-License-Identifier: LGPL-2.1-or-later
#include "slabqueue/slab_queue.h"

#include <utility>

namespace dmaslab {

SlabQueue::SlabQueue(GstElement *element, GstPad *sink, GstPad *source, std::function<void()> beforeEos)
    : element_(element), sink_(sink), source_(source), beforeEos_(std::move(beforeEos)),
      ring_(std::make_unique<Ring>(1))
{
    gst_segment_init(&sinkSegment_, GST_FORMAT_TIME);
}

SlabQueue::~SlabQueue()
{
    drain(LossReason::Flush);
}

void SlabQueue::setLeaky(Leaky leaky)
{
    leaky_ = leaky;
    gate_->bell.ring(); // a blocked upstream thread need not wait any more
}

void SlabQueue::setMaxHeld(guint frames)
{
    maxHeld_ = frames;
    gate_->bell.ring();
}

void SlabQueue::start()
{
    auto ring = std::make_unique<Ring>(maxBuffers.load());
    std::vector<EventPtr> none;
    const std::lock_guard lock(mutex_);
    ring_ = std::move(ring);
    clearLaneLocked(false, none);
    lane_.restart();
    carried_.clear();
    carriedEvents_.clear();
    carriedPending_ = false;
    gst_segment_init(&sinkSegment_, GST_FORMAT_TIME);
    counters_.start();
    headSeen_ = 0;
    high_ = 0;
    losing_ = false;
    lastDropped_ = SideLane::nothing;
    lastReport_ = 0;
    expected_ = 0;
    discont_ = false;
}

void SlabQueue::stop()
{
    counters_.stop();
}

bool SlabQueue::activateSink(bool active)
{
    if (active) {
        const std::lock_guard lock(mutex_);
        restartLocked();
        return true;
    }
    beginFlush();
    // The upstream thread leaves chain() before the rest is thrown away.
    GST_PAD_STREAM_LOCK(sink_);
    drain(LossReason::Flush);
    {
        std::vector<EventPtr> none;
        const std::lock_guard lock(mutex_);
        clearLaneLocked(false, none);
    }
    GST_PAD_STREAM_UNLOCK(sink_);
    return true;
}

bool SlabQueue::activateSource(bool active)
{
    if (active) {
        {
            const std::lock_guard lock(mutex_);
            restartLocked();
        }
        return gst_pad_start_task(source_, &SlabQueue::loop, this, nullptr);
    }
    beginFlush();
    const bool stopped = gst_pad_stop_task(source_);
    drain(LossReason::Flush);
    return stopped;
}

void SlabQueue::reconfigure()
{
    const std::lock_guard lock(mutex_);
    if (sourceResult_ != GST_FLOW_NOT_LINKED)
        return;
    sourceResult_ = GST_FLOW_OK;
    ++epoch_;
    publishLocked();
    gst_pad_start_task(source_, &SlabQueue::loop, this, nullptr);
}

guint SlabQueue::level() const
{
    const std::lock_guard lock(mutex_);
    return guint(ring_->size());
}

guint SlabQueue::capacity() const
{
    const std::lock_guard lock(mutex_);
    return guint(ring_->capacity());
}

StructurePtr SlabQueue::stats() const
{
    auto stats = counters_.toStructure();
    gst_structure_set(stats.get(), "queue-level", G_TYPE_UINT64, guint64(level()), "queue-high",
                      G_TYPE_UINT64, guint64(high_.load()), nullptr);
    return stats;
}

void SlabQueue::publishLocked() noexcept
{
    const GstFlowReturn result = sourceResult_;
    chainResult_ = result == GST_FLOW_OK && (eos_ || unexpected_) ? GST_FLOW_EOS : result;
}

void SlabQueue::restartLocked() noexcept
{
    eos_ = false;
    unexpected_ = false;
    sourceResult_ = GST_FLOW_OK;
    ++epoch_;
    publishLocked();
}

void SlabQueue::wakeBoth() noexcept
{
    // Beyond waking, these read-modify-writes pair with the one chain() makes after its push: either that
    // push is seen by the drain that follows, or chain() sees the new result and drains by itself.
    itemBell_.ring();
    gate_->bell.ring();
    queryDone_.notify_all();
}

void SlabQueue::beginFlush()
{
    {
        const std::lock_guard lock(mutex_);
        sourceResult_ = GST_FLOW_FLUSHING;
        publishLocked();
    }
    wakeBoth();
}

Loss SlabQueue::lossLocked(GstBuffer *buffer, std::uint64_t position, LossReason reason) const
{
    const auto sequence = frameSequence(buffer);
    const auto number = sequence ? *sequence : lane_.numberAt(position);
    return {number, number, 1, reason, frameTimes(sinkSegment_, buffer).runningTime, {}};
}

void SlabQueue::dropLocked(Ring::Element element, LossReason reason, Doomed &doomed)
{
    lane_.insertLossOf(element.position, lossLocked(element.value, element.position, reason));
    nextSide_.store(lane_.next(), std::memory_order_release);
    counters_.countDropped(reason);
    doomed.emplace_back(element.value);
}

void SlabQueue::drainLocked(LossReason reason, std::uint64_t until, Doomed &doomed)
{
    Ring::Element element;
    while (ring_->peekPosition() < until && ring_->pop(element))
        dropLocked(element, reason, doomed);
}

void SlabQueue::drain(LossReason reason)
{
    Doomed doomed;
    const std::lock_guard lock(mutex_);
    drainLocked(reason, SideLane::nothing, doomed);
}

/** Empties the lane; losses, whoever had them, are carried over; sticky events go to the caller if wanted. */
void SlabQueue::clearLaneLocked(bool keepSticky, std::vector<EventPtr> &sticky)
{
    while (auto item = lane_.take(SideLane::nothing - 1)) {
        if (item->loss) {
            carried_.record(*item->loss);
        } else if (item->query) {
            item->query->done = true;
        } else if (isLedgerEvent(item->event.get())) {
            carriedEvents_.push_back(std::move(item->event));
        } else if (keepSticky && GST_EVENT_IS_STICKY(item->event.get()) &&
                   GST_EVENT_TYPE(item->event.get()) != GST_EVENT_SEGMENT &&
                   GST_EVENT_TYPE(item->event.get()) != GST_EVENT_EOS) {
            sticky.push_back(std::move(item->event));
        }
    }
    nextSide_.store(SideLane::nothing, std::memory_order_release);
    carriedPending_ = !carried_.empty() || !carriedEvents_.empty();
    queryDone_.notify_all();
}

} // namespace dmaslab
