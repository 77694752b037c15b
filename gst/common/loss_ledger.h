// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <gst/gst.h>

#include "common/handles.h"
#include "common/loss_reason.h"

/**
 * Losses travel with the stream: whoever loses frames sends, before its next buffer or EOS, a serialized
 * downstream event that names them. Frames thinned out on purpose are announced likewise and are no loss.
 */
namespace dmaslab {

inline constexpr const char *lossEventName = "dmaslab-loss";
inline constexpr const char *skipEventName = "dmaslab-skip";

/** Frames first..last are gone; count is smaller than the range when some numbers in it were never lost here.
 */
struct Loss
{
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t count = 0;
    LossReason reason = LossReason::Error;
    GstClockTime time = GST_CLOCK_TIME_NONE; ///< running time of the first one
    std::string element;                     ///< who lost them; set by the event
};

struct Skip
{
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t count = 0;
    GstClockTime time = GST_CLOCK_TIME_NONE;
    std::string element;
};

[[nodiscard]] EventPtr newLossEvent(GstElement *element, const Loss &loss);
[[nodiscard]] EventPtr newSkipEvent(GstElement *element, const Skip &skip);
/** Nothing when the event is another one or malformed. */
[[nodiscard]] std::optional<Loss> parseLossEvent(GstEvent *event);
[[nodiscard]] std::optional<Skip> parseSkipEvent(GstEvent *event);

/**
 * Collects losses until they can be sent. Neighbours with the same reason become one entry. Not thread-safe:
 * it belongs to the streaming thread, or to the lock of its owner.
 */
class LossLedger
{
public:
    /**
     * @param before the position in the stream the loss precedes, for queues that learn of a loss long before
     *               its place comes up; others leave it out
     */
    void record(LossReason reason, std::uint64_t first, std::uint64_t last, GstClockTime time,
                std::uint64_t before = 0);

    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    /** Takes out what precedes position `upTo`, in order of position. */
    [[nodiscard]] std::vector<Loss>
    takePending(std::uint64_t upTo = std::numeric_limits<std::uint64_t>::max());
    /** The stream position begins anew (flush, restart): what is pending precedes whatever comes next. */
    void rebase(std::uint64_t before) noexcept;
    void clear() noexcept { entries_.clear(); }

private:
    struct Entry
    {
        std::uint64_t before;
        Loss loss;
    };
    std::deque<Entry> entries_; ///< ordered by `before`
};

/** The same, as events ready to push. */
[[nodiscard]] std::vector<EventPtr>
takeLossEvents(LossLedger &ledger, GstElement *element,
               std::uint64_t upTo = std::numeric_limits<std::uint64_t>::max());

/** What a QoS message says about the frame it is posted for. */
struct FrameTimes
{
    GstClockTime runningTime = GST_CLOCK_TIME_NONE;
    GstClockTime streamTime = GST_CLOCK_TIME_NONE;
    GstClockTime timestamp = GST_CLOCK_TIME_NONE;
    GstClockTime duration = GST_CLOCK_TIME_NONE;
};

[[nodiscard]] FrameTimes frameTimes(const GstSegment &segment, GstBuffer *buffer);

/** Posts a QoS message with buffer counts. Once per run of losses: messages per frame drown a bus. */
void postLossQos(GstElement *element, bool live, const FrameTimes &times, std::uint64_t processed,
                 std::uint64_t dropped);

/** Sets DISCONT on a buffer, which is shallow-copied (memory shared, pixels untouched) if others hold it. */
[[nodiscard]] BufferPtr markDiscont(BufferPtr buffer);

} // namespace dmaslab
