// SPDX-License-Identifier: LGPL-2.1-or-later
// Code of others may run whenever something is let go of: then no lock of ours may be held.
#include "source_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

TEST(Locks, TheLastReferenceToAClockIsDroppedWithoutOne)
{
    SourceBench bench("backend=test");
    GstClock *passing = gst_test_clock_new_with_start_time(SourceBench::epoch);
    std::atomic<bool> gone{false};
    struct Context
    {
        SourceBench &bench;
        std::atomic<bool> &gone;
    } context{bench, gone};
    g_object_weak_ref(
        G_OBJECT(passing),
        [](gpointer data, GObject *) {
            auto &asked = *static_cast<Context *>(data);
            (void)asked.bench.stats(); // as an application's handler might
            asked.gone = true;
        },
        &context);
    bench.play();
    bench.waitForFrames(1);
    bench.awaitWaiting();
    // The source takes it over with its next frame, and lets go of it with the one after the change back.
    gst_element_set_clock(bench.element(), passing);
    gst_object_unref(passing);
    bench.tick();
    bench.waitUntil([&] { return gst_test_clock_peek_id_count(GST_TEST_CLOCK(passing)) == 1; },
                    "the source to wait on the other clock");
    gst_element_set_clock(bench.element(), GST_CLOCK(bench.clock()));
    gst_test_clock_advance_time(GST_TEST_CLOCK(passing), GST_SECOND);
    gst_clock_id_unref(gst_test_clock_process_next_clock_id(GST_TEST_CLOCK(passing)));
    bench.waitUntil([&] { return gone.load(); }, "the clock to go");
}
