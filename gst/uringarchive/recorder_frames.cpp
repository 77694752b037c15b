// SPDX-License-Identifier: LGPL-2.1-or-later
// The way of one frame from the stream to the writer.
#include <utility>

#include "common/messages.h"
#include "dmaslab/ring/futex.h"
#include "uringarchive/frame_facts.h"
#include "uringarchive/recorder.h"

GST_DEBUG_CATEGORY_EXTERN(gst_uring_archive_debug);
#define GST_CAT_DEFAULT gst_uring_archive_debug

namespace dmaslab {

namespace {

constexpr std::int64_t kRetryNs = 200'000'000;  ///< between looks whether the writer's recording was closed
constexpr std::int64_t kReportNs = 100'000'000; ///< at most so often goes a QoS message

bool upstreamIsLive(GstBaseSink *sink)
{
    const QueryPtr query(gst_query_new_latency());
    gboolean live = FALSE;
    if (gst_pad_peer_query(GST_BASE_SINK_PAD(sink), query.get()))
        gst_query_parse_latency(query.get(), &live, nullptr, nullptr);
    return live;
}

} // namespace

GstFlowReturn Recorder::render(GstBuffer *buffer)
{
    const GstClockTime time = frameTimes(segment_, buffer).runningTime;
    newest_.store(time, std::memory_order_relaxed);
    const FrameNumbers::Frame number = numbers_.next(frameSequence(buffer), time);
    const bool wanted = isRecording() && settings_.everyNth != 0;
    if (wanted && !open()) {
        numbers_.takeBack();
        return GST_FLOW_ERROR;
    }
    noteMissing();
    if (!wanted) {
        counters_.countSkipped();
        return GST_FLOW_OK;
    }
    if (!settings_.selects(number.sequence)) {
        skip();
        return GST_FLOW_OK;
    }
    unmatched_ = 0;
    if (!seriesIsCurrent_ && !beginSeries(buffer)) {
        numbers_.takeBack();
        return GST_FLOW_ERROR;
    }
    const GstFlowReturn flow = archive(buffer, number);
    if (flow != GST_FLOW_OK)
        numbers_.takeBack(); // whoever brought it has lost it
    return flow;
}

/** Counts and writes down what did not come to the present recording; without one nobody misses it. */
void Recorder::noteMissing()
{
    if (numbers_.missing().empty())
        return;
    const std::lock_guard lock(mutex_);
    if (!current_)
        return;
    noteOwnLossLocked();
    for (const AnnouncedGap &missing : numbers_.missing()) {
        if (missing.kind == LossKind::Loss) {
            gaps_.fetch_add(missing.loss.count, std::memory_order_relaxed);
            dropsBefore_ += missing.loss.count;
        }
        current_->note(recordOf(missing));
    }
}

void Recorder::noteOwnLossLocked()
{
    if (ownLoss_ && current_)
        current_->note(*ownLoss_);
    ownLoss_.reset();
}

void Recorder::skip()
{
    counters_.countSkipped();
    ++unmatched_;
    if (unmatchedSaid_ || settings_.everyNth == 0 || unmatched_ < std::uint64_t{4} * settings_.everyNth)
        return;
    unmatchedSaid_ = true;
    GST_ELEMENT_WARNING(
        sink_, RESOURCE, SETTINGS,
        ("%s: every-nth=%u nth-phase=%u: none of the last %" G_GUINT64_FORMAT
         " frames has a number with number %% every-nth = nth-phase, so nothing is recorded. Set nth-phase "
         "below every-nth, and let nothing before this element thin the stream in the same rhythm.",
         GST_OBJECT_NAME(sink_), settings_.everyNth, settings_.nthPhase, guint64(unmatched_)),
        (nullptr));
}

/** From the first frame of its caps: only that tells where rows lie. */
bool Recorder::beginSeries(GstBuffer *buffer)
{
    const auto format = archiveFormatFromCaps(caps_.get(), gst_buffer_get_video_meta(buffer));
    Result<std::optional<RecordingNews>> begun{};
    if (!format) {
        begun = tl::unexpected(format.error());
    } else {
        const std::lock_guard lock(mutex_);
        if (!current_)
            return true; // stopped meanwhile
        begun = current_->beginSeries(*format, settings_.layout);
    }
    if (!begun) {
        postError(GST_ELEMENT_CAST(sink_), begun.error(), GST_RESOURCE_ERROR_WRITE);
        return false;
    }
    seriesIsCurrent_ = true;
    if (*begun)
        postRecordingMessage(GST_ELEMENT_CAST(sink_), recordingOpenedName, **begun);
    return true;
}

GstFlowReturn Recorder::archive(GstBuffer *buffer, const FrameNumbers::Frame &number)
{
    for (;;) {
        const Offer outcome = offer(buffer, number);
        switch (outcome) {
        case Offer::Taken:
            losing_ = false;
            countTaken();
            if (GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_SYNC_AFTER))
                (void)drain();
            return GST_FLOW_OK;
        case Offer::Lost:
            reportLoss(buffer);
            return GST_FLOW_OK;
        case Offer::Closed:
            counters_.countSkipped();
            return GST_FLOW_OK;
        case Offer::Refused:
            return GST_FLOW_ERROR;
        case Offer::NoRecord:
        case Offer::WriterFull:
            break;
        }
        switch (policy()) {
        case OnFull::Drop: {
            const std::lock_guard lock(mutex_);
            loseLocked(number, buffer, LossReason::Full);
            break;
        }
        case OnFull::Error:
            GST_ELEMENT_ERROR(sink_, RESOURCE, WRITE,
                              ("%s: on-full=error: the disk does not keep up, all %u frames that may be held "
                               "are held. Raise max-held, or record less.",
                               GST_OBJECT_NAME(sink_), owners_.capacity()),
                              (nullptr));
            return GST_FLOW_ERROR;
        default:
            if (const GstFlowReturn flow = waitForRoom(outcome); flow != GST_FLOW_OK)
                return flow;
            continue;
        }
        reportLoss(buffer);
        return GST_FLOW_OK;
    }
}

