// SPDX-License-Identifier: LGPL-2.1-or-later
// A stopped timer stays stopped, whatever else happens to it at that moment.
#include "common/stats_timer.h"

#include <thread>

#include <gst/check/gsttestclock.h>
#include <gtest/gtest.h>

#include "common/stats.h"

using namespace dmaslab;

TEST(StatsTimerStop, OutlivesAChangeOfTheIntervalThatCameJustBefore)
{
    const ObjectPtr<GstTestClock> clock(GST_TEST_CLOCK(gst_test_clock_new()));
    gst_system_clock_set_default(GST_CLOCK(clock.get()));
    const ObjectPtr<GstElement> element(
        GST_ELEMENT(gst_object_ref_sink(gst_element_factory_make("identity", nullptr))));
    const FrameCounters counters{LossReason::Queue};
    std::unique_ptr<StatsTimer> timer;
    std::thread changer;
    int collected = 0;
    timer = std::make_unique<StatsTimer>(element.get(), [&] {
        if (++collected > 1)
            return counters.toStructure();
        changer = std::thread([&] { timer->setInterval(7); });
        while (timer->interval() != 7)
            g_usleep(100);
        timer->stop();
        return counters.toStructure();
    });
    timer->setInterval(5);
    timer->start();
    GstClockID id = nullptr;
    gst_test_clock_wait_for_next_pending_id(clock.get(), &id);
    gst_test_clock_set_time(clock.get(), gst_clock_id_get_time(id));
    gst_clock_id_unref(gst_test_clock_process_next_clock_id(clock.get()));
    gst_clock_id_unref(id);
    changer.join();
    // Whatever the clock still has must not come back to us.
    gst_test_clock_advance_time(clock.get(), GST_SECOND);
    for (guint left = gst_test_clock_peek_id_count(clock.get()); left > 0; --left)
        gst_clock_id_unref(gst_test_clock_process_next_clock_id(clock.get()));
    EXPECT_EQ(collected, 1);
    timer.reset();
    gst_system_clock_set_default(nullptr);
}
