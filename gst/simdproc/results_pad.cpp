// SPDX-License-Identifier: LGPL-2.1-or-later
#include "simdproc/results_pad.h"

#include <utility>

GST_DEBUG_CATEGORY_EXTERN(gst_simd_proc_debug);
#define GST_CAT_DEFAULT gst_simd_proc_debug

namespace dmaslab {

namespace {

/** Room for events beside the records: there are a handful per change of caps. */
constexpr std::size_t kRingSize = 4 * ResultsPad::kMostQueued;

} // namespace

ResultsPad::ResultsPad(GstElement *element) : element_(element), ring_(kRingSize)
{
    gst_segment_init(&segment_, GST_FORMAT_TIME);
}

ResultsPad::~ResultsPad()
{
    drain();
}

GstPad *ResultsPad::request(GstPadTemplate *templ, const char *name)
{
    if (requested_.load(std::memory_order_acquire)) {
        GST_WARNING_OBJECT(element_, "there is one pad 'results' already; put a tee behind it");
        return nullptr;
    }
    GstPad *pad = gst_pad_new_from_template(templ, name ? name : "results");
    gst_pad_set_element_private(pad, this);
    gst_pad_set_activatemode_function(pad, activate);
    gst_pad_use_fixed_caps(pad);
    {
        const ObjectLocker lock(element_);
        pad_ = refObject(pad);
    }
    if (GST_STATE(element_) > GST_STATE_READY || GST_STATE_TARGET(element_) > GST_STATE_READY)
        gst_pad_set_active(pad, TRUE);
    if (!gst_element_add_pad(element_, pad)) {
        const ObjectLocker lock(element_);
        pad_.reset();
        return nullptr;
    }
    requested_.store(true, std::memory_order_release);
    return pad;
}

void ResultsPad::release(GstPad *pad)
{
    requested_.store(false, std::memory_order_release);
    gst_pad_set_active(pad, FALSE);
    ObjectPtr<GstPad> kept;
    {
        const ObjectLocker lock(element_);
        kept = std::move(pad_);
    }
    gst_element_remove_pad(element_, pad);
}

ObjectPtr<GstPad> ResultsPad::pad()
{
    const ObjectLocker lock(element_);
    return refObject(pad_.get());
}

gboolean ResultsPad::activate(GstPad *pad, GstObject *, GstPadMode mode, gboolean active)
{
    auto &self = *static_cast<ResultsPad *>(gst_pad_get_element_private(pad));
    if (mode != GST_PAD_MODE_PUSH)
        return FALSE;
    if (active) {
        self.drain(); // what came while nobody could take it
        self.bell_.reset();
        self.running_.store(true, std::memory_order_release);
        return gst_pad_start_task(pad, loop, &self, nullptr);
    }
    self.running_.store(false, std::memory_order_release);
    self.bell_.interrupt();
    const gboolean stopped = gst_pad_stop_task(pad);
    self.drain();
    return stopped;
}

void ResultsPad::setFormat(GstCaps *caps)
{
    caps_.reset(caps ? gst_caps_ref(caps) : nullptr);
    capsSent_ = false;
}

void ResultsPad::setSegment(const GstSegment &segment)
{
    segment_ = segment;
    segmentSent_ = false;
}

/** Everything a stream begins with, once per stream and again where it changed; a pad may come late. */
void ResultsPad::announce()
{
    if (!begun_.exchange(true, std::memory_order_acq_rel)) {
        const auto pad = this->pad();
        if (!pad)
            return;
        const CharPtr id(gst_pad_create_stream_id(pad.get(), element_, "results"));
        push(GST_MINI_OBJECT_CAST(gst_event_new_stream_start(id.get())));
        capsSent_ = segmentSent_ = false;
    }
    if (caps_ && !std::exchange(capsSent_, true))
        push(GST_MINI_OBJECT_CAST(gst_event_new_caps(caps_.get())));
    if (capsSent_ && !std::exchange(segmentSent_, true))
        push(GST_MINI_OBJECT_CAST(gst_event_new_segment(&segment_)));
}

void ResultsPad::send(GstBuffer *record, std::uint64_t sequence)
{
    if (!exists() || !running_.load(std::memory_order_acquire)) {
        begun_.store(false, std::memory_order_release);
        return;
    }
    announce();
    if (queued_.load(std::memory_order_acquire) >= kMostQueued) {
        dropped_.fetch_add(1, std::memory_order_relaxed);
        ledger_.record(LossReason::Queue, sequence, sequence, runningTime(segment_, GST_BUFFER_PTS(record)));
        return;
    }
    for (EventPtr &loss : takeLossEvents(ledger_, element_))
        push(GST_MINI_OBJECT_CAST(loss.release()));
    queued_.fetch_add(1, std::memory_order_relaxed);
    push(GST_MINI_OBJECT_CAST(gst_buffer_ref(record)));
}

void ResultsPad::event(GstEvent *event)
{
    if (!exists() || !running_.load(std::memory_order_acquire))
        return;
    announce();
    if (GST_EVENT_TYPE(event) == GST_EVENT_EOS) {
        for (EventPtr &loss : takeLossEvents(ledger_, element_))
            push(GST_MINI_OBJECT_CAST(loss.release()));
    }
    push(GST_MINI_OBJECT_CAST(gst_event_ref(event)));
}

void ResultsPad::push(GstMiniObject *item)
{
    if (ring_.push(item)) {
        bell_.ring();
        return;
    }
    GST_WARNING_OBJECT(element_, "results: %" GST_PTR_FORMAT " is lost, nobody takes what is queued", item);
    gst_mini_object_unref(item);
}

void ResultsPad::flushStart()
{
    const auto pad = this->pad();
    if (!pad)
        return;
    running_.store(false, std::memory_order_release);
    gst_pad_push_event(pad.get(), gst_event_new_flush_start());
    bell_.interrupt();
    gst_pad_pause_task(pad.get());
}

void ResultsPad::flushStop(GstEvent *event)
{
    const auto pad = this->pad();
    if (!pad)
        return;
    gst_pad_push_event(pad.get(), gst_event_ref(event));
    gst_pad_stop_task(pad.get());
    drain();
    bell_.reset();
    segmentSent_ = false;
    running_.store(true, std::memory_order_release);
    gst_pad_start_task(pad.get(), loop, this, nullptr);
}

void ResultsPad::drain()
{
    GstMiniObject *item = nullptr;
    while (ring_.pop(item))
        gst_mini_object_unref(item);
    queued_.store(0, std::memory_order_release);
    begun_.store(false, std::memory_order_release);
}

void ResultsPad::loop(gpointer user)
{
    auto &self = *static_cast<ResultsPad *>(user);
    GstMiniObject *item = nullptr;
    if (self.bell_.wait([&] { return self.ring_.pop(item); }) == Doorbell::Result::Interrupted) {
        if (const auto pad = self.pad())
            gst_pad_pause_task(pad.get());
        return;
    }
    self.deliver(item);
}

void ResultsPad::deliver(GstMiniObject *item)
{
    const auto pad = this->pad();
    if (!pad) {
        gst_mini_object_unref(item);
        return;
    }
    if (GST_IS_EVENT(item)) {
        gst_pad_push_event(pad.get(), GST_EVENT_CAST(item));
        return;
    }
    queued_.fetch_sub(1, std::memory_order_release);
    // A branch that wants no more does not end the picture's stream; what it does not take counts as lost.
    const GstFlowReturn flow = gst_pad_push(pad.get(), GST_BUFFER_CAST(item));
    (flow == GST_FLOW_OK ? sent_ : dropped_).fetch_add(1, std::memory_order_relaxed);
}

void ResultsPad::resetCounts()
{
    sent_.store(0, std::memory_order_relaxed);
    dropped_.store(0, std::memory_order_relaxed);
}

} // namespace dmaslab
