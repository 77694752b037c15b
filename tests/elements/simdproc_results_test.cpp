// SPDX-License-Identifier: LGPL-2.1-or-later
// The pad `results`: a record per frame in a stream of its own, and a picture that never waits for it.
#include <thread>

#include "common/loss_ledger.h"
#include "simdproc_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;
using Lines = PadEnd::Lines;

namespace {

const std::string kCaps = capsOf("GRAY16_LE", 20, 16);
const char *const kAll = "statistics=true histogram=true motion=5 window=auto roi-mode=centroid roi-width=4 "
                         "roi-height=4 roi-columns=5 roi-rows=4";

BufferPtr frame(guint64 number)
{
    return frame16(randomPicture(unsigned(number), 20, 16), number);
}

GstPadProbeReturn stay(GstPad *, GstPadProbeInfo *, gpointer)
{
    return GST_PAD_PROBE_OK;
}

void expectAllAccounted(const ProcBench &bench)
{
    EXPECT_EQ(bench.stat("results-sent") + bench.stat("results-dropped"), bench.stat("frames-out"));
}

} // namespace

TEST(SimdProcResults, AStreamOfItsOwnBeginsInOrderAndHasARecordPerFrame)
{
    ProcBench bench(kAll);
    bench.requestResults();
    ASSERT_TRUE(bench.start(kCaps));
    for (guint64 i = 10; i < 13; ++i)
        ASSERT_EQ(bench.push(frame(i)), GST_FLOW_OK);
    bench.end();
    EXPECT_EQ(bench.results.log(), (Lines{"stream-start", "caps", "segment", "b10", "b11", "b12", "eos"}));
    const CapsPtr caps = bench.results.caps();
    const GstStructure *structure = gst_caps_get_structure(caps.get(), 0);
    EXPECT_STREQ(gst_structure_get_name(structure), "application/x-ndarray");
    EXPECT_STREQ(gst_structure_get_string(structure, "dtype"), "|u1");
    gint numerator = 0, denominator = 0;
    EXPECT_TRUE(gst_structure_get_fraction(structure, "framerate", &numerator, &denominator));
    EXPECT_EQ(numerator, 100);
    EXPECT_EQ(bench.stat("results-sent"), 3u);
    EXPECT_EQ(bench.stat("results-dropped"), 0u);
}

TEST(SimdProcResults, ARecordIsTheMetaOfItsFrameAndHasItsStamps)
{
    ProcBench bench(kAll);
    bench.requestResults();
    ASSERT_TRUE(bench.start(kCaps));
    for (guint64 i = 0; i < 3; ++i)
        bench.push(frame(i));
    bench.end();
    const CapsPtr caps = bench.results.caps();
    for (std::size_t i = 0; i < 3; ++i) {
        const BufferPtr picture = bench.out.buffer(i), buffer = bench.results.buffer(i);
        EXPECT_EQ(GST_BUFFER_OFFSET(buffer.get()), i);
        EXPECT_EQ(GST_BUFFER_PTS(buffer.get()), GST_BUFFER_PTS(picture.get()));
        EXPECT_EQ(GST_BUFFER_DURATION(buffer.get()), GST_BUFFER_DURATION(picture.get()));
        const Record record(buffer.get(), caps.get());
        const auto *meta = gst_buffer_get_dma_slab_results_meta(picture.get());
        ASSERT_TRUE(meta);
        EXPECT_EQ(meta->record, buffer.get()) << "one record, shared";
        EXPECT_EQ(record.get<guint64>("sequence")[0], meta->sequence);
        EXPECT_EQ(record.get<guint64>("pts")[0], meta->pts);
        EXPECT_EQ(record.get<double>("mean")[0], meta->mean);
        EXPECT_EQ(record.get<double>("variance")[0], meta->variance);
        EXPECT_EQ(record.get<guint16>("min")[0], meta->min);
        EXPECT_EQ(record.get<guint16>("max")[0], meta->max);
        EXPECT_EQ(record.get<guint64>("changed")[0], meta->changed);
        EXPECT_EQ(record.get<guint32>("histogram"),
                  std::vector<guint32>(meta->histogram, meta->histogram + 256));
        EXPECT_EQ(record.get<guint64>("sums"), std::vector<guint64>(meta->roi_sums, meta->roi_sums + 20));
        EXPECT_EQ(record.get<float>("x"), std::vector<float>(meta->roi_x, meta->roi_x + 20));
        EXPECT_TRUE(record.has("window_low"));
    }
}

