// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cstdint>

#include "dmaslab/ring/cpu.h"
#include "dmaslab/ring/futex.h"

namespace dmaslab {

/**
 * Looks for a condition before a streaming thread goes to sleep; one object per thread.
 *
 * Two threads that hand over a buffer per microsecond are in step: each finds what it waits for within a few
 * buffers' time. Once disturbed they can fall into a rhythm of sleeping and waking, a stable state ten times
 * slower, since each wake comes so late that the other side has gone to sleep as well. The doorbell's own
 * look shrinks with every failure and cannot leave it. So a thread out of step does not look at all, except
 * that ever more rarely it tries a few times with looks that outlast a wake: enough to get in step again,
 * next to nothing where the frames are simply far apart or the core is shared with somebody else.
 */
class ShortLook
{
public:
    template <typename Condition>
    bool operator()(Condition &&condition) noexcept
    {
        if (!worthIt_)
            return condition();
        if (tries_ == 0 && credit_ == 0 && ++skipped_ < interval_)
            return condition();
        const bool trying = credit_ == 0;
        if (trying && tries_ == 0) {
            tries_ = triesInARow;
            skipped_ = 0;
            interval_ = std::min(interval_ * 2, mostInterval);
        }
        const auto start = monotonicNowNs();
        const bool found = look(condition, start + (trying ? wakeNs : inStepNs));
        if (!trying)
            credit_ = found ? std::min(credit_ + 1, mostCredit) : std::max(credit_ - costOfFailure, 0);
        else if (!found)
            tries_ = 0;
        else if (--tries_, monotonicNowNs() - start < inStepNs)
            getInStep();
        return found;
    }

private:
    static constexpr std::int64_t inStepNs = 8'000;
    static constexpr std::int64_t wakeNs = 60'000;
    static constexpr int triesInARow = 8;
    static constexpr std::uint32_t leastInterval = 8;
    static constexpr std::uint32_t mostInterval = 128;
    static constexpr int mostCredit = 16;
    static constexpr int costOfFailure = 4;

    void getInStep() noexcept
    {
        credit_ = mostCredit / 2;
        tries_ = 0;
        interval_ = leastInterval;
    }

    template <typename Condition>
    static bool look(Condition &condition, std::int64_t until) noexcept
    {
        do {
            for (int i = 0; i < 16; ++i) {
                if (condition())
                    return true;
                cpuRelax();
            }
        } while (monotonicNowNs() < until);
        return false;
    }

    const bool worthIt_ = usableCpus() > 1;
    int credit_ = mostCredit;
    int tries_ = 0;
    std::uint32_t skipped_ = 0;
    std::uint32_t interval_ = leastInterval;
};

} // namespace dmaslab
