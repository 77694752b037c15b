// SPDX-License-Identifier: LGPL-2.1-or-later
// dmaslabsrc with deadlines: live, on the pipeline's clock, without drift.
#include "source_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

const std::string kSmall = "video/x-raw,format=GRAY8,width=32,height=8,framerate=";

struct Latency
{
    bool answered = false;
    gboolean live = FALSE;
    GstClockTime min = 0, max = 0;
};

Latency latencyOf(SourceBench &bench)
{
    Latency latency;
    const QueryPtr query(gst_query_new_latency());
    latency.answered = gst_element_query(bench.element(), query.get());
    if (latency.answered)
        gst_query_parse_latency(query.get(), &latency.live, &latency.min, &latency.max);
    return latency;
}

} // namespace

TEST(DmaSlabSrcPaced, IsLiveWithTheLatencyOfOneFrameToAllSlabs)
{
    SourceBench bench("backend=test slabs=7");
    EXPECT_EQ(gst_element_set_state(bench.element(), GST_STATE_PAUSED), GST_STATE_CHANGE_NO_PREROLL);
    bench.play();
    bench.waitForFrames(1);
    const Latency latency = latencyOf(bench);
    ASSERT_TRUE(latency.answered);
    EXPECT_TRUE(latency.live);
    EXPECT_EQ(latency.min, 10 * GST_MSECOND);
    EXPECT_EQ(latency.max, 70 * GST_MSECOND);
}

TEST(DmaSlabSrcPaced, SaysThatItsLatencyIsKnownNow)
{
    SourceBench bench("backend=test slabs=3");
    bench.play();
    EXPECT_TRUE(bench.pop(GST_MESSAGE_LATENCY));
}

TEST(DmaSlabSrcPaced, IsNotLiveWithPacingOff)
{
    SourceBench bench("backend=test pacing=off num-buffers=2");
    EXPECT_NE(gst_element_set_state(bench.element(), GST_STATE_READY), GST_STATE_CHANGE_FAILURE);
    bench.play();
    bench.waitForLog("eos");
    const Latency latency = latencyOf(bench);
    EXPECT_TRUE(!latency.answered || !latency.live);
}

TEST(DmaSlabSrcPaced, PrerollsWithPacingOff)
{
    const auto pipeline = launch("pipeline. ( dmaslabsrc backend=test pacing=off ! fakesink )");
    EXPECT_EQ(gst_element_set_state(pipeline.get(), GST_STATE_PAUSED), GST_STATE_CHANGE_ASYNC);
    EXPECT_EQ(gst_element_get_state(pipeline.get(), nullptr, nullptr, 30 * GST_SECOND),
              GST_STATE_CHANGE_SUCCESS);
    gst_element_set_state(pipeline.get(), GST_STATE_NULL);
}

TEST(DmaSlabSrcPaced, EachFrameIsDueAtItsNumberOverTheRate)
{
    SourceBench bench("backend=test slabs=4", kSmall + "30000/1001");
    bench.play();
    bench.waitForFrames(1);
    constexpr int kFrames = 2000;
    for (int i = 1; i < kFrames; ++i) {
        bench.tick();
        ASSERT_EQ(gst_clock_get_time(GST_CLOCK(bench.clock())) - SourceBench::epoch,
                  gst_util_uint64_scale(guint64(i), GST_SECOND * 1001, 30000));
    }
    bench.waitForFrames(kFrames);
    const auto arrivals = bench.arrivals();
    for (int i = 0; i < kFrames; ++i) {
        const GstClockTime pts = gst_util_uint64_scale(guint64(i), GST_SECOND * 1001, 30000);
        ASSERT_EQ(arrivals[i].sequence, guint64(i));
        ASSERT_EQ(arrivals[i].pts, pts);
        ASSERT_EQ(arrivals[i].pts + arrivals[i].duration,
                  gst_util_uint64_scale(guint64(i) + 1, GST_SECOND * 1001, 30000));
    }
    bench.expectConservation();
}

TEST(DmaSlabSrcPaced, UnpacedTimestampsDoNotDriftEither)
{
    constexpr guint64 kFrames = 20000;
    SourceBench bench("backend=test pacing=off num-buffers=20000", kSmall + "30000/1001");
    bench.play();
    bench.waitForLog("eos");
    const auto arrivals = bench.arrivals();
    ASSERT_EQ(arrivals.size(), kFrames);
    for (guint64 i = 0; i < kFrames; ++i) {
        ASSERT_EQ(arrivals[i].sequence, i);
        ASSERT_EQ(arrivals[i].pts, gst_util_uint64_scale(i, GST_SECOND * 1001, 30000));
    }
}

