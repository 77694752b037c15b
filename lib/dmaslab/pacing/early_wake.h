// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cstdint>

namespace dmaslab {

/**
 * How long before a deadline to wake and spin: enough that 99 of 100 wakes, late as the kernel makes them,
 * still come before the deadline. The estimate follows the lateness seen, in steps weighted 99:1, and stays
 * within 20..200 µs and a tenth of the period, which bounds the CPU time spent.
 */
class EarlyWake
{
public:
    /** @p spinUs: -1 adaptive, 0 none, otherwise fixed. */
    EarlyWake(int spinUs, int64_t periodNs, int cpus) noexcept
        : adaptive_(spinUs < 0), most_(std::min<int64_t>(kMostNs, periodNs / kShareOfPeriod))
    {
        if (!adaptive_)
            now_ = std::min<int64_t>(int64_t(spinUs) * 1000, periodNs);
        else if (cpus > 1 && most_ >= kLeastNs)
            now_ = most_;
        else
            adaptive_ = false; // one CPU: spinning keeps others from it; short period: sleeping costs as much
    }

    [[nodiscard]] int64_t ns() const noexcept { return now_; }

    /** Tells how late the kernel woke us, against the moment we asked for. */
    void note(int64_t latenessNs) noexcept
    {
        if (adaptive_)
            now_ = std::clamp(now_ + (latenessNs > now_ ? kStepNs * 99 : -kStepNs), kLeastNs, most_);
    }

private:
    static constexpr int64_t kLeastNs = 20'000;
    static constexpr int64_t kMostNs = 200'000;
    static constexpr int64_t kShareOfPeriod = 10;
    static constexpr int64_t kStepNs = 20;

    bool adaptive_;
    int64_t most_;
    int64_t now_ = 0;
};

} // namespace dmaslab
