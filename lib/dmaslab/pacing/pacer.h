// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>

#include "dmaslab/export.h"
#include "dmaslab/pacing/early_wake.h"
#include "dmaslab/pacing/frame_rate.h"
#include "dmaslab/pacing/lateness_histogram.h"
#include "dmaslab/pacing/monotonic_clock.h"

namespace dmaslab {

enum class OnOverrun : uint8_t
{
    Skip,  ///< leave out the deadlines that passed and go on with the next one of the grid
    Burst, ///< leave out nothing: late frames follow each other at once until caught up
};

struct PacerOptions
{
    OnOverrun onOverrun = OnOverrun::Skip;
    int spinUs = -1; ///< wake early and spin: -1 adaptive, 0 never, otherwise this long
    int cpus = 0;    ///< CPUs there are to spin on; 0: ask the system
};

struct PaceResult
{
    enum class Status : uint8_t
    {
        OnTime,      ///< the deadline was waited for
        Late,        ///< it had passed when waitFor() was called, or others before it were missed
        Interrupted, ///< no frame now
    };
    Status status = Status::Interrupted;
    uint64_t frame = 0;     ///< the frame that is due: the one asked for, or a later one after a skip
    uint64_t missed = 0;    ///< how many frames were skipped, from the one asked for to frame - 1
    int64_t deadlineNs = 0; ///< of that frame
    int64_t latenessNs = 0; ///< return minus deadline
};

/**
 * Releases frames at base + n * period on CLOCK_MONOTONIC. One thread waits; rebase, interrupt and the
 * counters may be used from any thread. No allocation, no lock.
 */
class DMASLAB_EXPORT Pacer
{
public:
    explicit Pacer(FrameRate rate, PacerOptions options = {},
                   MonotonicClock &clock = systemMonotonicClock()) noexcept;
    Pacer(const Pacer &) = delete;
    Pacer &operator=(const Pacer &) = delete;

    /** Frame 0 is due at @p baseNs from now on. A wait under way is computed anew. */
    void rebase(int64_t baseNs) noexcept;

    /** Waits until frame @p frame is due. Numbers increase from call to call; after a skip go on with
     * result.frame + 1. */
    [[nodiscard]] PaceResult waitFor(uint64_t frame) noexcept;

    /** Ends the wait and every later one until reset(). */
    void interrupt() noexcept;
    void reset() noexcept;

    [[nodiscard]] int64_t deadlineNs(uint64_t frame) const noexcept;
    [[nodiscard]] const FrameRate &rate() const noexcept { return rate_; }
    [[nodiscard]] const LatenessHistogram &lateness() const noexcept { return lateness_; }
    [[nodiscard]] uint64_t lateFrames() const noexcept { return late_.load(std::memory_order_relaxed); }
    [[nodiscard]] uint64_t missedFrames() const noexcept { return missed_.load(std::memory_order_relaxed); }

private:
    bool sleepAndSpin(uint32_t seen, int64_t due, int64_t &now) noexcept;
    PaceResult release(PaceResult result, int64_t due, int64_t now) noexcept;

    const FrameRate rate_;
    const OnOverrun onOverrun_;
    MonotonicClock &clock_;
    EarlyWake early_;
    std::atomic<int64_t> base_{0};
    std::atomic<uint32_t> word_{0}; ///< bit 0: interrupted; the rest counts rebases
    std::atomic<uint64_t> late_{0};
    std::atomic<uint64_t> missed_{0};
    LatenessHistogram lateness_;
};

} // namespace dmaslab
