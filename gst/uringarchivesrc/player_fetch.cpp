// SPDX-License-Identifier: LGPL-2.1-or-later
// From frame to frame: reading, waiting, following a recording that grows.
#include <algorithm>
#include <chrono>
#include <utility>

#include "common/messages.h"
#include "dmaslab/ring/futex.h"
#include "uringarchivesrc/player.h"

GST_DEBUG_CATEGORY_EXTERN(gst_uring_archive_src_debug);
#define GST_CAT_DEFAULT gst_uring_archive_src_debug

namespace dmaslab {

namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(20); ///< a tenth of a writer's commit interval

void setFlag(GstBuffer *buffer, GstBufferFlags flag, bool set)
{
    if (set)
        GST_BUFFER_FLAG_SET(buffer, flag);
}

} // namespace

GstFlowReturn Player::failWith(const Error &error)
{
    postError(GST_ELEMENT(element_), ofLocation(error));
    return GST_FLOW_ERROR;
}

GstFlowReturn Player::create(GstBuffer **out)
{
    settlePrevious();
    if (!early_) {
        const GstFlowReturn flow = fetch(early_);
        if (flow != GST_FLOW_OK)
            return flow;
    }
    if (settings_.paced() && !waitUntilDue(early_.get()))
        return GST_FLOW_FLUSHING;
    counters_.countIn();
    unconfirmed_ = true;
    inHandSequence_ = GST_BUFFER_OFFSET(early_.get());
    inHandTime_ = runningTime(element_->segment, GST_BUFFER_PTS(early_.get()));
    *out = early_.release();
    return GST_FLOW_OK;
}

GstFlowReturn Player::fetch(BufferPtr &buffer)
{
    for (;;) {
        if (!ranged_) {
            const GstFlowReturn flow = openRange();
            if (flow != GST_FLOW_OK)
                return flow;
        }
        FetchedFrame frame = take();
        say(stream_->fetcher().takeDegradations());
        switch (frame.status) {
        case FetchStatus::Interrupted:
            return GST_FLOW_FLUSHING;
        case FetchStatus::End:
            position_ = std::max(position_, frame.frame);
            ranged_ = false;
            break;
        case FetchStatus::TooLarge:
            position_ = frame.frame;
            needed_ = frame.index.length * std::uint64_t{2};
            ranged_ = false;
            break;
        case FetchStatus::Reclaimed:
            if (const GstFlowReturn flow = goAround(frame); flow != GST_FLOW_OK)
                return flow;
            break;
        case FetchStatus::Starved:
        case FetchStatus::Lost:
            if (isBehindStop(frame.index))
                return GST_FLOW_EOS;
            closeGap(frame.index.sequence);
            losePast(frame, frame.status == FetchStatus::Starved ? LossReason::Starved
                            : frame.loss == FetchLoss::Corrupt   ? LossReason::Corrupt
                                                                 : LossReason::IoError);
            break;
        case FetchStatus::Frame:
            if (isBehindStop(frame.index))
                return GST_FLOW_EOS;
            closeGap(frame.index.sequence);
            buffer = dress(frame);
            return buffer ? GST_FLOW_OK : GST_FLOW_FLUSHING;
        }
    }
}

/** A file was taken away under us: goes on with what the recording has become. */
GstFlowReturn Player::goAround(const FetchedFrame &frame)
{
    constexpr std::uint32_t kMostLooks = 10;
    gap_ = true;
    if (!lookAgain())
        return GST_FLOW_ERROR;
    const std::pair place(recording_->segments().empty() ? 0 : recording_->segments().front().number,
                          position_);
    stuck_ = place == stuckAt_ ? stuck_ + 1 : 0;
    stuckAt_ = place;
    if (stuck_ == 0)
        return GST_FLOW_OK;
    if (stuck_ < kMostLooks && recording_->mayGrow())
        return pause() ? GST_FLOW_OK : GST_FLOW_FLUSHING;
    // It is listed and cannot be read, whatever we do.
    stuck_ = 0;
    gap_ = false;
    losePast(frame, LossReason::IoError);
    return GST_FLOW_OK;
}

