// SPDX-License-Identifier: LGPL-2.1-or-later
// dmaslabsrc: deadlines missed and frames flushed are counted, named, marked and told.
#include "common/loss_ledger.h"
#include "source_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

using Story = std::vector<std::string>;

/** Frame 1 arrives and its branch stalls until `periods` deadlines more have passed. */
void stallFor(SourceBench &bench, int periods)
{
    bench.play();
    bench.waitForFrames(1);
    bench.shut();
    bench.tick();
    bench.waitForFrames(2);
    bench.advance(GstClockTime(periods) * 10 * GST_MSECOND);
    bench.open();
}

} // namespace

TEST(DmaSlabSrcLosses, MissedDeadlinesAreSkippedAndNamedBeforeTheNextBuffer)
{
    SourceBench bench("backend=test");
    stallFor(bench, 5);
    bench.waitForFrames(3);
    bench.tick();
    bench.waitForFrames(4);
    EXPECT_EQ(bench.story(), (Story{"b0!", "b1", "loss 2-5 overrun", "b6!", "b7"}));
    EXPECT_EQ(bench.arrivals()[2].pts, 60 * GST_MSECOND);
    EXPECT_EQ(bench.stat("dropped-overrun"), 4u);
    EXPECT_EQ(bench.stat("frames-in"), 8u);
    bench.expectConservation();
}

TEST(DmaSlabSrcLosses, ARunOfThemPostsOneQosMessage)
{
    SourceBench bench("backend=test");
    stallFor(bench, 5);
    bench.waitForFrames(3);
    const auto messages = bench.popAll(GST_MESSAGE_QOS);
    ASSERT_EQ(messages.size(), 1u);
    gboolean live = FALSE;
    guint64 runningTime = 0, dropped = 0;
    GstFormat format = GST_FORMAT_UNDEFINED;
    gst_message_parse_qos(messages[0].get(), &live, &runningTime, nullptr, nullptr, nullptr);
    gst_message_parse_qos_stats(messages[0].get(), &format, nullptr, &dropped);
    EXPECT_TRUE(live);
    EXPECT_EQ(runningTime, 20 * GST_MSECOND);
    EXPECT_EQ(format, GST_FORMAT_BUFFERS);
    EXPECT_GE(dropped, 1u);
}

TEST(DmaSlabSrcLosses, TheNextRunPostsAnother)
{
    SourceBench bench("backend=test");
    stallFor(bench, 5);
    bench.waitForFrames(3);
    bench.shut();
    bench.tick();
    bench.waitForFrames(4);
    bench.advance(30 * GST_MSECOND);
    bench.open();
    bench.waitForFrames(5);
    EXPECT_EQ(bench.popAll(GST_MESSAGE_QOS).size(), 2u);
    EXPECT_EQ(bench.story().back(), "b10!");
}

TEST(DmaSlabSrcLosses, ALateFrameWithinItsPeriodIsNoLoss)
{
    SourceBench bench("backend=test");
    bench.play();
    bench.waitForFrames(1);
    bench.shut();
    bench.tick();
    bench.waitForFrames(2);
    bench.advance(15 * GST_MSECOND); // frame 2 is late by half a period
    bench.open();
    bench.waitForFrames(3);
    EXPECT_EQ(bench.story(), (Story{"b0!", "b1", "b2"}));
    EXPECT_EQ(bench.stat("late"), 1u);
    EXPECT_EQ(bench.stat("dropped"), 0u);
}

TEST(DmaSlabSrcLosses, BurstDeliversWhatWasMissedWithItsOwnTimes)
{
    SourceBench bench("backend=test on-overrun=burst");
    stallFor(bench, 5);
    bench.waitForFrames(7);
    EXPECT_EQ(bench.story(), (Story{"b0!", "b1", "b2", "b3", "b4", "b5", "b6"}));
    const auto arrivals = bench.arrivals();
    for (std::size_t i = 0; i < arrivals.size(); ++i)
        EXPECT_EQ(arrivals[i].pts, i * 10 * GST_MSECOND);
    EXPECT_EQ(bench.stat("dropped"), 0u);
}

