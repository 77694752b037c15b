// SPDX-License-Identifier: LGPL-2.1-or-later
// The upstream side: what the thread does that calls into the sink pad.
#include <algorithm>
#include <utility>

#include "slabqueue/slab_queue.h"

namespace dmaslab {

namespace {

constexpr guint leastBatch = 4; // smaller queues have no batches

// Losses that come and go (a sink at half the rate) would post a message per frame.
constexpr std::int64_t reportIntervalNs = 100'000'000;

} // namespace

GstFlowReturn SlabQueue::chain(BufferPtr buffer)
{
    // Whoever gets another answer than OK still counts the frame as its own; it never was in here.
    if (const auto result = chainResult_.load(std::memory_order_acquire); result != GST_FLOW_OK) [[unlikely]]
        return result;

    while (const auto reason = obstacle())
        [[unlikely]]
        {
            const Leaky leak = leaky();
            if (leak == Leaky::No) {
                if (!waitForRoom())
                    return chainResult_.load(std::memory_order_acquire);
            } else if (leak == Leaky::Upstream ||
                       (!loseOldest(*reason) && *reason == LossReason::SlowConsumer)) {
                loseNew(std::move(buffer), *reason);
                return GST_FLOW_OK;
            }
        }
    losing_ = false;
    if (maxHeld_.load(std::memory_order_relaxed) != 0) [[unlikely]]
        buffer = holdBuffer(std::move(buffer), gate_);

    counters_.countIn();
    (void)ring_->push(buffer.release()); // only we push, and there was room
    noteLevel();
    itemBell_.ring();
    // An error or a flush may have drained the ring just before our push: see wakeBoth.
    if (chainResult_.load(std::memory_order_acquire) != GST_FLOW_OK) [[unlikely]]
        return abandon();
    return GST_FLOW_OK;
}

/** What keeps the next buffer out, if anything. */
std::optional<LossReason> SlabQueue::obstacle() noexcept
{
    const guint maxHeld = maxHeld_.load(std::memory_order_relaxed);
    if (maxHeld != 0 && gate_->held() >= maxHeld) [[unlikely]]
        return LossReason::SlowConsumer;
    if (ring_->full()) [[unlikely]]
        return LossReason::Queue;
    return std::nullopt;
}

/** Blocks until a buffer may go in (or may be lost); false when the stream has ended meanwhile. */
bool SlabQueue::waitForRoom()
{
    const auto capacity = ring_->capacity();
    const auto tail = ring_->tailPosition();
    const auto excused = [this] {
        return chainResult_.load(std::memory_order_acquire) != GST_FLOW_OK || leaky() != Leaky::No;
    };
    const auto open = [&] { return excused() || !obstacle(); };

    high_.store(guint(std::max<std::size_t>(high_.load(std::memory_order_relaxed), ring_->size())),
                std::memory_order_relaxed);
    const bool batches = capacity >= leastBatch && maxHeld_.load(std::memory_order_relaxed) == 0;
    const auto nearlyEmpty = [&] { return excused() || ring_->size() <= capacity / 4; };
    // While it looks, it waits for a batch: refilling place by place moves the same lines to and fro. Asleep,
    // the first place counts: a batch would need a deadline against a consumer that stalls, and to arm a
    // timer for each sleep costs more than the wakes it saves (8 µs apiece on a virtual machine).
    (void)(batches ? lookForRoom_(nearlyEmpty) : lookForRoom_(open));
    if (!open()) {
        // The consumer moves the head, then reads wakeAt_ by a read-modify-write; we write wakeAt_ by one,
        // then read the head. Whichever comes first, one of us sees the other.
        wakeAt_.exchange(tail - capacity + 1, std::memory_order_acq_rel);
        (void)gate_->bell.wait(open);
    }
    wakeAt_.store(nobodyWaits, std::memory_order_relaxed);
    return chainResult_.load(std::memory_order_acquire) == GST_FLOW_OK;
}

void SlabQueue::loseNew(BufferPtr buffer, LossReason reason)
{
    FrameTimes times;
    counters_.countIn();
    {
        const std::lock_guard lock(mutex_);
        const auto tail = ring_->tailPosition();
        times = frameTimes(sinkSegment_, buffer.get());
        lane_.appendLoss(tail, lossLocked(buffer.get(), tail, reason));
        // Before the next push, which publishes it: the consumer that pops `tail` sees that the lane has
        // something.
        nextSide_.store(lane_.next(), std::memory_order_release);
        counters_.countDropped(reason);
    }
    high_.store(guint(std::max<std::size_t>(high_.load(std::memory_order_relaxed), ring_->size())),
                std::memory_order_relaxed);
    const bool newRun = !losing_;
    losing_ = true;
    reportRun(newRun, times);
    itemBell_.ring(); // a loss is told at once, not only with the next buffer
}

/** False when there was nothing left to take out. */
bool SlabQueue::loseOldest(LossReason reason)
{
    Doomed doomed;
    FrameTimes times;
    bool newRun = false;
    {
        // Taking it out and writing it down is one step: a consumer that finds a gap in the positions takes
        // the lock and then finds the loss.
        const std::lock_guard lock(mutex_);
        Ring::Element oldest;
        high_.store(guint(std::max<std::size_t>(high_.load(std::memory_order_relaxed), ring_->size())),
                    std::memory_order_relaxed);
        if (!ring_->dropOldest(oldest))
            return false;
        times = frameTimes(sinkSegment_, oldest.value);
        newRun = oldest.position != lastDropped_ + 1;
        lastDropped_ = oldest.position;
        dropLocked(oldest, reason, doomed);
    }
    reportRun(newRun, times);
    return true;
}

void SlabQueue::reportRun(bool newRun, const FrameTimes &times)
{
    const auto now = monotonicNowNs();
    if (!newRun || (lastReport_ != 0 && now - lastReport_ < reportIntervalNs))
        return;
    lastReport_ = now;
    const auto counts = counters_.snapshot();
    postLossQos(element_, false, times, counts.out, counts.dropped);
}

/** Our push came after the drain: what we pushed goes the same way. */
GstFlowReturn SlabQueue::abandon()
{
    Doomed doomed;
    const std::lock_guard lock(mutex_);
    const GstFlowReturn result = chainResult_;
    if (result == GST_FLOW_OK)
        return result; // restarted meanwhile: the buffer belongs to the new run
    Ring::Element element;
    while (ring_->dropOldest(element))
        dropLocked(element, reasonFor(result), doomed);
    return GST_FLOW_OK; // it was taken, counted and dropped here; the next one is refused
}

/** The highest level. Looking at the consumer's index costs a cache miss, so only when it could be a new
 * high. */
void SlabQueue::noteLevel() noexcept
{
    const auto tail = ring_->tailPosition();
    const auto high = high_.load(std::memory_order_relaxed);
    if (tail - headSeen_ <= high)
        return;
    headSeen_ = ring_->peekPosition();
    if (tail - headSeen_ > high)
        high_.store(guint(tail - headSeen_), std::memory_order_relaxed);
}

bool SlabQueue::serializedQuery(GstQuery *query)
{
    PendingQuery pending;
    pending.query = query;
    {
        const std::lock_guard lock(mutex_);
        if (chainResult_ != GST_FLOW_OK)
            return false;
        lane_.append(ring_->tailPosition(), &pending);
        nextSide_.store(lane_.next(), std::memory_order_release);
    }
    itemBell_.ring();

    Lock lock(mutex_);
    // When the stream stops, the query is ours again only if the streaming thread has not taken it.
    queryDone_.wait(lock,
                    [&] { return pending.done || (sourceResult_ != GST_FLOW_OK && lane_.remove(&pending)); });
    nextSide_.store(lane_.next(), std::memory_order_release);
    return pending.answer;
}

GstFlowReturn SlabQueue::event(EventPtr event)
{
    switch (GST_EVENT_TYPE(event.get())) {
    case GST_EVENT_FLUSH_START:
        return flushStart(std::move(event));
    case GST_EVENT_FLUSH_STOP:
        return flushStop(std::move(event));
    default:
        if (GST_EVENT_IS_SERIALIZED(event.get()))
            return enqueue(std::move(event));
        return gst_pad_push_event(source_, event.release()) ? GST_FLOW_OK : GST_FLOW_ERROR;
    }
}

GstFlowReturn SlabQueue::flushStart(EventPtr event)
{
    // Downstream first: a push that blocks there has to come back before our task can pause.
    const bool forwarded = gst_pad_push_event(source_, event.release());
    beginFlush();
    gst_pad_pause_task(source_);
    drain(LossReason::Flush);
    return forwarded ? GST_FLOW_OK : GST_FLOW_ERROR;
}

GstFlowReturn SlabQueue::flushStop(EventPtr event)
{
    const bool forwarded = gst_pad_push_event(source_, event.release());
    Doomed doomed;
    std::vector<EventPtr> sticky;
    {
        const std::lock_guard lock(mutex_);
        drainLocked(LossReason::Flush, SideLane::nothing, doomed);
        clearLaneLocked(true, sticky);
        gst_segment_init(&sinkSegment_, GST_FORMAT_TIME);
    }
    // Caps and tags that were under way still hold for what follows. Not possible any earlier: a flushing pad
    // stores nothing.
    for (auto &kept : sticky)
        gst_pad_store_sticky_event(source_, kept.get());
    {
        const std::lock_guard lock(mutex_);
        restartLocked();
        if (gst_pad_is_active(source_))
            gst_pad_start_task(source_, &SlabQueue::loop, this, nullptr);
    }
    return forwarded ? GST_FLOW_OK : GST_FLOW_ERROR;
}

/** Why an event cannot go in now, if so; restarts the stream for the events that do that. */
std::optional<GstFlowReturn> SlabQueue::refusal(Lock &lock, GstEventType type, bool sticky)
{
    const bool restarts = type == GST_EVENT_STREAM_START || type == GST_EVENT_SEGMENT;
    if (restarts && (eos_ || sourceResult_ == GST_FLOW_EOS)) {
        const bool asleep = sourceResult_ == GST_FLOW_EOS;
        if (asleep || sourceResult_ == GST_FLOW_OK) {
            restartLocked();
            if (asleep && gst_pad_is_active(source_))
                gst_pad_start_task(source_, &SlabQueue::loop, this, nullptr);
        }
        eos_ = false;
    }
    const GstFlowReturn result = sourceResult_;
    if (result != GST_FLOW_OK) {
        // A sticky event that fails does no harm: the data after it will tell. Nothing follows an EOS, so it
        // tells.
        if (!sticky)
            return result;
        if (type == GST_EVENT_EOS) {
            lock.unlock();
            if (result == GST_FLOW_NOT_LINKED || result < GST_FLOW_EOS)
                GST_ELEMENT_FLOW_ERROR(element_, result);
            return result;
        }
    }
    if (eos_)
        return GST_FLOW_EOS;
    return std::nullopt;
}

GstFlowReturn SlabQueue::enqueue(EventPtr event)
{
    const GstEventType type = GST_EVENT_TYPE(event.get());
    Doomed doomed;
    {
        Lock lock(mutex_);
        if (const auto result = refusal(lock, type, GST_EVENT_IS_STICKY(event.get())))
            return *result;
        if (type == GST_EVENT_SEGMENT) {
            gst_event_copy_segment(event.get(), &sinkSegment_);
            unexpected_ = false;
        } else if (type == GST_EVENT_EOS) {
            eos_ = true;
            Ring::Element element;
            while (flushOnEos && ring_->dropOldest(element))
                dropLocked(element, LossReason::Flush, doomed);
        }
        publishLocked();
        // The position of the next buffer. That buffer is pushed after this store, and popping it makes the
        // store visible: the consumer looks at the lane after popping and before pushing on.
        lane_.append(ring_->tailPosition(), std::move(event));
        nextSide_.store(lane_.next(), std::memory_order_release);
    }
    itemBell_.ring();
    return GST_FLOW_OK;
}

} // namespace dmaslab
