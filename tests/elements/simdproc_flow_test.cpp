// SPDX-License-Identifier: LGPL-2.1-or-later
// Events, queries, states, threads, losses and messages of simdproc.
#include <fstream>
#include <numeric>

#include "../unit/process_model.h"
#include "common/loss_ledger.h"
#include "simdproc_bench.h"
#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;
using Lines = PadEnd::Lines;

namespace {

const std::string kCaps = capsOf("GRAY16_LE", 20, 16);

BufferPtr frame(guint64 number)
{
    return frame16(randomPicture(unsigned(number), 20, 16), number);
}

GstEvent *mark(const char *name)
{
    return gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty(name));
}

int threadsOfBands()
{
    int count = 0;
    for (const auto &task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream file(task.path() / "comm");
        std::string name;
        count += std::getline(file, name) && name == "dmaslab-band";
    }
    return count;
}

} // namespace

TEST(SimdProcFlow, EventsKeepTheirPlaceBetweenFrames)
{
    for (const char *properties : {"", "statistics=true", "threshold=5", "flip=v"}) {
        SCOPED_TRACE(properties);
        ProcBench bench(properties);
        ASSERT_TRUE(bench.start(kCaps));
        bench.push(frame(0));
        bench.pushEvent(mark("first"));
        bench.pushEvent(newLossEvent(bench.element(), {1, 3, 3, LossReason::Starved, 0, {}}).release());
        bench.push(frame(4));
        bench.pushEvent(newSkipEvent(bench.element(), {5, 5, 1, 0, {}}).release());
        bench.push(frame(6));
        bench.end();
        EXPECT_EQ(bench.out.log(), (Lines{"stream-start", "caps", "segment", "b0", "mark first",
                                          "loss 1-3 starved", "b4", "skip 5-5", "b6", "eos"}));
    }
}

TEST(SimdProcFlow, AFrameThatIsTooSmallIsLostByNameAndTheStreamGoesOn)
{
    for (const char *properties : {"statistics=true", "threshold=5", "window=auto"}) {
        SCOPED_TRACE(properties);
        ProcBench bench(properties);
        ASSERT_TRUE(bench.start(kCaps));
        bench.push(frame(0));
        for (guint64 number : {1, 2})
            EXPECT_EQ(bench.push(bufferOf(std::vector<std::uint8_t>(20 * 16 * 2 - 1), number)), GST_FLOW_OK);
        EXPECT_EQ(bench.push(frame(3)), GST_FLOW_OK);
        EXPECT_EQ(bench.out.log({"b", "loss"}), (Lines{"b0", "loss 1-1 corrupt", "loss 2-2 corrupt", "b3"}));
        EXPECT_EQ(bench.stat("dropped-corrupt"), 2u);
        EXPECT_EQ(bench.stat("frames-in"), 4u);
        bench.expectConservation();
        EXPECT_TRUE(bench.texts(GST_MESSAGE_ERROR).empty());
    }
}

TEST(SimdProcFlow, AFrameWhoseVideoMetaPointsOutsideItIsLostToo)
{
    ProcBench bench("statistics=true");
    ASSERT_TRUE(bench.start(kCaps));
    for (const auto &[offset, stride] :
         {std::pair<gsize, gint>{4, 40}, {0, 42}, {0, -40}, {0, 39}, {G_MAXSIZE - 100, 40}}) {
        SCOPED_TRACE(std::to_string(offset) + " " + std::to_string(stride));
        BufferPtr hostile = frame(1);
        gsize offsets[GST_VIDEO_MAX_PLANES] = {offset};
        gint strides[GST_VIDEO_MAX_PLANES] = {stride};
        gst_buffer_add_video_meta_full(hostile.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY16_LE,
                                       20, 16, 1, offsets, strides);
        EXPECT_EQ(bench.push(std::move(hostile)), GST_FLOW_OK);
    }
    EXPECT_EQ(bench.out.count(), 0u);
    EXPECT_EQ(bench.stat("dropped-corrupt"), 5u);
    bench.expectConservation();
}

TEST(SimdProcFlow, WhatDownstreamAnswersGoesUpstream)
{
    ProcBench bench("statistics=true");
    ASSERT_TRUE(bench.start(kCaps));
    bench.out.setFlow(GST_FLOW_EOS);
    EXPECT_EQ(bench.push(frame(0)), GST_FLOW_EOS);
    bench.out.setFlow(GST_FLOW_OK);
    EXPECT_EQ(bench.push(frame(1)), GST_FLOW_OK);
}

