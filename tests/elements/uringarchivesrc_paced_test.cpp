// SPDX-License-Identifier: LGPL-2.1-or-later
// uringarchivesrc pacing=recorded: live, on a clock that only the test moves.
#include "replay_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

class ReplayPaced : public testing::Test
{
protected:
    std::string path() const { return dir_.path() + "/recording"; }
    TempDir dir_;
};

} // namespace

TEST_F(ReplayPaced, EachFrameComesAtItsTime)
{
    RecordingBuilder builder(path());
    builder.beginSeries(greyFormat(64, 64));
    for (const std::int64_t ms : {7000, 7010, 7500, 7501})
        builder.add(pixels(kGreyBytes), {.pts = ms * 1'000'000});
    builder.close();
    ReplayBench bench(path(), "pacing=recorded");
    const GstClockTime start = gst_clock_get_time(GST_CLOCK(bench.clock()));
    bench.play();
    bench.waitForFrames(1);
    for (const GstClockTime ms : {10, 500, 501}) {
        bench.awaitWaiting();
        const std::size_t before = bench.arrivals().size();
        gst_test_clock_set_time(bench.clock(), start + ms * GST_MSECOND - 1);
        bench.awaitWaiting();
        EXPECT_EQ(bench.arrivals().size(), before);
        gst_test_clock_crank(bench.clock());
        bench.waitForFrames(before + 1);
        EXPECT_EQ(gst_clock_get_time(GST_CLOCK(bench.clock())), start + ms * GST_MSECOND);
        EXPECT_EQ(bench.arrivals().back().pts, (7000 + ms) * GST_MSECOND) << "as recorded";
    }
    bench.waitForLog("eos");
    EXPECT_EQ(bench.stat("late"), 0u);
}

TEST_F(ReplayPaced, ALiveSourceIsLive)
{
    makeGrey(path(), 3);
    ReplayBench bench(path(), "pacing=recorded slabs=4");
    EXPECT_EQ(gst_element_set_state(bench.element(), GST_STATE_PAUSED), GST_STATE_CHANGE_NO_PREROLL);
    bench.play();
    bench.waitForFrames(1);
    const QueryPtr query(gst_query_new_latency());
    ASSERT_TRUE(gst_element_query(bench.element(), query.get()));
    gboolean live = FALSE;
    GstClockTime min = 0, max = 0;
    gst_query_parse_latency(query.get(), &live, &min, &max);
    EXPECT_TRUE(live);
    EXPECT_EQ(min, 0u);
    EXPECT_EQ(max, 40 * GST_MSECOND);
}

TEST_F(ReplayPaced, APauseHoldsTheFrameThatWaitsAndMovesItsTime)
{
    makeGrey(path(), 4);
    ReplayBench bench(path(), "pacing=recorded");
    const GstClockTime start = gst_clock_get_time(GST_CLOCK(bench.clock()));
    bench.play();
    bench.waitForFrames(1);
    bench.awaitWaiting();
    bench.pause();
    bench.advance(GST_SECOND);
    bench.resume();
    bench.awaitWaiting();
    EXPECT_EQ(bench.arrivals().size(), 1u) << "its time is a second later now";
    bench.tick(3);
    bench.waitForLog("eos");
    EXPECT_EQ(gst_clock_get_time(GST_CLOCK(bench.clock())), start + GST_SECOND + 30 * GST_MSECOND);
    auto expected = bufferLines(0, 3);
    expected.push_back("eos");
    EXPECT_EQ(bench.story(), expected);
    bench.stop();
    bench.expectConservation();
}

TEST_F(ReplayPaced, AFlushKeepsTheFrameThatWaits)
{
    makeGrey(path(), 3);
    ReplayBench bench(path(), "pacing=recorded");
    bench.play();
    bench.waitForFrames(1);
    bench.awaitWaiting();
    gst_element_send_event(bench.element(), gst_event_new_flush_start());
    gst_element_send_event(bench.element(), gst_event_new_flush_stop(FALSE));
    bench.tick(2);
    bench.waitForLog("eos");
    auto story = bench.storyAfterFlush();
    ASSERT_EQ(story.size(), 3u);
    EXPECT_TRUE(story[0].starts_with("b1")) << story[0];
    bench.stop();
    bench.expectConservation();
    EXPECT_EQ(bench.stat("dropped"), 0u);
}

TEST_F(ReplayPaced, APausedElementStops)
{
    makeGrey(path(), 3);
    ReplayBench bench(path(), "pacing=recorded");
    bench.play();
    bench.waitForFrames(1);
    bench.awaitWaiting();
    bench.pause();
    bench.stop();
    bench.expectConservation();
}

TEST_F(ReplayPaced, WithoutSlabsFramesAreLostWhenTheirTimeIsOver)
{
    // The last one so late that a slow machine does not lose it as well.
    RecordingBuilder builder(path());
    builder.beginSeries(greyFormat(64, 64));
    for (const std::int64_t ms : {0, 10, 20, 30, 3'600'000})
        builder.add(pixels(kGreyBytes), {.pts = ms * 1'000'000});
    builder.close();
    ReplayBench bench(path(), "pacing=recorded slabs=2");
    bench.keep(true);
    bench.play();
    bench.waitForFrames(1);
    bench.tick();
    bench.waitForFrames(2);
    bench.advance(30 * GST_MSECOND);
    bench.waitForStat("dropped-starved", 2);
    bench.keep(false);
    bench.release();
    bench.tick();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.story(), (std::vector<std::string>{"b0!", "b1", "loss 2-3 starved", "b4!", "eos"}));
    EXPECT_EQ(bench.stat("starved"), 2u);
    bench.stop();
    bench.expectConservation();
}
