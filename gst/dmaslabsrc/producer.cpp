// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslabsrc/producer.h"

#include <algorithm>
#include <utility>

#include "common/messages.h"
#include "dmaslab/ring/futex.h"

GST_DEBUG_CATEGORY_EXTERN(gst_dma_slab_src_debug);
#define GST_CAT_DEFAULT gst_dma_slab_src_debug

namespace dmaslab {

namespace {

constexpr std::int64_t kAtOnce = 0; // a deadline that has passed: look, do not wait

} // namespace

Producer::Producer(GstBaseSrc *element)
    : element_(element), counters_({LossReason::Starved, LossReason::Overrun, LossReason::Flush})
{
}

void Producer::start(const Settings &settings)
{
    settings_ = settings;
    counters_.start();
    late_.store(0, std::memory_order_relaxed);
    std::lock_guard lock(mutex_);
    last_ = {};
    copied_ = newCopyCount();
}

void Producer::stop()
{
    settlePrevious();
    setStream(nullptr);
    counters_.stop();
    ledger_.clear();
    skipped_.reset();
    clock_.reset();
    baseTime_ = GST_CLOCK_TIME_NONE;
    grid_ = 0;
    lossRun_ = discont_ = false;
}

void Producer::setStream(std::unique_ptr<SourceStream> stream)
{
    early_.reset();
    if (stream_ && stream)
        regrid(stream_->format(), stream->format());
    std::unique_ptr<SourceStream> old;
    std::unique_ptr<Pacer> oldPacer;
    {
        std::lock_guard lock(mutex_);
        last_ = statsLocked();
        old = std::exchange(stream_, std::move(stream));
        oldPacer = std::exchange(pacer_, nullptr); // its rate may have changed; followClock() makes the next
        if (stream_ && interrupted_)
            stream_->setInterrupted(true);
    }
    // Joins a thread and may free an arena: not under the lock that unlock() takes.
    if (old) {
        old->stopReading();
        const PoolLevels levels = old->levels(); // what was read ahead is home: it is no leak downstream
        std::lock_guard lock(mutex_);
        last_.levels = levels;
    }
    old.reset();
}

void Producer::setMaxRate(std::uint32_t numerator, std::uint32_t denominator)
{
    thinning_.setRate(numerator, denominator);
    // The frame that is waited for may be hours away at the old rate.
    std::lock_guard lock(mutex_);
    rateChanged_ = true;
    if (pacer_)
        pacer_->interrupt();
}

/** Whether that is why the wait ended; it is told once. */
bool Producer::rateHasChanged()
{
    std::lock_guard lock(mutex_);
    if (interrupted_ || !std::exchange(rateChanged_, false))
        return false;
    pacer_->reset();
    return true;
}

/** Another framerate numbers the same running time differently: time goes on, the grid's numbers jump. */
void Producer::regrid(const FrameFormat &from, const FrameFormat &to)
{
    const auto before = FrameRate::make(from.rateNumerator, from.rateDenominator);
    const auto after = FrameRate::make(to.rateNumerator, to.rateDenominator);
    if (before && after)
        grid_ = after->firstAtOrAfter(before->offsetNs(grid_));
}

void Producer::setInterrupted(bool interrupted)
{
    std::lock_guard lock(mutex_);
    interrupted_ = interrupted;
    if (stream_)
        stream_->setInterrupted(interrupted);
    if (pacer_ && interrupted)
        pacer_->interrupt();
    else if (pacer_)
        pacer_->reset();
}

GstFlowReturn Producer::create(GstBuffer **out)
{
    settlePrevious();
    BufferPtr buffer;
    const GstFlowReturn flow = settings_.paced() ? createPaced(buffer) : createUnpaced(buffer);
    if (flow != GST_FLOW_OK)
        return flow;
    counters_.countIn();
    unconfirmed_ = true;
    inHandPts_ = GST_BUFFER_PTS(buffer.get());
    advance();
    *out = buffer.release();
    return GST_FLOW_OK;
}

GstFlowReturn Producer::createPaced(BufferPtr &buffer)
{
    const bool waits = settings_.starvation() == OnStarvation::Wait;
    for (;;) {
        followClock();
        const FrameRate &rate = pacer_->rate();
        const FrameChoice choice = thinning_.choice();
        const std::uint64_t wanted = choice.firstKept(grid_, rate);
        // A frame that takes time to make is made before it is due, so that the deadline pays for nothing. If
        // there is no slab for it yet, there may be one by then.
        if (!early_ && stream_->makesFramesEarly()) {
            const GstFlowReturn flow = take(wanted, pacer_->deadlineNs(wanted), kAtOnce, false, early_);
            if (flow != GST_FLOW_OK)
                return flow;
        }
        const PaceResult due = pacer_->waitFor(wanted);
        if (due.status == PaceResult::Status::Interrupted) {
            if (!rateHasChanged())
                return GST_FLOW_FLUSHING;
            early_.reset(); // made for a frame that may not be the next one now
            skip(std::min(wanted, dueNow()));
            continue;
        }
        if (due.missed > 0) {
            early_.reset(); // made for a frame whose turn is over
            loseMissed(due.frame, choice);
            if (!choice.keeps(grid_, rate))
                continue;
        } else if (due.status == PaceResult::Status::Late) {
            late_.fetch_add(1, std::memory_order_relaxed);
        }
        skip(due.frame);
        buffer = std::move(early_);
        if (!buffer) {
            const GstFlowReturn flow =
                take(grid_, due.deadlineNs, waits ? kNoDeadline : kAtOnce, true, buffer);
            if (flow != GST_FLOW_OK)
                return flow;
        }
        const auto pts = static_cast<GstClockTime>(rate.offsetNs(grid_));
        if (!buffer) {
            lose(LossReason::Starved, pts);
            continue;
        }
        dress(buffer.get(), pts, static_cast<GstClockTime>(rate.offsetNs(grid_ + 1)));
        return GST_FLOW_OK;
    }
}

GstFlowReturn Producer::createUnpaced(BufferPtr &buffer)
{
    // Without deadlines "at once" would lose frames as fast as the loop turns: give it a moment.
    constexpr std::int64_t kMomentNs = 1'000'000;
    const bool waits = settings_.starvation() == OnStarvation::Wait;
    const FrameFormat &format = stream_->format();
    const auto rate = FrameRate::make(format.rateNumerator, format.rateDenominator);
    const auto at = [&](std::uint64_t frame) {
        return rate ? static_cast<GstClockTime>(rate->offsetNs(frame)) : GST_CLOCK_TIME_NONE;
    };
    for (;;) {
        if (rate)
            skip(thinning_.choice().firstKept(grid_, *rate));
        const std::int64_t now = monotonicNowNs();
        const GstFlowReturn flow = take(grid_, now, waits ? kNoDeadline : now + kMomentNs, true, buffer);
        if (flow != GST_FLOW_OK)
            return flow;
        if (!buffer) {
            lose(LossReason::Starved, at(grid_));
            continue;
        }
        dress(buffer.get(), at(grid_), at(grid_ + 1));
        return GST_FLOW_OK;
    }
}

/** OK without a buffer: no slab in time, and that is no error. */
GstFlowReturn Producer::take(std::uint64_t gridFrame, std::int64_t captureTimeNs, std::int64_t deadlineNs,
                             bool lastChance, BufferPtr &buffer)
{
    const std::uint64_t sequence = nextSequence() + (gridFrame - grid_);
    switch (stream_->take(sequence, static_cast<std::uint64_t>(captureTimeNs), deadlineNs, buffer)) {
    case TakeStatus::Ok:
        return GST_FLOW_OK;
    case TakeStatus::Interrupted:
        return GST_FLOW_FLUSHING;
    case TakeStatus::EndOfStream:
        return GST_FLOW_EOS;
    case TakeStatus::Error:
        postError(GST_ELEMENT(element_), stream_->error());
        return GST_FLOW_ERROR;
    case TakeStatus::Starved:
        break;
    }
    if (!lastChance || settings_.starvation() != OnStarvation::Error)
        return GST_FLOW_OK;
    const PoolLevels levels = stream_->levels();
    GST_ELEMENT_ERROR(element_, RESOURCE, NO_SPACE_LEFT,
                      ("%s: no slab for frame %" G_GUINT64_FORMAT
                       ": all %u are held downstream. Set slabs=%u or "
                       "more, hold fewer frames in the branches, or set on-starvation=drop.",
                       GST_OBJECT_NAME(element_), nextSequence(), levels.slabs, levels.slabs * 2),
                      (nullptr));
    return GST_FLOW_ERROR;
}

MonotonicClock &Producer::pacerClock() const
{
    return foreignClock_ ? static_cast<MonotonicClock &>(*foreignClock_) : systemMonotonicClock();
}

/** The first frame of the grid that is not past. */
std::uint64_t Producer::dueNow() const
{
    return pacer_->rate().firstAtOrAfter(pacerClock().nowNs() - pacer_->deadlineNs(0));
}

/** Takes over a new clock or base time, also the first. */
void Producer::followClock()
{
    ObjectPtr<GstClock> clock(gst_element_get_clock(GST_ELEMENT(element_)));
    const GstClockTime base = gst_element_get_base_time(GST_ELEMENT(element_));
    if (pacer_ && clock.get() == clock_.get() && (!clock || base == baseTime_))
        return;
    early_.reset(); // carries a deadline of the old grid
    // These go after the lock: whoever else had a word in the clock's life may ask for our stats as it ends.
    std::unique_ptr<PipelineClock> oldForeignClock;
    ObjectPtr<GstClock> oldClock;
    std::lock_guard lock(mutex_);
    if (!pacer_ || clock.get() != clock_.get()) {
        pacer_.reset(); // before the clock it refers to
        oldForeignClock = std::move(foreignClock_);
        const bool foreign = clock && !isSystemMonotonic(clock.get());
        foreignClock_ = foreign ? std::make_unique<PipelineClock>(clock.get()) : nullptr;
        const FrameFormat &format = stream_->format();
        PacerOptions options;
        options.onOverrun = settings_.onOverrun;
        options.spinUs = foreign ? 0 : settings_.spinUs; // asking a GstClock in a loop is no spinning
        pacer_ = std::make_unique<Pacer>(*FrameRate::make(format.rateNumerator, format.rateDenominator),
                                         options, pacerClock());
        if (interrupted_)
            pacer_->interrupt();
    }
    const std::int64_t now = pacerClock().nowNs();
    // No clock: running time begins here.
    const std::int64_t zero = clock ? static_cast<std::int64_t>(base) : now - pacer_->rate().offsetNs(grid_);
    const bool first = !GST_CLOCK_TIME_IS_VALID(baseTime_);
    oldClock = std::exchange(clock_, std::move(clock));
    baseTime_ = base;
    pacer_->rebase(zero);
    // The grid is running time, which stands still while we are paused: frames go on where they were, and
    // those that became due meanwhile are missed like any others. Only before the first frame was none due.
    // Running time that begins anew takes the grid with it; one frame made while pausing may be ahead of it
    // and be pushed, and the one after that is due next, so that two are no new beginning.
    constexpr std::uint64_t kAhead = 2;
    const std::uint64_t due = dueNow();
    if (first || grid_ > due + kAhead)
        grid_ = due;
}

} // namespace dmaslab
