// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
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

    /** Takes the next loss in when it is a neighbour with the same reason, or in any case if it is `forced`
     * to. */
    bool absorb(const Loss &next, bool forced = false) noexcept;
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
/** Whether the event is one of the two, of whichever element. */
[[nodiscard]] bool isLedgerEvent(GstEvent *event) noexcept;
/** Nothing when the event is another one or malformed. */
[[nodiscard]] std::optional<Loss> parseLossEvent(GstEvent *event);
[[nodiscard]] std::optional<Skip> parseSkipEvent(GstEvent *event);

/**
 * Collects losses until they can be sent; neighbours become one entry. Not thread-safe: it belongs to the
 * streaming thread, or to the lock of its owner.
 */
class LossLedger
{
public:
    /** Past this many entries the last one of a reason widens, with an exact count, instead of memory growing
     * without end: a branch stalled for hours behind a thinned stream loses frames that are no neighbours. */
    static constexpr std::size_t maxEntries = 65536;

    void record(LossReason reason, std::uint64_t first, std::uint64_t last,
                GstClockTime time = GST_CLOCK_TIME_NONE);
    void record(const Loss &loss);

    [[nodiscard]] bool empty() const noexcept { return losses_.empty(); }
    [[nodiscard]] std::vector<Loss> takePending() { return std::exchange(losses_, {}); }
    void clear() noexcept { losses_.clear(); }

private:
    std::vector<Loss> losses_;
};

/** What is pending, as events ready to push before the next buffer or EOS. */
[[nodiscard]] std::vector<EventPtr> takeLossEvents(LossLedger &ledger, GstElement *element);

/**
 * The number of a frame as its source counts them: the OFFSET, unless that counts bytes. Nothing when the
 * stream carries no numbers: then the element counts by itself.
 */
[[nodiscard]] std::optional<std::uint64_t> frameSequence(GstBuffer *buffer) noexcept;

/** What a QoS message says about the frame it is posted for. */
struct FrameTimes
{
    GstClockTime runningTime = GST_CLOCK_TIME_NONE;
    GstClockTime streamTime = GST_CLOCK_TIME_NONE;
    GstClockTime timestamp = GST_CLOCK_TIME_NONE;
    GstClockTime duration = GST_CLOCK_TIME_NONE;
};

/** NONE when the segment is not in time. */
[[nodiscard]] GstClockTime runningTime(const GstSegment &segment, GstClockTime timestamp) noexcept;
[[nodiscard]] FrameTimes frameTimes(const GstSegment &segment, GstBuffer *buffer);

/** Posts a QoS message with buffer counts. Once per run of losses: messages per frame drown a bus. */
void postLossQos(GstElement *element, bool live, const FrameTimes &times, std::uint64_t processed,
                 std::uint64_t dropped);

/** Sets DISCONT on a buffer, which is shallow-copied (memory shared, pixels untouched) if others hold it. */
[[nodiscard]] BufferPtr markDiscont(BufferPtr buffer);

} // namespace dmaslab
