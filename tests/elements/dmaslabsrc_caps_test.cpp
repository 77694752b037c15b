// SPDX-License-Identifier: LGPL-2.1-or-later
// dmaslabsrc when downstream changes: branches come and go, caps change, frames stay what they were.
#include <algorithm>

#include "common/gst.h"
#include "source_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

const std::string kSmall = "video/x-raw,format=GRAY8,width=32,height=8,framerate=100/1";
const std::string kLarge = "video/x-raw,format=GRAY8,width=64,height=16,framerate=100/1";
const std::string kFast = "video/x-raw,format=GRAY8,width=32,height=8,framerate=200/1";

GstDmaSlabInfo infoOf(GstBuffer *buffer)
{
    GstDmaSlabInfo info{};
    EXPECT_TRUE(gst_dma_slab_buffer_get_info(buffer, &info));
    return info;
}

void expectGaplessSequence(const std::vector<Arrival> &arrivals)
{
    for (std::size_t i = 1; i < arrivals.size(); ++i)
        ASSERT_EQ(arrivals[i].sequence, arrivals[i - 1].sequence + 1);
}

} // namespace

TEST(DmaSlabSrcRenegotiation, AnotherBranchKeepsTheArenaAndLosesNothing)
{
    SourceBench bench("backend=test slabs=8");
    bench.keep(true);
    bench.play();
    bench.waitForFrames(1);
    bench.tick(2);
    bench.waitForFrames(3);
    (void)bench.texts(GST_MESSAGE_WARNING); // what this machine's memory has to say
    bench.awaitWaiting();
    bench.renegotiate();
    bench.tick(3);
    bench.waitForFrames(6);
    const auto kept = bench.kept();
    for (GstBuffer *buffer : kept)
        EXPECT_EQ(infoOf(buffer).arena, infoOf(kept[0]).arena);
    EXPECT_EQ(bench.story(), (std::vector<std::string>{"b0!", "b1", "b2", "b3", "b4", "b5"}));
    EXPECT_TRUE(bench.texts(GST_MESSAGE_WARNING).empty());
}

TEST(DmaSlabSrcRenegotiation, ABranchThatDeclaresMoreThanThereIsIsAnsweredWithTheArithmetic)
{
    SourceBench bench("backend=test");
    bench.play();
    bench.waitForFrames(1);
    const guint slabs = bench.count("slabs");
    (void)bench.texts(GST_MESSAGE_WARNING); // what this machine's memory has to say
    bench.awaitWaiting();
    bench.declare(50);
    bench.renegotiate();
    bench.tick(2);
    bench.waitForFrames(3);
    const auto warnings = bench.texts(GST_MESSAGE_WARNING);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("50"), std::string::npos) << warnings[0];
    EXPECT_NE(warnings[0].find("there are " + std::to_string(slabs)), std::string::npos) << warnings[0];
    EXPECT_NE(warnings[0].find("slabs=" + std::to_string(slabs + 50)), std::string::npos) << warnings[0];
    EXPECT_EQ(bench.count("slabs"), slabs) << "not resized under way";

    bench.awaitWaiting();
    bench.renegotiate();
    bench.tick(2);
    bench.waitForFrames(5);
    EXPECT_TRUE(bench.texts(GST_MESSAGE_WARNING).empty()) << "said once";
}

TEST(DmaSlabSrcRenegotiation, WhatBranchesDeclareAtTheStartIsPartOfTheSize)
{
    SourceBench plain("backend=test");
    plain.play();
    plain.waitForFrames(1);
    SourceBench bench("backend=test");
    bench.declare(50);
    bench.play();
    bench.waitForFrames(1);
    EXPECT_EQ(bench.count("slabs"), plain.count("slabs") + 50);
}

TEST(DmaSlabSrcRenegotiation, AHandSetNumberThatIsTooSmallIsNamedToo)
{
    SourceBench bench("backend=test slabs=4");
    bench.declare(10);
    bench.play();
    bench.waitForFrames(1);
    bool named = false;
    for (const std::string &warning : bench.texts(GST_MESSAGE_WARNING))
        named = named || warning.find("there are 4") != std::string::npos;
    EXPECT_TRUE(named);
    EXPECT_EQ(bench.count("slabs"), 4u);
}