/** Sets the fetcher to where the position is, with slabs for what is there. */
GstFlowReturn Player::openRange()
{
    while (position_ >= recording_->frames()) {
        switch (waitForMore()) {
        case Waited::Frames:
            continue;
        case Waited::End:
            atEnd_ = true;
            return GST_FLOW_EOS;
        case Waited::Interrupted:
            return GST_FLOW_FLUSHING;
        case Waited::Error:
            return GST_FLOW_ERROR;
        }
    }
    const std::uint32_t series = seriesAt(position_);
    if (isNextElsewhere()) {
        const GstFlowReturn flow = openStream();
        if (flow != GST_FLOW_OK)
            return flow;
    }
    std::uint64_t end = position_;
    for (const Recording::Segment &segment : recording_->segments()) {
        if (segment.firstFrame + segment.frames <= end || segment.frames == 0)
            continue;
        if (segment.series != series)
            break;
        end = segment.firstFrame + segment.frames;
    }
    stream_->fetcher().setRange(position_, end);
    ranged_ = true;
    return GST_FLOW_OK;
}

GstFlowReturn Player::openStream()
{
    if (!gst_base_src_negotiate(element_))
        return GST_PAD_IS_FLUSHING(GST_BASE_SRC_PAD(element_)) ? GST_FLOW_FLUSHING : GST_FLOW_NOT_NEGOTIATED;
    return !isNextElsewhere() ? GST_FLOW_OK : GST_FLOW_NOT_NEGOTIATED;
}

/** Live frames are worth waiting for a slab until they are due, others for ever. */
FetchedFrame Player::take()
{
    FrameFetcher &fetcher = stream_->fetcher();
    if (!settings_.paced())
        return fetcher.next();
    FetchedFrame frame = fetcher.next(0);
    while (frame.status == FetchStatus::Starved) {
        if (!waitWhilePaused())
            return {.status = FetchStatus::Interrupted};
        const std::int64_t deadline = slabDeadline(GstClockTime(frame.index.pts));
        if (deadline == 0)
            return fetcher.skip();
        frame = fetcher.next(deadline); // and look again: a pause meanwhile has moved it
    }
    return frame;
}

void Player::losePast(const FetchedFrame &frame, LossReason reason)
{
    if (reason == LossReason::IoError)
        ioErrors_.fetch_add(1, std::memory_order_relaxed);
    const std::uint64_t sequence = std::max<std::uint64_t>(frame.index.sequence, sequence_);
    const GstClockTime time = frame.index.pts == kNoTime
                                  ? GST_CLOCK_TIME_NONE
                                  : runningTime(element_->segment, GstClockTime(frame.index.pts));
    lose(reason, sequence, sequence, 1, time);
    sequence_ = sequence + 1;
    position_ = std::max(position_, frame.frame) + 1;
}

BufferPtr Player::dress(FetchedFrame &frame)
{
    const IndexRecord index = frame.index;
    BufferPtr buffer = stream_->wrap(frame);
    if (!buffer)
        return buffer;
    GST_BUFFER_PTS(buffer.get()) = index.pts == kNoTime ? GST_CLOCK_TIME_NONE : GstClockTime(index.pts);
    GST_BUFFER_DURATION(buffer.get()) = stream_->caps().frameDuration;
    GST_BUFFER_OFFSET(buffer.get()) = index.sequence;
    GST_BUFFER_OFFSET_END(buffer.get()) = index.sequence + 1;
    setFlag(buffer.get(), GST_BUFFER_FLAG_DISCONT, index.flags & kFrameDiscont);
    setFlag(buffer.get(), GST_BUFFER_FLAG_CORRUPTED, index.flags & kFrameCorrupted);
    setFlag(buffer.get(), GST_BUFFER_FLAG_DELTA_UNIT, index.flags & kFrameDelta);
    setFlag(buffer.get(), GST_BUFFER_FLAG_HEADER, index.flags & kFrameHeader);
    if (index.capture != kNoTime) {
        static GstCaps *const clock = gst_caps_new_empty_simple("timestamp/x-dmaslab-capture");
        gst_buffer_add_reference_timestamp_meta(buffer.get(), clock, GstClockTime(index.capture),
                                                GST_CLOCK_TIME_NONE);
    }
    sequence_ = index.sequence + 1;
    position_ = frame.frame + 1;
    stuck_ = 0;
    return buffer;
}

