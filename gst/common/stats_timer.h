// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <memory>

#include <gst/gst.h>

#include "common/handles.h"

namespace dmaslab {

/**
 * Property `stats-interval`: posts the element message `dmaslab-stats` (the stats and the field `element`)
 * from the system clock's thread, so that a stalled streaming thread cannot silence it. Interval 0 posts only
 * where the element calls post(): at EOS and at stop.
 */
class StatsTimer
{
public:
    using Collect = std::function<StructurePtr()>;

    /** @param element owns this timer; @param collect makes the stats, on any thread */
    StatsTimer(GstElement *element, Collect collect);
    ~StatsTimer();
    StatsTimer(const StatsTimer &) = delete;
    StatsTimer &operator=(const StatsTimer &) = delete;

    static void installProperty(GObjectClass *klass, guint id);
    void setInterval(guint milliseconds);
    [[nodiscard]] guint interval() const;

    /** On the way to PAUSED. */
    void start();
    /** On the way to READY. Once it returns, collect is called no more (except by post). */
    void stop();
    /** Posts now, on the calling thread. */
    void post();

private:
    class Ticker;
    std::shared_ptr<Ticker> ticker_; ///< shared with the clock, which may drop its callback late
};

} // namespace dmaslab
