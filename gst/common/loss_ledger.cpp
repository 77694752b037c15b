// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/loss_ledger.h"

#include <algorithm>
#include <iterator>

namespace dmaslab {

namespace {

EventPtr newRangeEvent(const char *name, GstElement *element, std::uint64_t first, std::uint64_t last,
                       std::uint64_t count, GstClockTime time)
{
    const CharPtr elementName(element ? gst_object_get_name(GST_OBJECT_CAST(element)) : g_strdup(""));
    return EventPtr(gst_event_new_custom(
        GST_EVENT_CUSTOM_DOWNSTREAM,
        gst_structure_new(name, "first", G_TYPE_UINT64, guint64(first), "last", G_TYPE_UINT64, guint64(last),
                          "count", G_TYPE_UINT64, guint64(count), "element", G_TYPE_STRING, elementName.get(),
                          "time", G_TYPE_UINT64, guint64(time), nullptr)));
}

template <typename Range>
const GstStructure *parseRange(GstEvent *event, const char *name, Range &range)
{
    if (GST_EVENT_TYPE(event) != GST_EVENT_CUSTOM_DOWNSTREAM || !gst_event_has_name(event, name))
        return nullptr;
    const GstStructure *fields = gst_event_get_structure(event);
    guint64 first = 0, last = 0, count = 0, time = GST_CLOCK_TIME_NONE;
    if (!gst_structure_get_uint64(fields, "first", &first) ||
        !gst_structure_get_uint64(fields, "last", &last) || last < first)
        return nullptr;
    if (!gst_structure_get_uint64(fields, "count", &count))
        count = last - first + 1;
    gst_structure_get_uint64(fields, "time", &time);
    range.first = first;
    range.last = last;
    range.count = count;
    range.time = time;
    if (const char *element = gst_structure_get_string(fields, "element"))
        range.element = element;
    return fields;
}

} // namespace

EventPtr newLossEvent(GstElement *element, const Loss &loss)
{
    auto event = newRangeEvent(lossEventName, element, loss.first, loss.last, loss.count, loss.time);
    gst_structure_set(gst_event_writable_structure(event.get()), "reason", G_TYPE_STRING,
                      toString(loss.reason).data(), nullptr);
    return event;
}

EventPtr newSkipEvent(GstElement *element, const Skip &skip)
{
    return newRangeEvent(skipEventName, element, skip.first, skip.last, skip.count, skip.time);
}

bool isLedgerEvent(GstEvent *event) noexcept
{
    return gst_event_has_name(event, lossEventName) || gst_event_has_name(event, skipEventName);
}

std::optional<Loss> parseLossEvent(GstEvent *event)
{
    Loss loss;
    const GstStructure *fields = parseRange(event, lossEventName, loss);
    const char *nick = fields ? gst_structure_get_string(fields, "reason") : nullptr;
    const auto reason = nick ? lossReasonFromString(nick) : std::nullopt;
    if (!reason)
        return std::nullopt;
    loss.reason = *reason;
    return loss;
}

std::optional<Skip> parseSkipEvent(GstEvent *event)
{
    Skip skip;
    if (!parseRange(event, skipEventName, skip))
        return std::nullopt;
    return skip;
}

bool Loss::absorb(const Loss &next, bool forced) noexcept
{
    if (next.reason != reason || (next.first != last + 1 && !forced))
        return false;
    first = std::min(first, next.first);
    last = std::max(last, next.last);
    count += next.count;
    return true;
}

void LossLedger::record(const Loss &loss)
{
    // Past the limit the newest entry of the same reason takes it: reasons may take turns.
    const bool crowded = losses_.size() >= maxEntries;
    const auto oldest = losses_.empty() || crowded ? losses_.rend() : std::next(losses_.rbegin());
    if (std::none_of(losses_.rbegin(), oldest, [&](Loss &entry) { return entry.absorb(loss, crowded); }))
        losses_.push_back(loss);
}

void LossLedger::record(LossReason reason, std::uint64_t first, std::uint64_t last, GstClockTime time)
{
    record(Loss{first, last, last - first + 1, reason, time, {}});
}

std::vector<EventPtr> takeLossEvents(LossLedger &ledger, GstElement *element)
{
    std::vector<EventPtr> events;
    for (const auto &loss : ledger.takePending())
        events.push_back(newLossEvent(element, loss));
    return events;
}

std::optional<std::uint64_t> frameSequence(GstBuffer *buffer) noexcept
{
    const guint64 offset = GST_BUFFER_OFFSET(buffer);
    const guint64 end = GST_BUFFER_OFFSET_END(buffer);
    // Sources that count frames leave the end open, or repeat the number, or name the next one; a file's
    // bytes end where the next buffer begins.
    if (offset == GST_BUFFER_OFFSET_NONE ||
        (end != GST_BUFFER_OFFSET_NONE && end != offset && end != offset + 1))
        return std::nullopt;
    return offset;
}

GstClockTime runningTime(const GstSegment &segment, GstClockTime timestamp) noexcept
{
    if (segment.format != GST_FORMAT_TIME || !GST_CLOCK_TIME_IS_VALID(timestamp))
        return GST_CLOCK_TIME_NONE;
    return gst_segment_to_running_time(&segment, GST_FORMAT_TIME, timestamp);
}

FrameTimes frameTimes(const GstSegment &segment, GstBuffer *buffer)
{
    FrameTimes times;
    times.timestamp = GST_BUFFER_DTS_OR_PTS(buffer);
    times.duration = GST_BUFFER_DURATION(buffer);
    times.runningTime = runningTime(segment, times.timestamp);
    if (GST_CLOCK_TIME_IS_VALID(times.runningTime))
        times.streamTime = gst_segment_to_stream_time(&segment, GST_FORMAT_TIME, times.timestamp);
    return times;
}

void postLossQos(GstElement *element, bool live, const FrameTimes &times, std::uint64_t processed,
                 std::uint64_t dropped)
{
    GstMessage *message = gst_message_new_qos(GST_OBJECT_CAST(element), live, times.runningTime,
                                              times.streamTime, times.timestamp, times.duration);
    gst_message_set_qos_stats(message, GST_FORMAT_BUFFERS, processed, dropped);
    gst_element_post_message(element, message);
}

BufferPtr markDiscont(BufferPtr buffer)
{
    if (GST_BUFFER_FLAG_IS_SET(buffer.get(), GST_BUFFER_FLAG_DISCONT))
        return buffer;
    buffer.reset(gst_buffer_make_writable(buffer.release()));
    GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_DISCONT);
    return buffer;
}

} // namespace dmaslab
