// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslabsrc/pipeline_clock.h"

#include <algorithm>

namespace dmaslab {

bool isSystemMonotonic(GstClock *clock)
{
    if (!clock || G_OBJECT_TYPE(clock) != GST_TYPE_SYSTEM_CLOCK)
        return false;
    GstClockType type = GST_CLOCK_TYPE_OTHER;
    g_object_get(clock, "clock-type", &type, nullptr);
    GstClockTime internal, external, numerator, denominator;
    gst_clock_get_calibration(clock, &internal, &external, &numerator, &denominator);
    return type == GST_CLOCK_TYPE_MONOTONIC && internal == external && numerator == denominator;
}

int64_t PipelineClock::nowNs() noexcept
{
    return static_cast<int64_t>(gst_clock_get_time(clock_.get()));
}

void PipelineClock::waitUntil(const std::atomic<uint32_t> &word, uint32_t expected,
                              int64_t deadlineNs) noexcept
{
    GstClockID id = gst_clock_new_single_shot_id(clock_.get(),
                                                 static_cast<GstClockTime>(std::max<int64_t>(deadlineNs, 0)));
    {
        std::lock_guard lock(mutex_);
        // Under the lock: a wake() before it changed the word, one after it finds the id.
        if (word.load(std::memory_order_acquire) != expected) {
            gst_clock_id_unref(id);
            return;
        }
        waiting_ = id;
    }
    gst_clock_id_wait(id, nullptr);
    {
        std::lock_guard lock(mutex_);
        waiting_ = nullptr;
    }
    gst_clock_id_unref(id);
}

void PipelineClock::wake(const std::atomic<uint32_t> &) noexcept
{
    std::lock_guard lock(mutex_);
    if (waiting_)
        gst_clock_id_unschedule(waiting_);
}

} // namespace dmaslab
