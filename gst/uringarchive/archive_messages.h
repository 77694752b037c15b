// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>

#include <gst/gst.h>

#include "dmaslab/archive/writer.h"

namespace dmaslab {

inline constexpr const char *segmentOpenedName = "dmaslab-segment-opened";
inline constexpr const char *segmentClosedName = "dmaslab-segment-closed";
inline constexpr const char *recordingOpenedName = "dmaslab-recording-opened";
inline constexpr const char *recordingClosedName = "dmaslab-recording-closed";

/** @param runningTime of the newest frame when it opens, of its last one when it closes */
void postSegmentMessage(GstElement *element, const char *name, const SegmentEvent &segment,
                        GstClockTime runningTime);

/** What applications want to know of a recording as it opens and closes. */
struct RecordingNews
{
    std::string location;
    std::string numpy; ///< the line that opens its first segment
    std::string layout;
    std::uint64_t frames = 0; ///< durable
    std::uint64_t lost = 0;   ///< taken in, and lost on the way to the disk
    std::optional<std::uint64_t> firstSequence, lastSequence;
};

void postRecordingMessage(GstElement *element, const char *name, const RecordingNews &news);

} // namespace dmaslab
