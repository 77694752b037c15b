// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>

#include <gst/gst.h>

#include "dmaslab/pacing/lateness_histogram.h"

namespace dmaslab {

/**
 * How long frames take, and the latency that the pipeline is told. That only grows, and a sink delays every
 * frame by it: so it grows in steps of two, and not for a frame or two that the scheduler held up.
 */
class ProcessingTime
{
public:
    static constexpr GstClockTime kLeast = 62'500; ///< a sixteenth of a millisecond
    static constexpr unsigned kWindow = 256;       ///< frames
    static constexpr unsigned kSlow = 3;           ///< so many of a window that are slower make it grow

    /** The processing thread: true when the latency has grown. */
    [[nodiscard]] bool record(std::int64_t ns);
    void reset();

    [[nodiscard]] GstClockTime latency() const { return latency_.load(std::memory_order_relaxed); }
    [[nodiscard]] LatenessHistogram::Summary summary() const { return times_.summary(); }

private:
    LatenessHistogram times_;
    std::atomic<GstClockTime> latency_{0};
    unsigned frames_ = 0, slow_ = 0;
    GstClockTime leastOfSlow_ = 0;
};

} // namespace dmaslab
