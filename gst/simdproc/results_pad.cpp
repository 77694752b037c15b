// SPDX-License-Identifier: LGPL-2.1-or-later
#include "simdproc/results_pad.h"

#include <utility>

#include <gst/base/gstbasetransform.h>

GST_DEBUG_CATEGORY_EXTERN(gst_simd_proc_debug);
#define GST_CAT_DEFAULT gst_simd_proc_debug

namespace dmaslab {

ResultsPad::ResultsPad(GstElement *element) : element_(element)
{
    gst_segment_init(&segment_, GST_FORMAT_TIME);
    gst_segment_init(&sentSegment_, GST_FORMAT_TIME);
}

GstPad *ResultsPad::request(GstPadTemplate *templ, const char *name)
{
    GstPad *const made = gst_pad_new_from_template(templ, name ? name : "results");
    const ObjectPtr<GstPad> pad(GST_PAD(gst_object_ref_sink(made)));
    gst_pad_set_element_private(pad.get(), this);
    gst_pad_set_activatemode_function(pad.get(), activate);
    gst_pad_set_query_function(pad.get(), query);
    gst_pad_use_fixed_caps(pad.get());
    bool taken = false;
    {
        const ObjectLocker lock(element_);
        taken = pad_ != nullptr;
        if (!taken)
            pad_ = refObject(pad.get());
    }
    if (taken) {
        GST_WARNING_OBJECT(element_, "there is one pad 'results' already; put a tee behind it");
        return nullptr;
    }
    if (GST_STATE(element_) > GST_STATE_READY || GST_STATE_TARGET(element_) > GST_STATE_READY)
        gst_pad_set_active(pad.get(), TRUE);
    if (!gst_element_add_pad(element_, pad.get())) {
        release(pad.get());
        return nullptr;
    }
    return made; // the element has it
}

void ResultsPad::release(GstPad *pad)
{
    gst_pad_set_active(pad, FALSE);
    gst_pad_set_element_private(pad, nullptr); // who keeps the pad may outlive us
    ObjectPtr<GstPad> kept;
    {
        const ObjectLocker lock(element_);
        kept = std::move(pad_);
    }
    if (GST_OBJECT_PARENT(pad) == GST_OBJECT_CAST(element_))
        gst_element_remove_pad(element_, pad);
}

ObjectPtr<GstPad> ResultsPad::pad()
{
    const ObjectLocker lock(element_);
    return refObject(pad_.get());
}

gboolean ResultsPad::activate(GstPad *pad, GstObject *, GstPadMode mode, gboolean active)
{
    auto *self = static_cast<ResultsPad *>(gst_pad_get_element_private(pad));
    if (!self || mode != GST_PAD_MODE_PUSH)
        return !active;
    if (active)
        self->begin(pad);
    else
        self->end(pad);
    return TRUE;
}

void ResultsPad::begin(GstPad *pad)
{
    const std::lock_guard lock(control_);
    drain(); // what was pushed while the pad before this one went
    refused_.clear();
    gst_segment_init(&sentSegment_, GST_FORMAT_TIME);
    queue_.allowWaiting();
    if (++lastStream_ == 0)
        ++lastStream_;
    stream_.store(lastStream_, std::memory_order_release);
    gst_pad_start_task(pad, loop, this, nullptr);
}

void ResultsPad::end(GstPad *pad)
{
    {
        const std::lock_guard lock(control_);
        stream_.store(0, std::memory_order_release);
        queue_.interrupt();
    }
    // Without the lock: a branch that holds the thread is let go by a flush, and that needs it.
    gst_pad_stop_task(pad);
    const std::lock_guard lock(control_);
    drain();
}

gboolean ResultsPad::query(GstPad *pad, GstObject *parent, GstQuery *query)
{
    // Results are as late as their picture.
    if (GST_QUERY_TYPE(query) == GST_QUERY_LATENCY && parent)
        return gst_pad_query(GST_BASE_TRANSFORM_SRC_PAD(parent), query);
    return gst_pad_query_default(pad, parent, query);
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

/** What a stream begins with, and again what of it has changed; a pad may come late. */
void ResultsPad::announce(std::uint32_t stream)
{
    if (announced_ != stream) {
        const auto pad = this->pad();
        if (!pad)
            return; // released meanwhile: nobody will see what is queued for it
        announced_ = stream;
        ledger_.clear();
        announceStream(pad.get(), stream);
        capsSent_ = segmentSent_ = false;
    }
    if (caps_ && !std::exchange(capsSent_, true))
        append(gst_event_new_caps(caps_.get()), stream);
    if (capsSent_ && !std::exchange(segmentSent_, true))
        append(gst_event_new_segment(&segment_), stream);
}

void ResultsPad::announceStream(GstPad *pad, std::uint32_t stream)
{
    GstPad *sink = GST_BASE_TRANSFORM_SINK_PAD(element_);
    const CharPtr id(gst_pad_create_stream_id(pad, element_, "results"));
    GstEvent *start = gst_event_new_stream_start(id.get());
    if (const EventPtr above{gst_pad_get_sticky_event(sink, GST_EVENT_STREAM_START, 0)}) {
        guint group = 0;
        if (gst_event_parse_group_id(above.get(), &group))
            gst_event_set_group_id(start, group);
        gst_event_set_seqnum(start, gst_event_get_seqnum(above.get()));
    }
    append(start, stream);
    for (guint i = 0;; ++i) {
        EventPtr tags(gst_pad_get_sticky_event(sink, GST_EVENT_TAG, i));
        if (!tags)
            return;
        append(tags.release(), stream);
    }
}

void ResultsPad::appendLosses(std::uint32_t stream)
{
    for (EventPtr &loss : takeLossEvents(ledger_, element_))
        append(loss.release(), stream);
}

void ResultsPad::send(GstBuffer *record, std::uint64_t sequence)
{
    const std::uint32_t stream = stream_.load(std::memory_order_acquire);
    if (stream == 0)
        return;
    announce(stream);
    if (!queue_.hasRoom()) {
        dropped_.fetch_add(1, std::memory_order_relaxed);
        ledger_.record(LossReason::Queue, sequence, sequence, runningTime(segment_, GST_BUFFER_PTS(record)));
        return;
    }
    appendLosses(stream);
    if (queue_.hasRoom())
        queue_.appendRecord(BufferPtr(gst_buffer_ref(record)), stream);
    else // the losses took the last of it
        send(record, sequence);
}

void ResultsPad::event(GstEvent *event)
{
    const std::uint32_t stream = stream_.load(std::memory_order_acquire);
    if (stream == 0)
        return;
    announce(stream);
    if (GST_EVENT_TYPE(event) == GST_EVENT_EOS)
        appendLosses(stream);
    append(gst_event_ref(event), stream);
}

void ResultsPad::flushStart(GstEvent *event)
{
    const auto pad = this->pad();
    if (!pad)
        return;
    gst_pad_push_event(pad.get(), gst_event_ref(event)); // lets the thread out of the branch
    const std::lock_guard lock(control_);
    if (!exists())
        return;
    queue_.interrupt();
    gst_pad_pause_task(pad.get());
}

void ResultsPad::flushStop(GstEvent *event)
{
    const auto pad = this->pad();
    if (!pad)
        return;
    {
        const std::lock_guard lock(control_);
        if (!exists())
            return;
        queue_.interrupt();
        gst_pad_stop_task(pad.get());
        if (drain())
            announced_ = 0;
        refused_.clear();
        queue_.allowWaiting();
    }
    ledger_.clear();
    segmentSent_ = false;
    gst_pad_push_event(pad.get(), gst_event_ref(event));
    const std::lock_guard lock(control_);
    if (exists())
        gst_pad_start_task(pad.get(), loop, this, nullptr);
}

void ResultsPad::drop(const ResultsQueue::Item &item)
{
    if (GST_IS_BUFFER(item.object))
        dropped_.fetch_add(1, std::memory_order_relaxed);
    gst_mini_object_unref(item.object);
}

bool ResultsPad::drain()
{
    bool sticky = false;
    ResultsQueue::Item item;
    while (queue_.poll(item)) {
        sticky |= GST_IS_EVENT(item.object) && GST_EVENT_IS_STICKY(item.object);
        drop(item);
    }
    return sticky;
}

void ResultsPad::loop(gpointer user)
{
    auto &self = *static_cast<ResultsPad *>(user);
    ResultsQueue::Item item;
    if (self.queue_.wait(item))
        self.deliver(item);
    else if (const auto pad = self.pad())
        gst_pad_pause_task(pad.get());
}

void ResultsPad::deliver(ResultsQueue::Item item)
{
    const auto pad = this->pad();
    if (!pad || item.stream != stream_.load(std::memory_order_acquire)) {
        drop(item);
        return;
    }
    if (GST_IS_EVENT(item.object)) {
        GstEvent *event = GST_EVENT_CAST(item.object);
        if (GST_EVENT_TYPE(event) == GST_EVENT_SEGMENT)
            gst_event_copy_segment(event, &sentSegment_);
        if (GST_EVENT_TYPE(event) == GST_EVENT_EOS)
            pushLosses(pad.get());
        gst_pad_push_event(pad.get(), event);
        return;
    }
    pushLosses(pad.get());
    GstBuffer *record = GST_BUFFER_CAST(item.object);
    const std::uint64_t sequence = GST_BUFFER_OFFSET(record);
    const GstClockTime time = runningTime(sentSegment_, GST_BUFFER_PTS(record));
    // A branch that wants no more does not end the picture's stream; what it does not take counts as lost.
    const GstFlowReturn flow = gst_pad_push(pad.get(), record);
    if (flow == GST_FLOW_OK) {
        sent_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    dropped_.fetch_add(1, std::memory_order_relaxed);
    refused_.record(flow == GST_FLOW_FLUSHING ? LossReason::Flush : LossReason::Error, sequence, sequence,
                    time);
}

/** Of records that the branch refused, when it may be there again. */
void ResultsPad::pushLosses(GstPad *pad)
{
    if (refused_.empty() || !gst_pad_is_linked(pad))
        return;
    for (const Loss &loss : refused_.takePending()) {
        if (!gst_pad_push_event(pad, newLossEvent(element_, loss).release()))
            refused_.record(loss);
    }
}

void ResultsPad::resetCounts()
{
    sent_.store(0, std::memory_order_relaxed);
    dropped_.store(0, std::memory_order_relaxed);
}

void ResultsPad::clear()
{
    const std::lock_guard lock(control_);
    drain();
    ledger_.clear();
}

} // namespace dmaslab
