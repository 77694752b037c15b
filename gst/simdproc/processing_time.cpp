// SPDX-License-Identifier: LGPL-2.1-or-later
#include "simdproc/processing_time.h"

#include <algorithm>

namespace dmaslab {

bool ProcessingTime::record(std::int64_t ns)
{
    times_.record(ns);
    if (++frames_ > kWindow)
        frames_ = slow_ = 0;
    const auto time = GstClockTime(ns);
    if (time <= latency())
        return false;
    leastOfSlow_ = slow_ == 0 ? time : std::min(leastOfSlow_, time);
    if (++slow_ < kSlow)
        return false;
    GstClockTime grown = kLeast;
    while (grown < leastOfSlow_)
        grown *= 2;
    latency_.store(grown, std::memory_order_relaxed);
    frames_ = slow_ = 0;
    return true;
}

void ProcessingTime::reset()
{
    times_.reset();
    latency_.store(0, std::memory_order_relaxed);
    frames_ = slow_ = 0;
}

} // namespace dmaslab
