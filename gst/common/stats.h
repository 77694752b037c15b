// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string>

#include <gst/gst.h>

#include "common/handles.h"
#include "common/loss_reason.h"

namespace dmaslab {

/** Name of the `stats` structure and of the element message that carries it. */
inline constexpr const char *statsName = "dmaslab-stats";

/**
 * The counters every element has. Conservation holds in each snapshot: in = out + dropped + in flight.
 * A frame is counted in before it is handed on and out after it has left; one thinned out on purpose is only
 * skipped, never in. All functions may be called on any thread.
 */
class FrameCounters
{
public:
    /** The reasons this element can have; each shows up in the stats, also at zero. */
    FrameCounters(std::initializer_list<LossReason> reasons);

    void countIn(std::uint64_t frames = 1) noexcept { in_.fetch_add(frames, std::memory_order_relaxed); }
    /** A frame that was counted in is handed back: it stays with who brought it. */
    void countRefused() noexcept { in_.fetch_sub(1, std::memory_order_relaxed); }
    void countOut(std::uint64_t bytes, std::uint64_t frames = 1) noexcept;
    void countDropped(LossReason reason, std::uint64_t frames = 1) noexcept;
    void countSkipped(std::uint64_t frames = 1) noexcept
    {
        skipped_.fetch_add(frames, std::memory_order_relaxed);
    }
    void countCopied(std::uint64_t bytes) noexcept
    {
        bytesCopied_.fetch_add(bytes, std::memory_order_relaxed);
    }

    struct Snapshot
    {
        std::uint64_t in, out, dropped, skipped, bytes, bytesCopied, elapsed;
        std::array<std::uint64_t, lossReasonCount> droppedFor;
        [[nodiscard]] std::uint64_t inFlight() const noexcept { return in - out - dropped; }
    };
    [[nodiscard]] Snapshot snapshot() const noexcept;
    [[nodiscard]] std::uint64_t framesInFlight() const noexcept { return snapshot().inFlight(); }
    [[nodiscard]] std::uint64_t dropped(LossReason reason) const noexcept;

    /** Back to zero, and `elapsed` runs. Not while frames are counted. */
    void start() noexcept;
    /** `elapsed` stands still; the counts stay readable until the next start. */
    void stop() noexcept;

    /** Writes the common vocabulary into `stats`; an element adds its own fields after it. */
    void appendTo(GstStructure *stats) const;
    [[nodiscard]] StructurePtr toStructure() const;

private:
    static constexpr std::size_t cacheLine = 64;

    // The side that takes in and the side that hands out are usually two threads.
    alignas(cacheLine) std::atomic<std::uint64_t> in_{0};
    alignas(cacheLine) std::atomic<std::uint64_t> out_{0};
    std::atomic<std::uint64_t> bytes_{0};
    alignas(cacheLine) std::array<std::atomic<std::uint64_t>, lossReasonCount> dropped_{};
    std::atomic<std::uint64_t> skipped_{0};
    std::atomic<std::uint64_t> bytesCopied_{0};
    std::atomic<std::int64_t> startedAt_{0}; ///< monotonic ns, 0: never
    std::atomic<std::int64_t> stoppedAt_{0}; ///< 0: running
    std::uint32_t reasons_ = 0;              ///< bit per LossReason
};

/** Installs the read-only boxed property `stats`; `own` describes the fields that only this element has. */
void installStatsProperty(GObjectClass *klass, guint id, const std::string &own = "");

} // namespace dmaslab