TEST(SimdProcResults, APadThatComesWhilePlayingBeginsWithTheNextFrameAndTheTagsSoFar)
{
    ProcBench bench(kAll);
    ASSERT_TRUE(bench.start(kCaps));
    bench.pushEvent(gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "shot", nullptr)));
    bench.push(frame(0));
    bench.requestResults();
    bench.push(frame(1));
    bench.push(frame(2));
    bench.end();
    EXPECT_EQ(bench.results.log(), (Lines{"stream-start", "tag", "caps", "segment", "b1", "b2", "eos"}));
}

TEST(SimdProcResults, ThereIsOnePadAndItComesBackAfterItsRelease)
{
    ProcBench bench(kAll);
    bench.requestResults();
    GstPadTemplate *templ =
        gst_element_class_get_pad_template(GST_ELEMENT_GET_CLASS(bench.element()), "results");
    EXPECT_FALSE(gst_element_request_pad(bench.element(), templ, nullptr, nullptr));
    ASSERT_TRUE(bench.start(kCaps));
    bench.push(frame(0));
    EXPECT_TRUE(bench.results.waitFor(1));
    bench.releaseResults();
    bench.push(frame(1));
    bench.results.clearLog();
    bench.requestResults();
    bench.push(frame(2));
    bench.end();
    EXPECT_EQ(bench.results.log(), (Lines{"stream-start", "caps", "segment", "b2", "eos"}));
    EXPECT_EQ(bench.out.count(), 3u);
}

TEST(SimdProcResults, APadMayComeAndGoAtAnyMoment)
{
    ProcBench bench("statistics=true");
    bench.out.keepNothing();
    bench.results.keepNothing();
    ASSERT_TRUE(bench.start(kCaps));
    std::atomic<bool> done{false};
    std::thread pusher([&] {
        const Numbers picture = randomPicture(1, 20, 16);
        for (guint64 i = 0; !done; ++i)
            EXPECT_EQ(bench.push(frame16(picture, i)), GST_FLOW_OK);
    });
    for (std::size_t round = 0; round < 200; ++round) {
        const std::size_t before = bench.results.count();
        bench.results.clearLog();
        bench.requestResults();
        EXPECT_TRUE(bench.results.waitFor(before + 1 + round % 70));
        bench.releaseResults();
        const Lines log = bench.results.log();
        ASSERT_GE(log.size(), 4u);
        EXPECT_EQ(Lines(log.begin(), log.begin() + 3), (Lines{"stream-start", "caps", "segment"}));
    }
    done = true;
    pusher.join();
}

TEST(SimdProcResults, AStalledBranchLosesRecordsByNameAndThePictureNothing)
{
    constexpr guint64 frames = 300;
    ProcBench bench("statistics=true");
    bench.requestResults();
    bench.results.shut();
    ASSERT_TRUE(bench.start(kCaps));
    bench.push(frame(0));
    bench.results.waitBlocked();
    for (guint64 i = 1; i < frames; ++i)
        ASSERT_EQ(bench.push(frame(i)), GST_FLOW_OK);
    EXPECT_EQ(bench.out.count(), frames);
    EXPECT_EQ(bench.stat("results-dropped"), frames - 65) << "64 wait, one is on its way";
    EXPECT_EQ(bench.stat("dropped"), 0u) << "no frame of the picture";
    bench.results.open();
    EXPECT_TRUE(bench.results.waitFor(65));
    bench.push(frame(frames));
    bench.end();
    EXPECT_EQ(bench.results.log({"loss", "b299", "b300", "eos", "b64"}),
              (Lines{"b64", "loss 65-299 queue", "b300", "eos"}));
    expectAllAccounted(bench);
}

TEST(SimdProcResults, AnEndThatComesToAStalledBranchIsNotLostWhateverIsQueued)
{
    ProcBench bench("statistics=true");
    bench.requestResults();
    bench.results.shut();
    ASSERT_TRUE(bench.start(kCaps));
    for (guint64 i = 0; i < 100; ++i)
        bench.push(frame(i));
    for (guint64 i = 0; i < 1000; ++i) // more than the queue has room for
        bench.pushEvent(gst_event_new_gap(i, 1));
    bench.push(frame(100));
    bench.pushEvent(gst_event_new_eos());
    bench.results.open();
    EXPECT_TRUE(bench.results.waitForLine("eos"));
    const Lines log = bench.results.log();
    EXPECT_EQ(bench.results.log({"gap"}).size(), 1000u);
    EXPECT_EQ(log.back(), "eos");
    EXPECT_TRUE(log[log.size() - 2].ends_with("-100 queue")) << log[log.size() - 2];
    EXPECT_EQ(bench.results.count() + bench.stat("results-dropped"), 101u);
}

