// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>

#include "dmaslab/export.h"

namespace dmaslab {

/** Time as the pacer sees it: nanoseconds of CLOCK_MONOTONIC, or of a test's script. */
class DMASLAB_EXPORT MonotonicClock
{
public:
    virtual ~MonotonicClock() = default;

    [[nodiscard]] virtual int64_t nowNs() noexcept = 0;
    /** Sleeps while @p word holds @p expected, at most until the deadline; may return early for no reason. */
    virtual void waitUntil(const std::atomic<uint32_t> &word, uint32_t expected,
                           int64_t deadlineNs) noexcept = 0;
    /** Wakes who waits on @p word; change it first. */
    virtual void wake(const std::atomic<uint32_t> &word) noexcept = 0;
};

/** CLOCK_MONOTONIC. A futex wait has the same high-resolution timer as clock_nanosleep and can be
 * interrupted. */
DMASLAB_EXPORT MonotonicClock &systemMonotonicClock() noexcept;

} // namespace dmaslab
