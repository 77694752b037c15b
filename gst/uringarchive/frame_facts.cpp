// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchive/frame_facts.h"

#include <cstring>

namespace dmaslab {

std::int64_t timeOrNone(GstClockTime time)
{
    return GST_CLOCK_TIME_IS_VALID(time) ? std::int64_t(time) : kNoTime;
}

std::int64_t captureTime(GstBuffer *buffer)
{
    std::int64_t time = kNoTime;
    gpointer state = nullptr;
    while (GstMeta *meta =
               gst_buffer_iterate_meta_filtered(buffer, &state, GST_REFERENCE_TIMESTAMP_META_API_TYPE)) {
        const auto *stamp = reinterpret_cast<const GstReferenceTimestampMeta *>(meta);
        const bool monotonic =
            std::strstr(gst_structure_get_name(gst_caps_get_structure(stamp->reference, 0)), "monotonic");
        if (monotonic || time == kNoTime)
            time = timeOrNone(stamp->timestamp);
        if (monotonic)
            break;
    }
    return time;
}

std::uint16_t indexFlags(GstBuffer *buffer, bool missingBefore)
{
    unsigned flags = missingBefore ? kFrameDiscont : 0;
    if (GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_CORRUPTED))
        flags |= kFrameCorrupted;
    if (GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT))
        flags |= kFrameDelta;
    if (GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_HEADER))
        flags |= kFrameHeader;
    return std::uint16_t(flags);
}

LossRecord recordOf(const AnnouncedGap &missing)
{
    LossRecord record;
    record.first = missing.loss.first;
    record.last = missing.loss.last;
    record.count = missing.loss.count;
    record.time = timeOrNone(missing.loss.time);
    record.utc = utcNowNs();
    record.kind = missing.kind;
    if (missing.kind == LossKind::Loss)
        record.setReason(std::string(toString(missing.loss.reason)));
    record.setElement(missing.loss.element);
    return record;
}

} // namespace dmaslab