TEST(SimdProcFlow, ItsTimeIsAddedToTheLatencyAndToldInFewSteps)
{
    ProcBench bench("statistics=true");
    gst_pad_set_query_function(bench.source(), [](GstPad *, GstObject *, GstQuery *query) -> gboolean {
        if (GST_QUERY_TYPE(query) == GST_QUERY_LATENCY)
            gst_query_set_latency(query, TRUE, 5 * GST_MSECOND, GST_CLOCK_TIME_NONE);
        return TRUE;
    });
    ASSERT_TRUE(bench.start(kCaps));
    for (guint64 i = 0; i < 2000; ++i)
        bench.push(frame(i % 16));
    const ObjectPtr<GstPad> pad(gst_element_get_static_pad(bench.element(), "src"));
    const QueryPtr query(gst_query_new_latency());
    ASSERT_TRUE(gst_pad_query(pad.get(), query.get()));
    gboolean live = FALSE;
    GstClockTime least = 0, most = 0;
    gst_query_parse_latency(query.get(), &live, &least, &most);
    EXPECT_TRUE(live);
    EXPECT_FALSE(GST_CLOCK_TIME_IS_VALID(most));
    const GstClockTime own = least - 5 * GST_MSECOND;
    EXPECT_GE(own, 62'500u);
    EXPECT_EQ(own / 62'500 & (own / 62'500 - 1), 0u) << "steps of two";
    int messages = 0;
    while (bench.popMessage(GST_MESSAGE_LATENCY))
        ++messages;
    EXPECT_GE(messages, 1);
    EXPECT_LE(GstClockTime(1) << (messages - 1), own / 62'500);
}

TEST(SimdProcFlow, TheAllocationQueryIsAnsweredByDownstreamOrByItself)
{
    const auto ask = [](ProcBench &bench) {
        const CapsPtr caps(gst_caps_from_string(kCaps.c_str()));
        QueryPtr query(gst_query_new_allocation(caps.get(), TRUE));
        EXPECT_TRUE(gst_pad_peer_query(bench.source(), query.get()));
        return query;
    };
    const auto holdsNine = [](GstQuery *query) {
        if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION)
            return false;
        gst_query_add_allocation_pool(query, nullptr, 640, 9, 0);
        return true;
    };
    const auto held = [](const QueryPtr &query) {
        guint least = 0;
        EXPECT_EQ(gst_query_get_n_allocation_pools(query.get()), 1u);
        gst_query_parse_nth_allocation_pool(query.get(), 0, nullptr, nullptr, &least, nullptr);
        return least;
    };
    for (const char *properties : {"statistics=true", "threshold=5"}) { // the same frames go on
        ProcBench bench(properties);
        bench.out.onQuery = holdsNine;
        ASSERT_TRUE(bench.start(kCaps));
        EXPECT_EQ(held(ask(bench)), 9u) << properties;
    }
    ProcBench bench("flip=h"); // frames end here
    bench.out.onQuery = holdsNine;
    ASSERT_TRUE(bench.start(kCaps));
    const QueryPtr query = ask(bench);
    EXPECT_EQ(held(query), 1u);
    EXPECT_TRUE(gst_query_find_allocation_meta(query.get(), GST_VIDEO_META_API_TYPE, nullptr));
    // Its own pool has what downstream holds, and what it needs itself.
    for (guint64 i = 0; i < 11; ++i)
        ASSERT_EQ(bench.push(frame(i)), GST_FLOW_OK);
}

TEST(SimdProcFlow, ManyStartsLeaveNothingBehind)
{
    { // what GLib keeps for good
        ProcBench bench("flip=h statistics=true threads=2");
        bench.requestResults();
        ASSERT_TRUE(bench.start(kCaps));
        bench.push(frame(0));
    }
    const Footprint before = Footprint::now();
    {
        ProcBench bench("flip=h statistics=true threads=2");
        bench.requestResults();
        for (int round = 0; round < 50; ++round) {
            bench.out.clearLog();
            ASSERT_TRUE(bench.start(kCaps));
            for (guint64 i = 0; i < 4; ++i)
                ASSERT_EQ(bench.push(frame(i)), GST_FLOW_OK);
            EXPECT_EQ(bench.stat("frames-out"), 4u) << "counts since the start";
            EXPECT_EQ(threadsOfBands(), 1);
            if (round % 2 == 0)
                bench.end();
            bench.stop();
            bench.out.forget();
            bench.results.forget();
            EXPECT_EQ(threadsOfBands(), 0);
        }
    }
    EXPECT_EQ(Footprint::now(), before);
}

TEST(SimdProcFlow, APropertyChangedBetweenTwoRunsHasEffect)
{
    ProcBench bench("");
    ASSERT_TRUE(bench.start(kCaps));
    bench.push(frame(0));
    bench.stop();
    g_object_set(bench.element(), "bin", 2, "statistics", TRUE, nullptr);
    ASSERT_TRUE(bench.start(kCaps));
    bench.push(frame(1));
    EXPECT_EQ(gst_buffer_get_size(bench.out.buffer(1).get()), 10u * 8 * 2);
    EXPECT_TRUE(gst_buffer_get_dma_slab_results_meta(bench.out.buffer(1).get()));
}

