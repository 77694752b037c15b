// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <mutex>

#include <gst/gst.h>

#include "common/handles.h"
#include "dmaslab/pacing/monotonic_clock.h"

namespace dmaslab {

/**
 * Whether the clock is CLOCK_MONOTONIC itself, so that deadlines can be waited for without it: by futex, with
 * a spin tail, which a GstClock cannot do.
 */
[[nodiscard]] bool isSystemMonotonic(GstClock *clock);

/** Any other pipeline clock (network, audio, test) as the pacer sees time. */
class PipelineClock final : public MonotonicClock
{
public:
    explicit PipelineClock(GstClock *clock) : clock_(refObject(clock)) {}

    int64_t nowNs() noexcept override;
    void waitUntil(const std::atomic<uint32_t> &word, uint32_t expected,
                   int64_t deadlineNs) noexcept override;
    void wake(const std::atomic<uint32_t> &word) noexcept override;
    [[nodiscard]] GstClock *clock() const { return clock_.get(); }

private:
    ObjectPtr<GstClock> clock_;
    std::mutex mutex_;
    GstClockID waiting_ = nullptr; ///< guarded by mutex_
};

} // namespace dmaslab
