// SPDX-License-Identifier: LGPL-2.1-or-later
// The streaming side: what the task of the source pad does.
#include <utility>

#include "slabqueue/slab_queue.h"

namespace dmaslab {

void SlabQueue::loop(gpointer self)
{
    static_cast<SlabQueue *>(self)->stream();
}

/** Runs until the stream stops: going back to the task for each buffer costs two locks. */
void SlabQueue::stream()
{
    for (;;) {
        const auto epoch = epoch_.load(std::memory_order_acquire);
        GstFlowReturn result = sourceResult_.load(std::memory_order_acquire);
        if (result == GST_FLOW_OK) [[likely]] {
            Ring::Element element;
            bool popped = ring_->pop(element);
            if (!popped && !sideReady()) {
                // The pop is part of the condition: it looks at the very line the producer hands over.
                const auto something = [&] {
                    return (popped = ring_->pop(element)) || sideReady() ||
                           sourceResult_.load(std::memory_order_acquire) != GST_FLOW_OK;
                };
                if (!lookForItem_(something))
                    (void)itemBell_.wait(something);
            }
            if (popped)
                result = deliver(element);
            else
                result = deliverSide(ring_->peekPosition());
        }
        if (result != GST_FLOW_OK) [[unlikely]] {
            pauseStreaming(result, epoch);
            if (epoch == epoch_.load(std::memory_order_acquire))
                return;
        }
    }
}

/** True when the lane has something that precedes every buffer still in the ring. */
bool SlabQueue::sideReady() const noexcept
{
    const auto next = nextSide_.load(std::memory_order_acquire);
    return next != SideLane::nothing && next <= ring_->peekPosition();
}

GstFlowReturn SlabQueue::deliver(Ring::Element element)
{
    BufferPtr buffer(element.value);
    const auto position = element.position;
    // See waitForRoom for why this is a read-modify-write.
    if (position + 1 >= wakeAt_.fetch_add(0, std::memory_order_acq_rel)) [[unlikely]]
        gate_->bell.ring();

    GstFlowReturn result = GST_FLOW_OK;
    // A gap means that the producer took frames out at this end; it may still be writing that down under the
    // lock.
    if (position != expected_ || nextSide_.load(std::memory_order_acquire) <= position) [[unlikely]]
        result = deliverSide(position);
    expected_ = position + 1;

    if (result == GST_FLOW_OK) [[likely]] {
        if (carriedPending_.load(std::memory_order_acquire)) [[unlikely]]
            deliverCarried();
        if (discont_) [[unlikely]] {
            buffer = markDiscont(std::move(buffer));
            discont_ = false;
        }
        const auto bytes = gst_buffer_get_size(buffer.get());
        const auto sequence = frameSequence(buffer.get());
        const auto timestamp = GST_BUFFER_DTS_OR_PTS(buffer.get());
        result = gst_pad_push(source_, buffer.release());
        if (result == GST_FLOW_OK) [[likely]] {
            counters_.countOut(bytes);
            return result;
        }
        const auto reason = reasonFor(result);
        {
            const std::lock_guard lock(mutex_);
            const auto number = sequence ? *sequence : lane_.numberAt(position);
            const auto time = runningTime(sinkSegment_, timestamp);
            lane_.insertLossOf(position, {number, number, 1, reason, time, {}});
            nextSide_.store(lane_.next(), std::memory_order_release);
            counters_.countDropped(reason);
        }
        return result == GST_FLOW_EOS ? onDownstreamEos() : result;
    }

    Doomed doomed;
    const std::lock_guard lock(mutex_);
    dropLocked({buffer.release(), position}, LossReason::Flush, doomed);
    return result;
}

/** Sends what precedes the buffer at `position`. */
GstFlowReturn SlabQueue::deliverSide(std::uint64_t position)
{
    for (;;) {
        std::optional<SideLane::Item> item;
        {
            const std::lock_guard lock(mutex_);
            if (const GstFlowReturn result = sourceResult_; result != GST_FLOW_OK)
                return result;
            item = lane_.take(position);
            nextSide_.store(lane_.next(), std::memory_order_release);
        }
        if (!item)
            return GST_FLOW_OK;
        if (item->query) {
            deliverQuery(*item->query);
        } else if (item->loss) {
            deliverLoss(*item->loss);
        } else if (const auto result = deliverEvent(std::move(item->event)); result != GST_FLOW_OK) {
            return result;
        }
    }
}

GstFlowReturn SlabQueue::deliverEvent(EventPtr event)
{
    if (isLedgerEvent(event.get())) {
        deliverLedger(std::move(event));
        return GST_FLOW_OK;
    }
    if (GST_EVENT_TYPE(event.get()) != GST_EVENT_EOS) {
        gst_pad_push_event(source_, event.release());
        return GST_FLOW_OK;
    }
    deliverCarried();
    beforeEos_();
    gst_pad_push_event(source_, event.release());
    const std::lock_guard lock(mutex_);
    // Another stream may have begun behind it, and even ended.
    return eos_ && !lane_.nextRestart() ? GST_FLOW_EOS : GST_FLOW_OK;
}

void SlabQueue::deliverQuery(PendingQuery &pending)
{
    const bool answer = gst_pad_peer_query(source_, pending.query);
    const std::lock_guard lock(mutex_);
    pending.answer = answer;
    pending.done = true;
    queryDone_.notify_all(); // under the lock: `pending` is gone once its owner has seen it
}

void SlabQueue::deliverCarried()
{
    std::vector<EventPtr> events;
    std::vector<Loss> losses;
    {
        const std::lock_guard lock(mutex_);
        events.swap(carriedEvents_);
        losses = carried_.takePending();
        carriedPending_ = false;
    }
    for (auto &event : events)
        deliverLedger(std::move(event));
    for (const auto &loss : losses)
        deliverLoss(loss);
}

/** Pushes; true when a flush has begun that throws the event away. It waits for this thread before it ends.
 */
bool SlabQueue::flushedAway(EventPtr event)
{
    return !gst_pad_push_event(source_, event.release()) && GST_PAD_IS_FLUSHING(source_);
}

/** A loss of ours. */
void SlabQueue::deliverLoss(const Loss &loss)
{
    discont_ = true;
    if (!flushedAway(newLossEvent(element_, loss)))
        return;
    const std::lock_guard lock(mutex_);
    carried_.record(loss);
    carriedPending_ = true;
}

/** What an element upstream lost or left out. */
void SlabQueue::deliverLedger(EventPtr event)
{
    if (!flushedAway(EventPtr(gst_event_ref(event.get()))))
        return;
    const std::lock_guard lock(mutex_);
    carriedEvents_.push_back(std::move(event));
    carriedPending_ = true;
}

/** Downstream wants no more of this segment. What begins another one is kept, and so is what follows it. */
GstFlowReturn SlabQueue::onDownstreamEos()
{
    {
        Doomed doomed;
        const std::lock_guard lock(mutex_);
        if (sourceResult_ != GST_FLOW_OK)
            return sourceResult_;
        const auto restart = lane_.nextRestart();
        unexpected_ = !restart;
        publishLocked();
        drainLocked(LossReason::Flush, restart.value_or(SideLane::nothing), doomed);
    }
    wakeBoth();
    return GST_FLOW_OK;
}

void SlabQueue::pauseStreaming(GstFlowReturn result, std::uint64_t epoch)
{
    bool eos = false;
    {
        Doomed doomed;
        const std::lock_guard lock(mutex_);
        // The stream was flushed or restarted during the push, perhaps by this very thread.
        if (epoch != epoch_)
            return;
        if (sourceResult_ == GST_FLOW_OK)
            sourceResult_ = result;
        result = sourceResult_;
        publishLocked();
        itemBell_.ring(); // see wakeBoth; before the drain
        // Nothing stays behind: a source with a fixed number of buffers would wait for these for ever.
        if (result != GST_FLOW_EOS)
            drainLocked(reasonFor(result), SideLane::nothing, doomed);
        eos = eos_;
        // Under the lock, or a restart in between would be paused.
        gst_pad_pause_task(source_);
    }
    wakeBoth();
    // Upstream is through and will not see the error by itself.
    if (eos && (result == GST_FLOW_NOT_LINKED || result < GST_FLOW_EOS)) {
        GST_ELEMENT_FLOW_ERROR(element_, result);
        gst_pad_push_event(source_, gst_event_new_eos());
    }
}

} // namespace dmaslab
