// SPDX-License-Identifier: LGPL-2.1-or-later
// dmaslabsrc whose slabs are all held downstream.
#include "source_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

using Story = std::vector<std::string>;

/** Four frames out, the test holds them all. */
void fill(SourceBench &bench)
{
    bench.keep(true);
    bench.play();
    bench.waitForFrames(1);
    bench.tick(3);
    bench.waitForFrames(4);
}

} // namespace

TEST(DmaSlabSrcStarvation, DropsToTheFrameAndNamesThem)
{
    SourceBench bench("backend=test slabs=4");
    fill(bench);
    bench.tick(5);
    bench.waitForStat("dropped-starved", 5);
    bench.expectConservation();
    EXPECT_EQ(bench.count("slabs-free"), 0u);
    EXPECT_EQ(bench.count("slabs-held"), 4u);
    EXPECT_EQ(bench.count("slabs-low"), 0u);
    bench.awaitWaiting();
    bench.release();
    bench.tick();
    bench.waitForFrames(5);
    EXPECT_EQ(bench.story(), (Story{"b0!", "b1", "b2", "b3", "loss 4-8 starved", "b9!"}));
    EXPECT_EQ(bench.stat("starved"), 5u);
    EXPECT_EQ(bench.stat("frames-in"), 10u);
    EXPECT_EQ(bench.popAll(GST_MESSAGE_QOS).size(), 1u);
    bench.expectConservation();
}

TEST(DmaSlabSrcStarvation, GoesOnWhereTimeIs)
{
    SourceBench bench("backend=test slabs=4");
    fill(bench);
    bench.tick(5);
    bench.waitForStat("dropped-starved", 5);
    bench.awaitWaiting();
    bench.release();
    bench.tick();
    bench.waitForFrames(5);
    EXPECT_EQ(bench.arrivals()[4].pts, 90 * GST_MSECOND);
}

TEST(DmaSlabSrcStarvation, AHolderOfOneSlabCostsNothing)
{
    SourceBench bench("backend=test slabs=3");
    bench.keep(true);
    bench.play();
    bench.waitForFrames(1);
    bench.keep(false);
    bench.tick(100);
    bench.waitForFrames(101);
    EXPECT_EQ(bench.stat("dropped"), 0u);
    EXPECT_EQ(bench.count("slabs-held") + bench.count("slabs-free"), 3u);
}

TEST(DmaSlabSrcStarvation, StopsWhileStarved)
{
    SourceBench bench("backend=test slabs=4");
    fill(bench);
    bench.tick(2);
    bench.waitForStat("dropped-starved", 2);
    bench.stop();
    bench.expectConservation();
}

TEST(DmaSlabSrcStarvation, WaitBlocksUntilASlabComesHome)
{
    SourceBench bench("backend=test slabs=4 on-starvation=wait");
    fill(bench);
    bench.tick(); // frame 4 is due and has no slab
    bench.waitForStat("frames-out", 4);
    EXPECT_EQ(bench.stat("dropped"), 0u);
    bench.release(1);
    bench.waitForFrames(5);
    EXPECT_EQ(bench.story(), (Story{"b0!", "b1", "b2", "b3", "b4"}));
}

TEST(DmaSlabSrcStarvation, WaitCanBeInterrupted)
{
    SourceBench bench("backend=test slabs=4 on-starvation=wait");
    fill(bench);
    bench.tick();
    bench.stop();
    EXPECT_EQ(bench.arrivals().size(), 4u);
    bench.expectConservation();
}

TEST(DmaSlabSrcStarvation, UnpacedWaitsByDefaultAndLosesNothing)
{
    SourceBench bench("backend=test slabs=2 pacing=off num-buffers=50");
    bench.keep(true);
    bench.play();
    for (std::size_t frame = 2; frame < 50; ++frame) {
        bench.waitForFrames(frame);
        bench.release(1);
    }
    bench.waitForLog("eos");
    EXPECT_EQ(bench.stat("dropped"), 0u);
    EXPECT_EQ(bench.arrivals().back().sequence, 49u);
}

TEST(DmaSlabSrcStarvation, UnpacedWaitCanBeInterrupted)
{
    SourceBench bench("backend=test slabs=2 pacing=off");
    bench.keep(true);
    bench.play();
    bench.waitForFrames(2);
    bench.stop();
    bench.expectConservation();
}

TEST(DmaSlabSrcStarvation, UnpacedMayBeToldToDrop)
{
    SourceBench bench("backend=test slabs=2 pacing=off on-starvation=drop");
    bench.keep(true);
    bench.play();
    bench.waitForFrames(2);
    bench.waitForStat("dropped-starved", 3);
    bench.keep(false);
    bench.release();
    bench.waitForFrames(3);
    bench.stop();
    const Story story = bench.story();
    const auto next = bench.arrivals()[2].sequence;
    EXPECT_EQ(story[2], "loss 2-" + std::to_string(next - 1) + " starved");
    EXPECT_EQ(story[3], "b" + std::to_string(next) + "!");
    bench.expectConservation();
}

TEST(DmaSlabSrcStarvation, ErrorPostsOneErrorWithTheRemedyAndEndsTheStream)
{
    SourceBench bench("backend=test slabs=4 on-starvation=error");
    fill(bench);
    bench.tick();
    bench.waitForLog("eos");
    bench.stop();
    const auto errors = bench.texts(GST_MESSAGE_ERROR);
    ASSERT_EQ(errors.size(), 2u) << "ours and the base class's general one";
    EXPECT_NE(errors[0].find("all 4 are held"), std::string::npos) << errors[0];
    EXPECT_NE(errors[0].find("slabs=8"), std::string::npos) << errors[0];
    EXPECT_NE(errors[0].find("on-starvation=drop"), std::string::npos) << errors[0];
    EXPECT_EQ(errors[1].find("slabs"), std::string::npos) << errors[1];
    bench.expectConservation();
}

TEST(DmaSlabSrcStarvation, ASinkThatNeverReturnsEndsWithEverySlabHomeOnceItLetsGo)
{
    SourceBench bench("backend=test slabs=4");
    fill(bench);
    bench.tick(3);
    bench.waitForStat("dropped-starved", 3);
    bench.awaitWaiting();
    bench.release();
    EXPECT_EQ(bench.count("slabs-held") + bench.count("slabs-free"), 4u);
    EXPECT_EQ(bench.count("slabs-free"), 4u);
    EXPECT_EQ(bench.stat("stale-handles"), 0u);
}

TEST(DmaSlabSrcStarvation, ASlabThatIsHeldIsNeverFilledAgain)
{
    for (const char *reuse : {"lifo", "fifo"}) {
        SourceBench bench(std::string("backend=test slabs=4 pacing=off num-buffers=200 reuse=") + reuse);
        bench.keep(true);
        bench.play();
        bench.waitForFrames(4);
        bench.keep(false);
        const BufferPtr held(gst_buffer_ref(bench.kept().at(1)));
        GstMapInfo map;
        ASSERT_TRUE(gst_buffer_map(held.get(), &map, GST_MAP_READ));
        const std::vector<guint8> before(map.data, map.data + map.size);
        bench.release();
        bench.waitForLog("eos");
        EXPECT_TRUE(std::equal(before.begin(), before.end(), map.data)) << reuse;
        gst_buffer_unmap(held.get(), &map);
    }
}
