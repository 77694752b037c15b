// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchivesrc/clock_wait.h"

namespace dmaslab {

bool ClockWait::until(GstClock *clock, GstClockTime time)
{
    const GstClockID id = gst_clock_new_single_shot_id(clock, time);
    {
        const std::lock_guard lock(mutex_);
        if (!interrupted_)
            waiting_ = id;
    }
    // One that was unscheduled before it waits returns at once, so nothing is missed in between.
    bool completed = false;
    if (waiting_)
        completed = gst_clock_id_wait(id, nullptr) != GST_CLOCK_UNSCHEDULED;
    {
        const std::lock_guard lock(mutex_);
        waiting_ = nullptr;
    }
    gst_clock_id_unref(id);
    return completed;
}

void ClockWait::setInterrupted(bool interrupted)
{
    const std::lock_guard lock(mutex_);
    interrupted_ = interrupted;
    if (interrupted && waiting_)
        gst_clock_id_unschedule(waiting_);
}

} // namespace dmaslab