TEST(DmaSlabSrcRenegotiation, NewCapsMakeANewArenaWhileOldFramesStayIntact)
{
    SourceBench bench("backend=test slabs=4 pacing=off num-buffers=40");
    bench.keep(true);
    bench.play();
    bench.waitForFrames(4);
    std::vector<BufferPtr> old;
    for (GstBuffer *buffer : bench.kept())
        old.emplace_back(gst_buffer_ref(buffer));
    std::vector<std::vector<guint8>> pixels;
    for (const BufferPtr &buffer : old) {
        GstMapInfo map;
        ASSERT_TRUE(gst_buffer_map(buffer.get(), &map, GST_MAP_READ));
        pixels.emplace_back(map.data, map.data + map.size);
        gst_buffer_unmap(buffer.get(), &map);
    }
    bench.renegotiate(kLarge);
    bench.release(1); // the frame that was being waited for still has the old caps
    old.erase(old.begin());
    pixels.erase(pixels.begin());
    bench.waitForFrames(6);
    const auto held = bench.kept();
    const GstDmaSlabInfo before = infoOf(old[0].get());
    const GstDmaSlabInfo after = infoOf(held.back());
    EXPECT_NE(before.arena, after.arena);
    EXPECT_EQ(gst_buffer_get_size(held.back()), 64u * 16);
    bench.keep(false);
    bench.release();
    bench.waitForLog("eos");
    for (std::size_t i = 0; i < old.size(); ++i) {
        GstMapInfo map;
        ASSERT_TRUE(gst_buffer_map(old[i].get(), &map, GST_MAP_READ));
        EXPECT_TRUE(std::equal(pixels[i].begin(), pixels[i].end(), map.data)) << i;
        gst_buffer_unmap(old[i].get(), &map);
    }
    const auto arrivals = bench.arrivals();
    ASSERT_EQ(arrivals.size(), 40u);
    expectGaplessSequence(arrivals);
    bench.expectConservation();
}

TEST(DmaSlabSrcRenegotiation, AnOldFrameMayOutliveTheElement)
{
    BufferPtr frame;
    {
        SourceBench bench("backend=test slabs=4 pacing=off num-buffers=8");
        bench.keep(true);
        bench.play();
        bench.waitForFrames(4);
        frame.reset(gst_buffer_ref(bench.kept()[2]));
        bench.keep(false);
        bench.release();
        bench.waitForLog("eos");
    }
    GstMapInfo map;
    ASSERT_TRUE(gst_buffer_map(frame.get(), &map, GST_MAP_READ));
    EXPECT_EQ(std::string(reinterpret_cast<const char *>(map.data), 8), "dmaslab1");
    gst_buffer_unmap(frame.get(), &map);
}

TEST(DmaSlabSrcRenegotiation, AnotherFramerateGoesOnInTime)
{
    SourceBench bench("backend=test");
    bench.play();
    bench.waitForFrames(1);
    bench.tick(3);
    bench.waitForFrames(4);
    bench.awaitWaiting();
    bench.renegotiate(kFast);
    bench.tick(5);
    bench.waitForFrames(9);
    const auto arrivals = bench.arrivals();
    expectGaplessSequence(arrivals);
    for (std::size_t i = 1; i < arrivals.size(); ++i)
        EXPECT_GT(arrivals[i].pts, arrivals[i - 1].pts);
    EXPECT_EQ(arrivals[4].pts, 40 * GST_MSECOND) << "still of the old caps";
    EXPECT_EQ(arrivals[5].pts, 50 * GST_MSECOND);
    EXPECT_EQ(arrivals[6].pts, 55 * GST_MSECOND);
    EXPECT_EQ(bench.stat("dropped"), 0u);
}

