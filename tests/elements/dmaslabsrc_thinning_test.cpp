// SPDX-License-Identifier: LGPL-2.1-or-later
// dmaslabsrc max-rate: fewer frames, the same times, and no loss.
#include "source_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

const std::string kThousand = "video/x-raw,format=GRAY8,width=8,height=8,framerate=1000/1";

} // namespace

TEST(DmaSlabSrcThinning, KeepsExactlyTheRateOverTenThousandFrames)
{
    // 2800 of 8400 frames, then all that is left of num-buffers counts too: a third of 1000/s.
    SourceBench bench("backend=test pacing=off num-buffers=3334 max-rate=1000/3", kThousand);
    bench.play();
    bench.waitForLog("eos");
    const auto arrivals = bench.arrivals();
    ASSERT_EQ(arrivals.size(), 3334u);
    for (std::size_t i = 0; i < arrivals.size(); ++i) {
        ASSERT_EQ(arrivals[i].sequence, 3 * i);
        ASSERT_EQ(arrivals[i].pts, 3 * i * GST_MSECOND);
        ASSERT_EQ(arrivals[i].discont, i == 0);
    }
    EXPECT_EQ(bench.stat("skipped"), 3333u * 2);
    EXPECT_EQ(bench.stat("dropped"), 0u);
    EXPECT_EQ(bench.stat("frames-in"), 3334u) << "a frame left out on purpose never came in";
    bench.expectConservation();
}

TEST(DmaSlabSrcThinning, ARateThatDoesNotDivideIsExactInTheLongRun)
{
    SourceBench bench("backend=test pacing=off num-buffers=3000 max-rate=300/1", kThousand);
    bench.play();
    bench.waitForLog("eos");
    const auto arrivals = bench.arrivals();
    ASSERT_EQ(arrivals.size(), 3000u);
    // Kept frame k is the first at or after k / 300 s.
    for (std::size_t k = 0; k < arrivals.size(); ++k)
        ASSERT_EQ(arrivals[k].sequence, (k * 1000 + 299) / 300) << k;
}

TEST(DmaSlabSrcThinning, ARateAboveTheFramerateLeavesNothingOut)
{
    SourceBench bench("backend=test pacing=off num-buffers=500 max-rate=5000/1", kThousand);
    bench.play();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.arrivals().back().sequence, 499u);
    EXPECT_EQ(bench.stat("skipped"), 0u);
}

TEST(DmaSlabSrcThinning, AnEventNamesWhatWasLeftOut)
{
    SourceBench bench("backend=test pacing=off num-buffers=3 max-rate=250/1", kThousand);
    bench.play();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.story(),
              (std::vector<std::string>{"b0!", "skip 1-3 x3", "b4", "skip 5-7 x3", "b8", "eos"}));
    EXPECT_TRUE(bench.popAll(GST_MESSAGE_QOS).empty());
}

TEST(DmaSlabSrcThinning, ChangesWhilePlaying)
{
    SourceBench bench("backend=test", kThousand);
    bench.play();
    bench.waitForFrames(1);
    bench.tick(2);
    bench.waitForFrames(3);
    bench.awaitWaiting();
    gst_util_set_object_arg(G_OBJECT(bench.element()), "max-rate", "100/1");
    bench.tick(3);
    bench.waitUntil([&] { return bench.arrivals().back().sequence >= 20; }, "frame 20");
    bench.awaitWaiting();
    gst_util_set_object_arg(G_OBJECT(bench.element()), "max-rate", "0/1");
    const std::size_t sofar = bench.arrivals().size();
    bench.tick(3);
    bench.waitForFrames(sofar + 3);
    const auto arrivals = bench.arrivals();
    for (const Arrival &arrival : arrivals)
        EXPECT_EQ(arrival.pts, arrival.sequence * GST_MSECOND) << "times are those of the frames";
    EXPECT_TRUE(bench.texts(GST_MESSAGE_WARNING).empty());
    EXPECT_EQ(bench.stat("dropped"), 0u);
}

TEST(DmaSlabSrcThinning, AFasterRateDoesNotWaitForTheNextFrameOfTheSlowOne)
{
    SourceBench bench("backend=test max-rate=1/10", kThousand);
    bench.play();
    bench.waitForFrames(1);
    bench.awaitWaiting(); // for frame 10000
    gst_test_clock_set_time(bench.clock(), SourceBench::epoch + 50 * GST_MSECOND);
    gst_util_set_object_arg(G_OBJECT(bench.element()), "max-rate", "0/1");
    bench.waitUntil(
        [&] {
            if (gst_test_clock_peek_id_count(bench.clock()) > 0)
                (void)gst_test_clock_crank(bench.clock());
            return bench.arrivals().size() >= 3;
        },
        "frames");
    EXPECT_LE(bench.arrivals()[1].sequence, 51u);
    EXPECT_EQ(bench.stat("dropped"), 0u);
    bench.expectConservation();
}

TEST(DmaSlabSrcThinning, FramesMissedByAThinnedSourceCountOnlyIfTheyWereWanted)
{
    SourceBench bench("backend=test max-rate=250/1", kThousand);
    bench.play();
    bench.waitForFrames(1);
    bench.shut();
    bench.tick(); // frame 4
    bench.waitForFrames(2);
    bench.advance(16 * GST_MSECOND); // 8, 12 and 16 are past, 20 is due
    bench.open();
    bench.waitForFrames(3);
    EXPECT_EQ(bench.arrivals()[2].sequence, 20u);
    EXPECT_EQ(bench.stat("dropped-overrun"), 3u);
    EXPECT_EQ(bench.stat("skipped"), 15u);
    bench.expectConservation();
}
