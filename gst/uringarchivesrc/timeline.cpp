// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchivesrc/timeline.h"

#include <algorithm>

#include "uringarchivesrc/series_caps.h"

namespace dmaslab {

Timeline::Timeline(Recording recording) : recording_(std::move(recording)) {}

void Timeline::refresh()
{
    const std::lock_guard lock(mutex_);
    (void)recording_.refresh(); // the streaming thread tells of errors
}

std::uint64_t Timeline::frames() const
{
    const std::lock_guard lock(mutex_);
    return recording_.frames();
}

std::optional<IndexRecord> Timeline::indexLocked(std::uint64_t frame) const
{
    const auto place = recording_.place(frame);
    if (!place)
        return std::nullopt;
    return place->index;
}

std::optional<GstClockTime> Timeline::timeLocked(std::uint64_t frame) const
{
    const auto index = indexLocked(frame);
    if (!index || index->pts == kNoTime)
        return std::nullopt;
    return GstClockTime(index->pts);
}

GstClockTime Timeline::durationLocked(std::uint64_t frame) const
{
    const auto place = recording_.place(frame);
    if (!place)
        return 0;
    const CapsPtr caps(gst_caps_from_string(recording_.series(place->segment).format.caps.c_str()));
    const GstClockTime duration = caps ? frameDurationOf(caps.get()) : GST_CLOCK_TIME_NONE;
    return GST_CLOCK_TIME_IS_VALID(duration) ? duration : 0;
}

std::optional<GstClockTime> Timeline::timeOf(std::uint64_t frame) const
{
    {
        const std::lock_guard lock(mutex_);
        if (frame < recording_.frames())
            return timeLocked(frame);
    }
    return end();
}

std::optional<GstClockTime> Timeline::end() const
{
    const std::lock_guard lock(mutex_);
    if (recording_.frames() == 0)
        return std::nullopt;
    const std::uint64_t last = recording_.frames() - 1;
    const auto time = timeLocked(last);
    if (!time)
        return std::nullopt;
    return *time + durationLocked(last);
}

std::optional<std::uint64_t> Timeline::frameAt(GstClockTime time) const
{
    const std::lock_guard lock(mutex_);
    const std::uint64_t frames = recording_.frames();
    if (frames == 0 || !timeLocked(0))
        return std::nullopt;
    const auto next = recording_.findPts(std::int64_t(std::min(time, GstClockTime(G_MAXINT64))));
    if (!next)
        return std::nullopt;
    if (*next > 0 && (*next == frames || timeLocked(*next) > time)) {
        const auto before = timeLocked(*next - 1);
        if (before && *before + durationLocked(*next - 1) > time)
            return *next - 1;
    }
    return *next;
}

std::uint64_t Timeline::keyFrameOf(std::uint64_t frame) const
{
    const std::lock_guard lock(mutex_);
    std::uint64_t key = frame;
    for (;;) {
        const auto index = indexLocked(key);
        if (index && !(index->flags & (kFrameDelta | kFrameBad)))
            return key;
        if (key == 0 || !index || !(index->flags & kFrameDelta))
            return frame;
        --key;
    }
}

std::uint64_t Timeline::sequenceOf(std::uint64_t frame) const
{
    const std::lock_guard lock(mutex_);
    const std::uint64_t frames = recording_.frames();
    if (frames == 0)
        return 0;
    const auto index = indexLocked(std::min(frame, frames - 1));
    return index ? index->sequence + (frame >= frames ? 1 : 0) : 0;
}

} // namespace dmaslab