TEST(DmaSlabSrcRenegotiation, AnotherFramerateGoesOnInTimeUnpaced)
{
    SourceBench bench("backend=test pacing=off slabs=2 num-buffers=20");
    bench.keep(true);
    bench.play();
    bench.waitForFrames(2);
    bench.renegotiate(kFast);
    bench.keep(false);
    bench.release();
    bench.waitForLog("eos");
    const auto arrivals = bench.arrivals();
    expectGaplessSequence(arrivals);
    for (std::size_t i = 1; i < arrivals.size(); ++i)
        EXPECT_EQ(arrivals[i].pts, arrivals[i - 1].pts + arrivals[i - 1].duration) << i;
    EXPECT_EQ(arrivals.back().duration, 5 * GST_MSECOND);
}

TEST(DmaSlabSrcRenegotiation, ATeeBranchLinkedWhilePlayingLosesNothing)
{
    const auto pipeline =
        launch("pipeline. ( dmaslabsrc name=src backend=test slabs=12 ! " + kFast +
               " ! tee name=t t. ! queue ! fakesink name=sink sync=false signal-handoffs=true )");
    const ObjectPtr<GstElement> tee(gst_bin_get_by_name(GST_BIN(pipeline.get()), "t"));
    const ObjectPtr<GstElement> sink(gst_bin_get_by_name(GST_BIN(pipeline.get()), "sink"));
    struct Seen
    {
        std::mutex mutex;
        std::condition_variable changed;
        std::vector<guint64> sequences;
        std::vector<guint32> arenas;
    } seen;
    g_signal_connect(sink.get(), "handoff",
                     G_CALLBACK(+[](GstElement *, GstBuffer *buffer, GstPad *, gpointer data) {
                         auto &all = *static_cast<Seen *>(data);
                         GstDmaSlabInfo info{};
                         gst_dma_slab_buffer_get_info(buffer, &info);
                         const std::lock_guard lock(all.mutex);
                         all.sequences.push_back(GST_BUFFER_OFFSET(buffer));
                         all.arenas.push_back(info.arena);
                         all.changed.notify_all();
                     }),
                     &seen);
    const auto await = [&](std::size_t frames) {
        std::unique_lock lock(seen.mutex);
        return seen.changed.wait_for(lock, SourceBench::patience,
                                     [&] { return seen.sequences.size() >= frames; });
    };
    gst_element_set_state(pipeline.get(), GST_STATE_PLAYING);
    ASSERT_TRUE(await(10));
    GstElement *branch =
        gst_parse_bin_from_description("queue ! fakesink sync=false async=false", TRUE, nullptr);
    gst_bin_add(GST_BIN(pipeline.get()), branch);
    gst_element_sync_state_with_parent(branch);
    ASSERT_TRUE(gst_element_link(tee.get(), branch));
    ASSERT_TRUE(await(30));
    const ObjectPtr<GstElement> source(gst_bin_get_by_name(GST_BIN(pipeline.get()), "src"));
    GstStructure *raw = nullptr;
    g_object_get(source.get(), "stats", &raw, nullptr);
    const StructurePtr stats(raw);
    gst_element_set_state(pipeline.get(), GST_STATE_NULL);
    guint64 starved = 1;
    gst_structure_get_uint64(stats.get(), "dropped-starved", &starved);
    EXPECT_EQ(starved, 0u);
    EXPECT_EQ(std::count(seen.arenas.begin(), seen.arenas.end(), seen.arenas[0]), long(seen.arenas.size()));
}

TEST(DmaSlabSrcRenegotiation, WhatABranchWantsToReadBehindAFrameIsPartOfItsSlab)
{
    constexpr const char *caps = "video/x-raw,format=GRAY8,width=100,height=100,framerate=100/1";
    for (const auto &[padding, stride] :
         {std::pair<gsize, gsize>{0, 12288}, {6384, 16384}, {G_MAXSIZE, 20480}}) {
        SourceBench bench("backend=test memory=memfd slabs=4", caps);
        bench.declare(1);
        bench.askForPadding(padding);
        bench.keep(true);
        bench.play();
        bench.waitForFrames(1);
        GstDmaSlabInfo info{};
        ASSERT_TRUE(gst_dma_slab_buffer_get_info(bench.kept()[0], &info));
        EXPECT_EQ(info.stride, stride);
        EXPECT_EQ(bench.arrivals()[0].size, 10000u);
    }
}