TEST(DmaSlabSrcPaced, OnlyTheFirstBufferIsDiscont)
{
    SourceBench bench("backend=test");
    bench.play();
    bench.waitForFrames(1);
    bench.tick(3);
    bench.waitForFrames(4);
    EXPECT_EQ(bench.story(), (std::vector<std::string>{"b0!", "b1", "b2", "b3"}));
}

TEST(DmaSlabSrcPaced, APipelineThatStartedEarlierGivesTheFirstFrameItsRunningTime)
{
    SourceBench bench("backend=test");
    bench.advance(25 * GST_MSECOND);
    bench.play();
    bench.tick();
    bench.waitForFrames(1);
    EXPECT_EQ(bench.arrivals()[0].sequence, 0u);
    EXPECT_EQ(bench.arrivals()[0].pts, 30 * GST_MSECOND);
    EXPECT_EQ(bench.stat("dropped"), 0u);
}

TEST(DmaSlabSrcPaced, APauseLosesNothingAndTimeGoesOn)
{
    SourceBench bench("backend=test");
    bench.play();
    bench.waitForFrames(1);
    bench.tick(3);
    bench.waitForFrames(4);
    bench.awaitWaiting();
    bench.pause();
    // The deadline comes while paused: the frame waits for PLAYING inside the base class.
    bench.advance(GST_SECOND);
    bench.tick();
    bench.resume();
    bench.waitForFrames(5);
    bench.tick(3);
    bench.waitForFrames(8);
    const auto arrivals = bench.arrivals();
    for (std::size_t i = 0; i < arrivals.size(); ++i) {
        EXPECT_EQ(arrivals[i].sequence, i);
        EXPECT_EQ(arrivals[i].pts, i * 10 * GST_MSECOND);
    }
    EXPECT_EQ(bench.stat("dropped"), 0u);
    bench.expectConservation();
}

TEST(DmaSlabSrcPaced, AfterAPauseDeadlinesFollowTheNewBaseTime)
{
    SourceBench bench("backend=test");
    bench.play();
    bench.waitForFrames(1);
    bench.tick(2);
    bench.waitForFrames(3);
    bench.awaitWaiting();
    bench.pause();
    bench.advance(GST_SECOND);
    bench.tick(); // frame 3, at the old deadline
    bench.resume();
    bench.waitForFrames(4);
    bench.tick();
    bench.waitForFrames(5);
    const GstClockTime base = gst_element_get_base_time(bench.element());
    EXPECT_EQ(base, SourceBench::epoch + GST_SECOND);
    EXPECT_EQ(gst_clock_get_time(GST_CLOCK(bench.clock())), base + bench.arrivals()[4].pts);
}

TEST(DmaSlabSrcPaced, FramesMissedBehindAStalledSinkAreCountedAlsoAcrossAPause)
{
    SourceBench bench("backend=test");
    bench.play();
    bench.waitForFrames(1);
    bench.shut();
    bench.tick();
    bench.waitForFrames(2);
    bench.advance(50 * GST_MSECOND); // frames 2 to 5 are past, 6 is due now
    bench.pause();
    bench.open();
    bench.advance(GST_SECOND);
    bench.resume();
    bench.waitForFrames(3);
    EXPECT_EQ(bench.story(), (std::vector<std::string>{"b0!", "b1", "loss 2-5 overrun", "b6!"}));
    EXPECT_EQ(bench.arrivals()[2].pts, 60 * GST_MSECOND);
}

TEST(DmaSlabSrcPaced, RunningTimeThatBeginsAnewTakesTheDeadlinesWithIt)
{
    SourceBench bench("backend=test");
    bench.play();
    bench.waitForFrames(1);
    bench.tick(9);
    bench.waitForFrames(10);
    bench.awaitWaiting();
    bench.pause();
    bench.tick(); // frame 10, at the old deadline
    gst_element_set_base_time(bench.element(), gst_clock_get_time(GST_CLOCK(bench.clock())));
    gst_element_set_state(bench.element(), GST_STATE_PLAYING);
    bench.waitForFrames(12);
    EXPECT_EQ(bench.arrivals()[11].sequence, 11u);
    EXPECT_EQ(bench.arrivals()[11].pts, 0u);
}

