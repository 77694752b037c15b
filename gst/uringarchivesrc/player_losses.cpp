// SPDX-License-Identifier: LGPL-2.1-or-later
// What the player says: losses of the recording and its own.
#include <algorithm>
#include <utility>

#include "dmaslab/ring/futex.h"
#include "uringarchivesrc/player.h"
#include "uringarchivesrc/recorded_tags.h"

namespace dmaslab {

namespace {

constexpr std::uint32_t kOurOwn = UINT32_MAX; ///< the series of a loss that is counted here

/** As it was recorded, whoever lost them. */
EventPtr recordedEvent(const LossRecord &record)
{
    Loss loss;
    loss.first = record.first;
    loss.last = record.last;
    loss.count = record.count;
    loss.time = record.time == kNoTime ? GST_CLOCK_TIME_NONE : GstClockTime(record.time);
    EventPtr event = record.kind == LossKind::Skip
                         ? newSkipEvent(nullptr, {loss.first, loss.last, loss.count, loss.time, {}})
                         : newLossEvent(nullptr, loss);
    GstStructure *fields = gst_event_writable_structure(event.get());
    gst_structure_set(fields, "element", G_TYPE_STRING, record.elementText().c_str(), nullptr);
    if (record.kind != LossKind::Skip)
        gst_structure_set(fields, "reason", G_TYPE_STRING, record.reasonText().c_str(), nullptr);
    return event;
}

bool comesBefore(const LossRecord &a, const LossRecord &b)
{
    return a.last != b.last ? a.last < b.last : a.first < b.first;
}

/** How many numbers of a range the archive would have kept. */
std::uint64_t keptIn(std::uint64_t first, std::uint64_t last, std::uint64_t every, std::uint64_t phase)
{
    if (every <= 1)
        return last - first + 1;
    const auto below = [&](std::uint64_t end) { return end <= phase ? 0 : (end - phase - 1) / every + 1; };
    return below(last + 1) - below(first);
}

} // namespace

/** Takes in what is new in the ledger, sorted by where it belongs: an archive learns late of what its own
 * disk lost. */
void Player::loadLosses()
{
    auto losses = recording_->losses();
    if (!losses || losses->size() <= lossesRead_) {
        if (!losses && lossesRead_ == 0)
            GST_ELEMENT_WARNING(
                element_, RESOURCE, READ,
                ("location: %s. The recording plays without its losses.", losses.error().message.c_str()),
                (nullptr));
        return;
    }
    const auto fresh = losses->begin() + std::ptrdiff_t(lossesRead_);
    lossesRead_ = losses->size();
    for (auto loss = fresh; loss != losses->end(); ++loss) {
        if (loss->last >= loss->first)
            recorded_.push_back(*loss);
    }
    std::stable_sort(recorded_.begin(), recorded_.end(), comesBefore);
}

/** Frames whose files are gone are lost to us: they take their place among the recording's own losses. */
void Player::addMissingFiles()
{
    const CharPtr name(gst_object_get_name(GST_OBJECT(element_)));
    const auto &listed = recording_->manifest().segments;
    for (std::size_t i = 0; i < recording_->segments().size() && i < listed.size(); ++i) {
        const Recording::Segment &segment = recording_->segments()[i];
        const ManifestSegment &entry = listed[i];
        if (!entry.closed || entry.frames <= segment.frames || !entry.firstSequence || !entry.lastSequence)
            continue;
        LossRecord loss;
        loss.first = *entry.firstSequence;
        IndexRecord last;
        if (segment.frames > 0 && recording_->readIndex(i, segment.frames - 1, std::span(&last, 1)))
            loss.first = last.sequence + 1;
        loss.last = *entry.lastSequence;
        loss.count = entry.frames - segment.frames - (segment.frames == 0 ? entry.bad : 0);
        loss.series = kOurOwn;
        loss.setReason(toString(LossReason::IoError).data());
        loss.setElement(name.get());
        if (loss.last >= loss.first && loss.count > 0)
            recorded_.push_back(loss);
    }
    std::stable_sort(recorded_.begin(), recorded_.end(), comesBefore);
}

void Player::lose(LossReason reason, std::uint64_t first, std::uint64_t last, std::uint64_t count,
                  GstClockTime time)
{
    counters_.countIn(count);
    counters_.countDropped(reason, count);
    ledger_.record(Loss{first, last, count, reason, time, {}});
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

/** Frames that a ring recording gave up before we came to them, now that it is known where it goes on. */
void Player::closeGap(std::uint64_t sequence)
{
    if (!std::exchange(gap_, false) || sequence <= sequence_)
        return;
    const std::uint64_t first = sequence_;
    const Manifest &manifest = recording_->manifest();
    std::uint64_t count = keptIn(first, sequence - 1, manifest.everyNth, manifest.nthPhase);
    for (const LossRecord &record : recorded_) {
        if (record.kind == LossKind::Loss && record.first >= first && record.last < sequence)
            count -= std::min(count, keptIn(record.first, record.last, manifest.everyNth, manifest.nthPhase));
    }
    if (count > 0)
        lose(LossReason::Reclaimed, first, sequence - 1, count, GST_CLOCK_TIME_NONE);
}

void Player::settlePrevious()
{
    if (!std::exchange(unconfirmed_, false))
        return;
    // A flush, an EOS from outside or a stop came between create() and the push: the base class has thrown
    // the frame away.
    counters_.countDropped(LossReason::Flush);
    ledger_.record(LossReason::Flush, inHandSequence_, inHandSequence_, inHandTime_);
    discont_ = true;
}

bool Player::leaving(GstPad *pad, GstBuffer *buffer)
{
    sendTags(pad);
    announce(pad, GST_BUFFER_OFFSET(buffer));
    if (GST_PAD_IS_FLUSHING(pad))
        return false; // it would not arrive, nor did what announce() had to say
    if (std::exchange(discont_, false))
        GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
    lossRun_ = false;
    if (std::exchange(unconfirmed_, false))
        counters_.countOut(gst_buffer_get_size(buffer));
    return true;
}

/** What the stream said of itself when it was recorded: tags stay with the pad, so each set goes out once. */
void Player::sendTags(GstPad *pad)
{
    if (!std::exchange(tagsDue_, false) || recording_->manifest().tagsJson == sentTags_)
        return;
    EventPtr event = recordedTagsEvent(recording_->manifest().tagsJson);
    if (event && !gst_pad_push_event(pad, event.release()) && GST_PAD_IS_FLUSHING(pad))
        tagsDue_ = true;
    else
        sentTags_ = recording_->manifest().tagsJson;
}

void Player::ending(GstPad *pad)
{
    settlePrevious();
    announce(pad, atEnd_ ? UINT64_MAX : 0);
}

/**
 * Not before the buffer is on its way: events that wait in the base class are thrown away by a flush. One
 * that a flush throws away here is said again after it.
 */
void Player::announce(GstPad *pad, std::uint64_t before)
{
    if (ledger_.empty() && (recorded_.empty() || recorded_.front().last >= before))
        return;
    const auto flushedAway = [pad](EventPtr event) {
        return !gst_pad_push_event(pad, event.release()) && GST_PAD_IS_FLUSHING(pad);
    };
    std::vector<Loss> own = ledger_.takePending();
    auto next = own.begin();
    const auto tellOwn = [&](std::uint64_t upTo) {
        for (; next != own.end() && next->last <= upTo; ++next) {
            if (flushedAway(newLossEvent(GST_ELEMENT(element_), *next)))
                ledger_.record(*next);
        }
    };
    while (!recorded_.empty() && recorded_.front().last < before) {
        tellOwn(recorded_.front().last);
        const LossRecord record = recorded_.front();
        recorded_.pop_front();
        if (flushedAway(recordedEvent(record))) {
            recorded_.push_front(record);
            break;
        }
        if (record.series == kOurOwn) {
            counters_.countIn(record.count);
            counters_.countDropped(LossReason::IoError, record.count);
            ioErrors_.fetch_add(1, std::memory_order_relaxed);
        }
    }
    tellOwn(UINT64_MAX);
}

} // namespace dmaslab