Recorder::Offer Recorder::offer(GstBuffer *buffer, const FrameNumbers::Frame &number)
{
    const std::lock_guard lock(mutex_);
    const FrameGeometry *geometry = current_ ? current_->geometry() : nullptr;
    if (!geometry)
        return Offer::Closed;
    const FrameGeometry::Fit fit = geometry->fit(buffer);
    if (fit == FrameGeometry::Fit::Wrong || gst_buffer_get_size(buffer) > UINT32_MAX) {
        GST_WARNING_OBJECT(sink_, "frame %" G_GUINT64_FORMAT " has %" G_GSIZE_FORMAT " bytes and not %s",
                           guint64(number.sequence), gst_buffer_get_size(buffer),
                           std::to_string(geometry->frameBytes()).c_str());
        loseLocked(number, buffer, LossReason::Corrupt);
        return Offer::Lost;
    }
    FrameOwner *owner = owners_.take(buffer, geometry);
    return owner ? push(owner, buffer, number, fit) : Offer::NoRecord;
}

Recorder::Offer Recorder::push(FrameOwner *owner, GstBuffer *buffer, const FrameNumbers::Frame &number,
                               FrameGeometry::Fit fit)
{
    HeldBytes bytes;
    if (!FrameOwners::map(*owner, bytes)) {
        owners_.release(owner);
        loseLocked(number, buffer, LossReason::IoError);
        return Offer::Lost;
    }
    ArchiveFrame frame;
    frame.length = owner->geometry->frameBytes() != 0 ? owner->geometry->frameBytes() : bytes.size;
    if (fit == FrameGeometry::Fit::AsItLies) {
        frame.data = bytes.data;
        frame.readable = bytes.readable;
        frame.arenaId = bytes.arenaId;
        frame.arenaBase = bytes.arenaBase;
        frame.arenaBytes = bytes.arenaBytes;
    }
    frame.sequence = number.sequence;
    frame.epoch = number.epoch;
    frame.pts = timeOrNone(GST_BUFFER_PTS(buffer));
    frame.capture = captureTime(buffer);
    frame.utc = utcNowNs();
    frame.dropsBefore = std::uint32_t(std::min<std::uint64_t>(dropsBefore_, UINT32_MAX));
    frame.flags =
        indexFlags(buffer, dropsBefore_ > 0 ||
                               (accepted_ > 0 && GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DISCONT)));
    frame.owner = owner;
    noteOwnLossLocked();
    counters_.countIn(); // before the push: its writer may count it out at once
    const Writer::Push result = current_->push(frame);
    if (result == Writer::Push::Ok) {
        dropsBefore_ = 0;
        return Offer::Taken;
    }
    counters_.countRefused();
    owners_.release(owner);
    return result == Writer::Push::Full ? Offer::WriterFull : Offer::Refused;
}

/** FLUSHING when that ended it; OK means to try again. */
GstFlowReturn Recorder::waitForRoom(Offer obstacle)
{
    if (obstacle == Offer::NoRecord) {
        if (owners_.waitForRoom(recording_))
            return GST_FLOW_OK;
    } else {
        SessionPtr session;
        {
            const std::lock_guard lock(mutex_);
            session = current_;
        }
        if (!session || session->writer().waitForRoom(monotonicNowNs() + kRetryNs))
            return GST_FLOW_OK;
    }
    // Interrupted by a pause or a flush, which the base class tells apart.
    return interrupted_.load(std::memory_order_acquire) ? gst_base_sink_wait_preroll(sink_) : GST_FLOW_OK;
}

void Recorder::loseLocked(const FrameNumbers::Frame &number, GstBuffer *buffer, LossReason reason)
{
    counters_.countIn();
    counters_.countDropped(reason);
    if (current_)
        current_->countLost();
    ++dropsBefore_;
    const std::string name(toString(reason));
    if (ownLoss_ && ownLoss_->reasonText() == name) {
        ownLoss_->last = number.sequence; // those between were left out by every-nth
        ++ownLoss_->count;
        return;
    }
    noteOwnLossLocked();
    const CharPtr element(gst_object_get_name(GST_OBJECT_CAST(sink_)));
    LossRecord record;
    record.first = record.last = number.sequence;
    record.count = 1;
    record.time = timeOrNone(frameTimes(segment_, buffer).runningTime);
    record.utc = utcNowNs();
    record.setReason(name);
    record.setElement(element.get());
    ownLoss_ = record;
}

void Recorder::reportLoss(GstBuffer *buffer)
{
    const std::int64_t now = monotonicNowNs();
    if (std::exchange(losing_, true) || (lastReport_ != 0 && now - lastReport_ < kReportNs))
        return;
    lastReport_ = now;
    const auto counts = counters_.snapshot();
    postLossQos(GST_ELEMENT_CAST(sink_), live_.value_or(false), frameTimes(segment_, buffer), counts.out,
                counts.dropped);
}

void Recorder::countTaken()
{
    ++accepted_;
    if (settings_.numFrames == 0 || accepted_ < settings_.numFrames)
        return;
    setRecording(false);
    recordingChanged_();
}

OnFull Recorder::policy()
{
    if (settings_.onFull != OnFull::Auto)
        return settings_.onFull;
    if (!live_)
        live_ = upstreamIsLive(sink_);
    return *live_ ? OnFull::Drop : OnFull::Wait;
}

} // namespace dmaslab