TEST(DmaSlabSrcPaced, StopsWhileADeadlineIsFarAway)
{
    SourceBench bench("backend=test slabs=3", kSmall + "1/10");
    bench.play();
    bench.waitForFrames(1);
    bench.awaitWaiting(); // for a time that never comes
    bench.stop();
    EXPECT_EQ(bench.arrivals().size(), 1u);
    bench.expectConservation();
}

TEST(DmaSlabSrcPaced, StopsWhileADeadlineIsFarAwayOnTheSystemClock)
{
    const auto pipeline = launch("pipeline. ( dmaslabsrc name=src backend=test slabs=3 ! "
                                 "video/x-raw,width=32,height=8,framerate=1/3600 ! fakesink sync=false )");
    gst_element_set_state(pipeline.get(), GST_STATE_PLAYING);
    const ObjectPtr<GstElement> source(gst_bin_get_by_name(GST_BIN(pipeline.get()), "src"));
    guint64 out = 0;
    while (out == 0) { // the first is due at once or an hour from now; either way the thread then waits
        GstStructure *raw = nullptr;
        g_object_get(source.get(), "stats", &raw, nullptr);
        const StructurePtr stats(raw);
        guint64 slabs = 0;
        gst_structure_get_uint64(stats.get(), "frames-out", &out);
        if (gst_structure_get_uint64(stats.get(), "slabs", &slabs) && slabs > 0)
            break;
        g_usleep(500);
    }
    EXPECT_EQ(gst_element_set_state(pipeline.get(), GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
}

TEST(DmaSlabSrcPaced, TheSequenceGoesOnAfterNull)
{
    SourceBench bench("backend=test num-buffers=3 pacing=off");
    bench.play();
    bench.waitForFrames(3);
    bench.stop();
    bench.play();
    bench.waitForFrames(6);
    const auto arrivals = bench.arrivals();
    for (std::size_t i = 0; i < 6; ++i)
        EXPECT_EQ(arrivals[i].sequence, i);
    EXPECT_EQ(arrivals[3].pts, 0u) << "a new run has a new running time";
    EXPECT_TRUE(arrivals[3].discont);
}

TEST(DmaSlabSrcPaced, EosComesAfterNumBuffers)
{
    SourceBench bench("backend=test num-buffers=3");
    bench.play();
    bench.waitForFrames(1);
    bench.tick(2);
    bench.waitForLog("eos");
    EXPECT_EQ(bench.story(), (std::vector<std::string>{"b0!", "b1", "b2", "eos"}));
}

TEST(DmaSlabSrcPaced, RefusesToSeek)
{
    SourceBench bench("backend=test");
    bench.play();
    bench.waitForFrames(1);
    const QueryPtr query(gst_query_new_seeking(GST_FORMAT_TIME));
    gboolean seekable = TRUE;
    if (gst_element_query(bench.element(), query.get()))
        gst_query_parse_seeking(query.get(), nullptr, &seekable, nullptr, nullptr);
    EXPECT_FALSE(seekable);
    EXPECT_FALSE(gst_element_seek_simple(bench.element(), GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0));
    EXPECT_FALSE(
        gst_pad_send_event(bench.pad(), gst_event_new_seek(1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
                                                           GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_NONE, 0)));
    bench.tick();
    bench.waitForFrames(2);
    EXPECT_EQ(bench.story(), (std::vector<std::string>{"b0!", "b1"})) << "and nothing is flushed";
    EXPECT_TRUE(bench.texts(GST_MESSAGE_ERROR).empty());
}

TEST(DmaSlabSrcPaced, HasNoDurationWhenItHasNoEnd)
{
    SourceBench bench("backend=test");
    bench.play();
    bench.waitForFrames(1);
    gint64 duration = 0;
    EXPECT_FALSE(gst_element_query_duration(bench.element(), GST_FORMAT_TIME, &duration));
}

TEST(DmaSlabSrcPaced, ABlockedStateChangeIsNoneInAPipeline)
{
    const auto pipeline = launch("pipeline. ( dmaslabsrc backend=test num-buffers=40 ! "
                                 "video/x-raw,width=32,height=8,framerate=500/1 ! fakesink )");
    const MessagePtr end = runToEnd(pipeline.get());
    ASSERT_TRUE(end);
    EXPECT_EQ(GST_MESSAGE_TYPE(end.get()), GST_MESSAGE_EOS) << textOf(end.get());
    EXPECT_EQ(gst_element_set_state(pipeline.get(), GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
}