TEST(SimdProcResults, ABlockedPadLetsThePictureGoOnAndGoes)
{
    ProcBench bench("statistics=true");
    GstPad *pad = bench.requestResults();
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BLOCK_DOWNSTREAM, stay, nullptr, nullptr);
    ASSERT_TRUE(bench.start(kCaps));
    for (guint64 i = 0; i < 200; ++i)
        ASSERT_EQ(bench.push(frame(i)), GST_FLOW_OK);
    EXPECT_EQ(bench.out.count(), 200u);
    bench.releaseResults(); // ends the block
    EXPECT_EQ(bench.results.count(), 0u);
    EXPECT_EQ(bench.stat("results-dropped"), 200u);
}

TEST(SimdProcResults, ABranchThatFailsIsNotThePicturesFailureAndItsLossesAreNamedWhenItIsBack)
{
    ProcBench bench("statistics=true");
    bench.requestResults();
    ASSERT_TRUE(bench.start(kCaps));
    bench.push(frame(0));
    EXPECT_TRUE(bench.results.waitFor(1));
    bench.results.setFlow(GST_FLOW_ERROR);
    for (guint64 i = 1; i < 5; ++i)
        ASSERT_EQ(bench.push(frame(i)), GST_FLOW_OK);
    while (bench.stat("results-dropped") < 4)
        std::this_thread::yield();
    bench.results.setFlow(GST_FLOW_OK);
    bench.push(frame(5));
    bench.end();
    const Lines log = bench.results.log({"b", "loss"});
    EXPECT_EQ(log.front(), "b0");
    EXPECT_EQ(log.back(), "b5");
    EXPECT_EQ(log[log.size() - 2].substr(0, 5), "loss ");
    expectAllAccounted(bench);
}

TEST(SimdProcResults, APadWithoutABranchCostsOnlyItsRecords)
{
    ProcBench bench("statistics=true");
    const ObjectPtr<GstPad> pad(gst_element_request_pad_simple(bench.element(), "results"));
    ASSERT_TRUE(bench.start(kCaps));
    for (guint64 i = 0; i < 10; ++i)
        ASSERT_EQ(bench.push(frame(i)), GST_FLOW_OK);
    while (bench.stat("results-dropped") < 10)
        std::this_thread::yield();
    bench.results.link(pad.get());
    bench.push(frame(10));
    EXPECT_TRUE(bench.results.waitFor(1));
    EXPECT_EQ(bench.results.log(), (Lines{"stream-start", "caps", "segment", "loss 0-9 error", "b10"}));
    bench.stop();
    bench.results.unlink();
    gst_element_release_request_pad(bench.element(), pad.get());
}

TEST(SimdProcResults, LossesSkipsAndMarksComeInLineWithTheRecords)
{
    ProcBench bench("statistics=true");
    bench.requestResults();
    ASSERT_TRUE(bench.start(kCaps));
    bench.push(frame(0));
    bench.pushEvent(newLossEvent(bench.element(), {1, 2, 2, LossReason::Device, 0, {}}).release());
    bench.push(frame(3));
    bench.pushEvent(newSkipEvent(bench.element(), {4, 5, 2, 0, {}}).release());
    bench.push(frame(6));
    bench.push(bufferOf(std::vector<std::uint8_t>(3), 7)); // too small: lost here
    bench.push(frame(8));
    bench.end();
    const Lines expected{"b0", "loss 1-2 device", "b3", "skip 4-5", "b6", "loss 7-7 corrupt", "b8", "eos"};
    EXPECT_EQ(bench.results.log({"b", "loss", "skip", "eos"}), expected);
    EXPECT_EQ(bench.out.log({"b", "loss", "skip", "eos"}), expected);
}