TEST(DmaSlabSrcLosses, AFlushIsAReasonToo)
{
    SourceBench bench("backend=test");
    bench.play();
    bench.waitForFrames(1);
    bench.awaitWaiting();
    bench.pause();
    bench.tick(); // frame 1 now waits in the base class for PLAYING
    bench.waitForStat("frames-in", 2);
    bench.expectConservation(1);
    gst_element_send_event(bench.element(), gst_event_new_flush_start());
    gst_element_send_event(bench.element(), gst_event_new_flush_stop(FALSE));
    bench.resume();
    bench.tick();
    bench.waitForFrames(2);
    const Story told = bench.story();
    EXPECT_EQ(told, (Story{"b0!", "loss 1-1 flush", "b2!"}));
    EXPECT_EQ(bench.stat("dropped-flush"), 1u);
    bench.expectConservation();
}

TEST(DmaSlabSrcLosses, WhatAFlushThrewAwayIsStillNamedAfterIt)
{
    SourceBench bench("backend=test slabs=3");
    bench.play();
    bench.waitForFrames(1);
    bench.shut();
    bench.tick();
    bench.waitForFrames(2);
    bench.advance(50 * GST_MSECOND);
    bench.pause();
    bench.open(); // the source now finds four deadlines missed, and waits for PLAYING first
    gst_element_send_event(bench.element(), gst_event_new_flush_start());
    gst_element_send_event(bench.element(), gst_event_new_flush_stop(FALSE));
    bench.resume();
    bench.waitForFrames(3);
    std::uint64_t named = 0;
    std::uint64_t expected = 0;
    for (const std::string &line : bench.story()) {
        if (line.starts_with("b")) {
            EXPECT_EQ(std::stoull(line.substr(1)), expected) << line;
            ++expected;
        } else if (line.starts_with("loss")) {
            const auto first = std::stoull(line.substr(5));
            const auto last = std::stoull(line.substr(line.find('-') + 1));
            EXPECT_EQ(first, expected) << line;
            named += last - first + 1;
            expected = last + 1;
        }
    }
    EXPECT_EQ(bench.stat("dropped"), named);
    bench.expectConservation();
}

TEST(DmaSlabSrcLosses, AFrameInHandAtTheStopIsCountedAsFlushed)
{
    SourceBench bench("backend=test");
    bench.play();
    bench.waitForFrames(1);
    bench.awaitWaiting();
    bench.pause();
    bench.tick();
    bench.waitForStat("frames-in", 2);
    bench.stop();
    EXPECT_EQ(bench.stat("dropped-flush"), 1u);
    bench.expectConservation();
}

TEST(DmaSlabSrcLosses, WhatIsPendingGoesOutBeforeAnEosFromOutside)
{
    SourceBench bench("backend=test slabs=2");
    bench.keep(true);
    bench.play();
    bench.waitForFrames(1);
    bench.tick();
    bench.waitForFrames(2);
    bench.tick(3);
    bench.waitForStat("dropped-starved", 3);
    gst_element_send_event(bench.element(), gst_event_new_eos());
    bench.waitForLog("eos");
    EXPECT_EQ(bench.story(), (Story{"b0!", "b1", "loss 2-4 starved", "eos"}));
    bench.expectConservation();
}

TEST(DmaSlabSrcLosses, AFrameThatAnEosFromOutsideThrewAwayIsNamedBeforeIt)
{
    SourceBench bench("backend=test");
    bench.play();
    bench.waitForFrames(1);
    bench.awaitWaiting();
    bench.pause();
    bench.tick();
    bench.waitForStat("frames-in", 2);
    gst_element_send_event(bench.element(), gst_event_new_eos());
    bench.resume();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.story(), (Story{"b0!", "loss 1-1 flush", "eos"}));
    bench.expectConservation();
}

TEST(DmaSlabSrcLosses, ADownstreamErrorStopsTheSourceWithEverythingCounted)
{
    SourceBench bench("backend=test pacing=off");
    bench.setFlow(GST_FLOW_ERROR);
    bench.play();
    bench.waitForLog("eos");
    bench.waitUntil([&] { return bench.stat("frames-out") == 1; }, "the first frame");
    bench.expectConservation();
    bench.stop();
    bench.expectConservation();
}