TEST(SimdProcFlow, AllSettingsTogetherDoWhatTheModelDoesWhateverTheNumberOfThreads)
{
    const TableDirectory tables;
    std::vector<double> dark(61 * 45), flat(61 * 45);
    for (std::size_t i = 0; i < dark.size(); ++i) {
        dark[i] = double(i % 50);
        flat[i] = double(900 + i % 300);
    }
    const std::string properties = "dark=" + tables.table("dark", "<u2", {45, 61}, dark) +
                                   " flat=" + tables.table("flat", "<f4", {45, 61}, flat) +
                                   " bad-pixels=" + tables.table("bad", "<i8", {2, 2}, {3, 4, 20, 30}) +
                                   " crop=1,2,57,42 flip=hv bin=2 threshold=900 window=200,16000 "
                                   "statistics=true roi-mode=sum roi-width=7 "
                                   "roi-height=5 roi-columns=4 roi-rows=4";
    ProcessSettings settings;
    settings.crop = {1, 2, 57, 42};
    settings.flip = Flip::Both;
    settings.bin = 2;
    settings.threshold = 900;
    settings.window = WindowMode::Fixed;
    settings.windowLow = 200;
    settings.windowHigh = 16000;
    for (const int threads : {1, 2, 4}) {
        SCOPED_TRACE(threads);
        Model model(settings, {dark, flat, {{3, 4}, {20, 30}}, {}});
        model.cameraBits = 12;
        ProcBench bench(properties + " threads=" + std::to_string(threads));
        ASSERT_TRUE(bench.start(capsOf("GRAY16_LE", 61, 45) + ",significant-bits=12"));
        for (unsigned number = 0; number < 5; ++number) {
            const Numbers camera = randomPicture(number, 61, 45);
            model.run(camera);
            ASSERT_EQ(bench.push(frame16(camera, number)), GST_FLOW_OK);
            const BufferPtr out = bench.out.buffer(number);
            EXPECT_EQ(pictureOf(out.get(), bench.out.caps().get()).values, model.out.values);
            const auto *meta = gst_buffer_get_dma_slab_results_meta(out.get());
            ASSERT_TRUE(meta);
            EXPECT_EQ(meta->saturated, model.saturated);
            EXPECT_NEAR(meta->mean,
                        std::accumulate(model.measured.values.begin(), model.measured.values.end(), 0.0) /
                            double(model.measured.values.size()),
                        1e-6);
        }
    }
}

TEST(SimdProcFlow, EverySoManyFramesTheResultsAreAMessage)
{
    ProcBench bench("statistics=true histogram=true motion=3 roi-mode=occupancy roi-width=5 roi-height=4 "
                    "roi-columns=4 roi-rows=4 message-every=3");
    ASSERT_TRUE(bench.start(kCaps));
    for (guint64 i = 0; i < 7; ++i)
        bench.push(frame(i));
    for (const guint64 number : {0, 3, 6}) {
        const MessagePtr message = bench.popMessage(GST_MESSAGE_ELEMENT);
        ASSERT_TRUE(message);
        const GstStructure *fields = gst_message_get_structure(message.get());
        EXPECT_TRUE(gst_structure_has_name(fields, "dmaslab-results"));
        guint64 sequence = 99, pts = 0;
        gst_structure_get(fields, "sequence", G_TYPE_UINT64, &sequence, "pts", G_TYPE_UINT64, &pts, nullptr);
        EXPECT_EQ(sequence, number);
        const BufferPtr out = bench.out.buffer(number);
        EXPECT_EQ(pts, GST_BUFFER_PTS(out.get()));
        const auto *meta = gst_buffer_get_dma_slab_results_meta(out.get());
        gdouble mean = 0;
        guint columns = 0;
        gst_structure_get(fields, "mean", G_TYPE_DOUBLE, &mean, "columns", G_TYPE_UINT, &columns, nullptr);
        EXPECT_EQ(mean, meta->mean);
        EXPECT_EQ(columns, 4u);
        const GValue *sums = gst_structure_get_value(fields, "sums");
        ASSERT_EQ(gst_value_array_get_size(sums), 16u);
        for (guint i = 0; i < 16; ++i)
            EXPECT_EQ(g_value_get_uint64(gst_value_array_get_value(sums, i)), meta->roi_sums[i]);
        EXPECT_EQ(gst_value_array_get_size(gst_structure_get_value(fields, "histogram")), 256u);
        EXPECT_EQ(gst_value_array_get_size(gst_structure_get_value(fields, "occupied")), 16u);
    }
    EXPECT_FALSE(bench.popMessage(GST_MESSAGE_ELEMENT));
}

TEST(SimdProcFlow, AWindowThatFollowsThePictureIsThatOfTheFrameBefore)
{
    ProcBench bench("window=auto");
    bench.requestResults();
    ASSERT_TRUE(bench.start(capsOf("GRAY16_LE", 64, 64)));
    Numbers picture{64, 64, std::vector<std::uint32_t>(64 * 64, 1000)};
    std::fill(picture.values.begin(), picture.values.begin() + 2048, 3000u);
    bench.push(frame16(picture, 0));
    bench.push(frame16(picture, 1));
    const CapsPtr caps = bench.out.caps();
    const Numbers first = pictureOf(bench.out.buffer(0).get(), caps.get());
    const Numbers second = pictureOf(bench.out.buffer(1).get(), caps.get());
    EXPECT_LT(first.at(0, 0), 100u) << "nothing known yet: all of the scale";
    EXPECT_EQ(second.at(0, 0), 255u);
    EXPECT_EQ(second.at(0, 63), 0u);
}
