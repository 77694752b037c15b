// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/stats_timer.h"

#include <atomic>

#include <gst/check/gsttestclock.h>
#include <gtest/gtest.h>

#include "common/stats.h"

using namespace dmaslab;

namespace {

/** The system clock stands still and moves only when a test says so. */
class StatsTimerTest : public testing::Test
{
protected:
    void SetUp() override
    {
        clock_.reset(GST_TEST_CLOCK(gst_test_clock_new()));
        gst_system_clock_set_default(GST_CLOCK(clock_.get()));
        element_.reset(GST_ELEMENT(gst_object_ref_sink(gst_element_factory_make("identity", "counted"))));
        bus_.reset(gst_bus_new());
        gst_element_set_bus(element_.get(), bus_.get());
        timer_ = std::make_unique<StatsTimer>(element_.get(), [this] {
            ++collected_;
            return counters_.toStructure();
        });
    }

    void TearDown() override
    {
        timer_.reset();
        gst_element_set_bus(element_.get(), nullptr);
        gst_system_clock_set_default(nullptr);
    }

    /** One period passes and the clock has run its callback. */
    void tick()
    {
        GstClockID id = nullptr;
        gst_test_clock_wait_for_next_pending_id(clock_.get(), &id);
        gst_test_clock_set_time(clock_.get(), gst_clock_id_get_time(id));
        gst_clock_id_unref(gst_test_clock_process_next_clock_id(clock_.get()));
        gst_clock_id_unref(id);
    }

    MessagePtr message() { return MessagePtr(gst_bus_pop_filtered(bus_.get(), GST_MESSAGE_ELEMENT)); }

    ObjectPtr<GstTestClock> clock_;
    ObjectPtr<GstElement> element_;
    ObjectPtr<GstBus> bus_;
    FrameCounters counters_{LossReason::Queue};
    std::atomic<int> collected_{0};
    std::unique_ptr<StatsTimer> timer_;
};

} // namespace

TEST_F(StatsTimerTest, PostsEveryPeriodWithoutAStreamingThread)
{
    timer_->setInterval(100);
    timer_->start();
    counters_.countIn(3);
    tick();
    const auto first = message();
    ASSERT_TRUE(first);
    const GstStructure *stats = gst_message_get_structure(first.get());
    EXPECT_TRUE(gst_structure_has_name(stats, "dmaslab-stats"));
    EXPECT_STREQ(gst_structure_get_string(stats, "element"), "counted");
    guint64 in = 0;
    gst_structure_get_uint64(stats, "frames-in", &in);
    EXPECT_EQ(in, 3u);
    tick();
    EXPECT_TRUE(message());
    EXPECT_EQ(gst_clock_get_time(GST_CLOCK(clock_.get())), 200 * GST_MSECOND);
}

TEST_F(StatsTimerTest, IntervalZeroArmsNothing)
{
    timer_->start();
    EXPECT_EQ(gst_test_clock_peek_id_count(clock_.get()), 0u);
    timer_->post();
    EXPECT_TRUE(message());
}

TEST_F(StatsTimerTest, NothingIsCollectedAfterStop)
{
    timer_->setInterval(100);
    timer_->start();
    tick();
    timer_->stop();
    const int before = collected_;
    EXPECT_EQ(gst_test_clock_peek_id_count(clock_.get()), 0u);
    gst_test_clock_advance_time(clock_.get(), GST_SECOND);
    EXPECT_EQ(collected_, before);
}

TEST_F(StatsTimerTest, IntervalChangesWhileRunning)
{
    timer_->setInterval(100);
    timer_->start();
    timer_->setInterval(30);
    tick();
    EXPECT_TRUE(message());
    EXPECT_EQ(gst_clock_get_time(GST_CLOCK(clock_.get())), 30 * GST_MSECOND);
    timer_->setInterval(0);
    EXPECT_EQ(gst_test_clock_peek_id_count(clock_.get()), 0u);
}

TEST_F(StatsTimerTest, AHandlerMayStopTheTimerFromWithin)
{
    gst_bus_set_sync_handler(
        bus_.get(),
        [](GstBus *, GstMessage *, gpointer timer) {
            static_cast<StatsTimer *>(timer)->stop();
            return GST_BUS_PASS;
        },
        timer_.get(), nullptr);
    timer_->setInterval(100);
    timer_->start();
    tick();
    EXPECT_EQ(collected_, 1);
    // The clock may keep an id that was unscheduled inside its own callback; it must come to nothing.
    if (gst_test_clock_peek_id_count(clock_.get()) > 0)
        tick();
    EXPECT_EQ(collected_, 1);
}

TEST_F(StatsTimerTest, RestartsAfterStop)
{
    timer_->setInterval(100);
    timer_->start();
    timer_->stop();
    timer_->start();
    tick();
    EXPECT_TRUE(message());
}

TEST(StatsTimerWithTheRealClock, StartAndStopInAnyRhythmLeavesNoCallbackBehind)
{
    const ObjectPtr<GstElement> element(
        GST_ELEMENT(gst_object_ref_sink(gst_element_factory_make("identity", nullptr))));
    const FrameCounters counters{LossReason::Queue};
    std::atomic<bool> allowed{false};
    std::atomic<int> collected{0};
    for (int round = 0; round < 300; ++round) {
        StatsTimer timer(element.get(), [&] {
            EXPECT_TRUE(allowed);
            ++collected;
            return counters.toStructure();
        });
        allowed = true;
        timer.setInterval(1);
        timer.start();
        if (round % 30 == 0) {
            const int before = collected;
            while (collected == before)
                g_thread_yield();
        }
        timer.stop();
        allowed = false;
    }
}
