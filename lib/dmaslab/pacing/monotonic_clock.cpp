// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/pacing/monotonic_clock.h"

#include "dmaslab/ring/futex.h"

namespace dmaslab {
namespace {

class SystemClock final : public MonotonicClock
{
public:
    int64_t nowNs() noexcept override { return monotonicNowNs(); }
    void waitUntil(const std::atomic<uint32_t> &word, uint32_t expected, int64_t deadlineNs) noexcept override
    {
        futexWait(word, expected, deadlineNs);
    }
    void wake(const std::atomic<uint32_t> &word) noexcept override { futexWake(word, INT32_MAX); }
};

} // namespace

MonotonicClock &systemMonotonicClock() noexcept
{
    static SystemClock clock;
    return clock;
}

} // namespace dmaslab
