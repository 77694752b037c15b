// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <mutex>
#include <optional>

#include <gst/gst.h>

#include "dmaslab/archive/reader.h"

namespace dmaslab {

/**
 * Which frame is when. Has a recording of its own, so that queries on any thread need not wait for the
 * streaming thread; frames are numbered as that one sees them after the same refresh().
 */
class Timeline
{
public:
    explicit Timeline(Recording recording);

    void refresh();
    [[nodiscard]] std::uint64_t frames() const;
    /** When the frame is shown; of the frame behind the last one: when that ends. */
    [[nodiscard]] std::optional<GstClockTime> timeOf(std::uint64_t frame) const;
    /** The frame that is shown at a time, or the next one; frames() behind the end. Nothing: no times. */
    [[nodiscard]] std::optional<std::uint64_t> frameAt(GstClockTime time) const;
    [[nodiscard]] std::optional<GstClockTime> begin() const { return timeOf(0); }
    [[nodiscard]] std::optional<GstClockTime> end() const;
    /** Where decoding has to begin for this frame to be seen. */
    [[nodiscard]] std::uint64_t keyFrameOf(std::uint64_t frame) const;
    /** The number of a frame in the stream; of the one behind the last: the next number. */
    [[nodiscard]] std::uint64_t sequenceOf(std::uint64_t frame) const;

private:
    [[nodiscard]] std::optional<GstClockTime> timeLocked(std::uint64_t frame) const;
    [[nodiscard]] std::optional<IndexRecord> indexLocked(std::uint64_t frame) const;
    [[nodiscard]] GstClockTime durationLocked(std::uint64_t frame) const;

    mutable std::mutex mutex_;
    Recording recording_;
};

} // namespace dmaslab