TEST(SimdProcResults, AFlushThrowsAwayWhatWaitsAndTheStreamGoesOn)
{
    ProcBench bench("statistics=true motion=1");
    bench.requestResults();
    bench.results.shut();
    ASSERT_TRUE(bench.start(kCaps));
    for (guint64 i = 0; i < 20; ++i)
        bench.push(frame(i));
    bench.results.waitBlocked();
    bench.pushEvent(gst_event_new_flush_start());
    bench.pushEvent(gst_event_new_flush_stop(TRUE));
    bench.results.open();
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    bench.pushEvent(gst_event_new_segment(&segment));
    bench.results.clearLog();
    bench.push(frame(50));
    bench.end();
    EXPECT_EQ(bench.results.log({"segment", "b", "loss", "eos"}), (Lines{"segment", "b50", "eos"}));
    EXPECT_EQ(bench.stat("results-dropped"), 20u);
    expectAllAccounted(bench);
    const Record record(bench.results.buffer(0).get(), bench.results.caps().get());
    EXPECT_EQ(record.get<guint64>("changed")[0], 0u) << "no frame before it";
}

TEST(SimdProcResults, ManyFlushesAgainstAStalledOrRunningBranchEndInOrder)
{
    ProcBench bench("statistics=true");
    bench.requestResults();
    bench.results.keepNothing();
    bench.out.keepNothing();
    ASSERT_TRUE(bench.start(kCaps));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    for (guint64 round = 0; round < 100; ++round) {
        if (round % 3 == 0)
            bench.results.shut();
        for (guint64 i = 0; i < round; ++i)
            ASSERT_EQ(bench.push(frame(i)), GST_FLOW_OK);
        bench.pushEvent(gst_event_new_flush_start());
        bench.pushEvent(gst_event_new_flush_stop(TRUE));
        bench.results.open();
        bench.pushEvent(gst_event_new_segment(&segment));
    }
    const std::size_t before = bench.results.count();
    bench.push(frame(7));
    EXPECT_TRUE(bench.results.waitFor(before + 1));
    bench.end();
    expectAllAccounted(bench);
}

TEST(SimdProcResults, ANewStreamBeginsOneThereTooAlsoAfterAnEnd)
{
    ProcBench bench("statistics=true");
    bench.requestResults();
    ASSERT_TRUE(bench.start(kCaps));
    bench.push(frame(0));
    bench.end();
    bench.results.clearLog();
    EXPECT_TRUE(bench.pushHeader(kCaps));
    EXPECT_EQ(bench.push(frame(1)), GST_FLOW_OK);
    EXPECT_TRUE(bench.results.waitForLine("b1"));
    EXPECT_EQ(bench.results.log(), (Lines{"stream-start", "caps", "segment", "b1"}));
}

TEST(SimdProcResults, WithNothingMeasuredTheEndComesAndAWarningSaysWhyNothingElseDoes)
{
    ProcBench bench("threshold=3");
    bench.requestResults();
    ASSERT_TRUE(bench.start(kCaps));
    bench.push(frame(0));
    bench.end();
    EXPECT_EQ(bench.results.log({"b", "eos"}), (Lines{"eos"}));
    const auto warnings = bench.texts(GST_MESSAGE_WARNING);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("statistics"), std::string::npos) << warnings[0];
}

TEST(SimdProcResults, LatencyIsAskedOfThePictureAndAPadThatOutlivesTheElementIsHarmless)
{
    ObjectPtr<GstPad> pad;
    {
        ProcBench bench("statistics=true");
        pad = refObject(bench.requestResults());
        ASSERT_TRUE(bench.start(kCaps));
        const QueryPtr query(gst_query_new_latency());
        gst_pad_set_query_function(bench.source(), [](GstPad *, GstObject *, GstQuery *asked) -> gboolean {
            if (GST_QUERY_TYPE(asked) == GST_QUERY_LATENCY)
                gst_query_set_latency(asked, TRUE, 5 * GST_MSECOND, 9 * GST_MSECOND);
            return TRUE;
        });
        EXPECT_TRUE(gst_pad_query(pad.get(), query.get()));
        gboolean live = FALSE;
        GstClockTime least = 0;
        gst_query_parse_latency(query.get(), &live, &least, nullptr);
        EXPECT_TRUE(live);
        EXPECT_GE(least, 5 * GST_MSECOND);
    }
    gst_pad_set_active(pad.get(), TRUE);
    gst_pad_set_active(pad.get(), FALSE);
}
