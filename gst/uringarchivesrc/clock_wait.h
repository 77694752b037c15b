// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <mutex>

#include <gst/gst.h>

namespace dmaslab {

/** A wait for a time of the pipeline's clock that another thread can end. */
class ClockWait
{
public:
    /** False when interrupted, before or meanwhile. */
    [[nodiscard]] bool until(GstClock *clock, GstClockTime time);
    void setInterrupted(bool interrupted);

private:
    std::mutex mutex_;
    bool interrupted_ = false;
    GstClockID waiting_ = nullptr;
};

} // namespace dmaslab