/** Pictures of encoded streams come in another order than they are shown in: the next key frame decides. */
bool Player::isBehindStop(const IndexRecord &index) const
{
    return GST_CLOCK_TIME_IS_VALID(stop_) && index.pts != kNoTime && GstClockTime(index.pts) >= stop_ &&
           !(index.flags & kFrameDelta);
}

GstClockTime Player::dueTime(GstClockTime pts) const
{
    const GstSegment &segment = element_->segment;
    if (!GST_CLOCK_TIME_IS_VALID(pts))
        return GST_CLOCK_TIME_NONE;
    // The frame that is shown at the time of a seek began before it.
    const GstClockTime running = runningTime(segment, std::max<GstClockTime>(pts, segment.start));
    if (!GST_CLOCK_TIME_IS_VALID(running))
        return GST_CLOCK_TIME_NONE;
    return running + gst_element_get_base_time(GST_ELEMENT(element_));
}

/** False when interrupted. The base class leaves us alone in PAUSED: a frame given to it then would be pushed
 * at the first moment of PLAYING. */
bool Player::waitWhilePaused()
{
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return !paused_ || interrupted_; });
    return !interrupted_;
}

bool Player::waitUntilDue(GstBuffer *buffer)
{
    bool waited = false;
    for (;;) {
        if (!waitWhilePaused())
            return false;
        const GstClockTime due = dueTime(GST_BUFFER_PTS(buffer)); // another one after each pause
        const ObjectPtr<GstClock> clock(gst_element_get_clock(GST_ELEMENT(element_)));
        if (!clock || !GST_CLOCK_TIME_IS_VALID(due))
            return true;
        const GstClockTime now = gst_clock_get_time(clock.get());
        if (now < due) {
            waited = true;
            (void)clockWait_.until(clock.get(), due);
            continue;
        }
        // Nobody wakes on the nanosecond; a frame that comes with the next one is late.
        const GstClockTime duration = GST_BUFFER_DURATION(buffer);
        if (!waited && now - due > (GST_CLOCK_TIME_IS_VALID(duration) ? duration : 0))
            late_.fetch_add(1, std::memory_order_relaxed);
        return true;
    }
}

std::int64_t Player::slabDeadline(GstClockTime pts) const
{
    const GstClockTime due = dueTime(pts);
    const ObjectPtr<GstClock> clock(gst_element_get_clock(GST_ELEMENT(element_)));
    if (!clock || !GST_CLOCK_TIME_IS_VALID(due))
        return 0;
    const GstClockTime now = gst_clock_get_time(clock.get());
    return due > now ? monotonicNowNs() + std::int64_t(due - now) : 0;
}

/** Reads the recording's files again and finds the position in what they have become. */
bool Player::lookAgain()
{
    if (stream_)
        stream_->fetcher().stop();
    ranged_ = false;
    const auto grown = recording_->refresh();
    if (!grown) {
        (void)failWith(grown.error());
        return false;
    }
    tagsDue_ = true;
    ownTimeline_->refresh();
    const auto position = recording_->findSequence(sequence_);
    if (!position) {
        (void)failWith(position.error());
        return false;
    }
    position_ = *position;
    loadLosses();
    return true;
}

Player::Waited Player::waitForMore()
{
    if (!settings_.follow)
        return Waited::End;
    const bool mayGrow = recording_->mayGrow(); // asked first: what came before it ended is then seen
    if (!lookAgain())
        return Waited::Error;
    if (position_ < recording_->frames())
        return Waited::Frames;
    if (!mayGrow) {
        if (recording_->manifest().state == RecordingState::Recording)
            GST_ELEMENT_WARNING(element_, RESOURCE, READ,
                                ("location: %s: nobody is writing this recording any more, and it was not "
                                 "closed. 'dmaslab-archive recover' completes it.",
                                 recording_->path().c_str()),
                                (nullptr));
        return Waited::End;
    }
    return pause() ? Waited::Frames : Waited::Interrupted;
}

/** Lets the writer work; false when interrupted. */
bool Player::pause()
{
    std::unique_lock lock(mutex_);
    return !wake_.wait_for(lock, kLookEvery, [this] { return interrupted_; });
}

} // namespace dmaslab
