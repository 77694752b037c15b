// SPDX-License-Identifier: LGPL-2.1-or-later
// uringarchivesrc: positions, by time and by frame.
#include <thread>

#include "common/loss_ledger.h"
#include "replay_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

using Story = std::vector<std::string>;
constexpr GstClockTime kPeriod = 10 * GST_MSECOND;
constexpr GstClockTime kFirst = 5 * GST_SECOND;
constexpr auto kFlush = GST_SEEK_FLAG_FLUSH;

/** 100 frames from 5 s on, in segments of 7; shut at the first, so that the rest waits for the seek. */
class ReplaySeek : public testing::Test
{
protected:
    void SetUp() override
    {
        makeGrey(path(), 100, gint64(kFirst), 7);
        bench_.emplace(path());
    }
    std::string path() const { return dir_.path() + "/recording"; }
    void playAndHold()
    {
        bench_->shut();
        bench_->play();
        bench_->waitForFrames(1);
    }
    /** After a seek: to the end of what it asked for. */
    Story rest()
    {
        bench_->open();
        bench_->waitUntil([&] { return bench_->times("eos") + bench_->times("segment-done") > 0; },
                          "the end");
        return bench_->storyAfterFlush();
    }
    static Story lines(unsigned first, unsigned last, const char *end = "eos")
    {
        Story story = bufferLines(first, last);
        story.push_back(end);
        return story;
    }
    /** The last segment event, and the running time of a frame in it. */
    GstClockTime runningTimeOf(GstClockTime pts)
    {
        const EventPtr event(gst_pad_get_sticky_event(bench_->pad(), GST_EVENT_SEGMENT, 0));
        if (!event)
            return GST_CLOCK_TIME_NONE;
        gst_event_copy_segment(event.get(), &segment_);
        return gst_segment_to_running_time(&segment_, GST_FORMAT_TIME, pts);
    }

    TempDir dir_;
    std::optional<ReplayBench> bench_;
    GstSegment segment_{};
};

} // namespace

TEST_F(ReplaySeek, RunningTimeBeginsWithTheFirstFrameAndStreamTimeIsAsRecorded)
{
    playAndHold();
    EXPECT_EQ(bench_->arrivals()[0].pts, kFirst);
    EXPECT_EQ(runningTimeOf(kFirst + kPeriod), kPeriod);
    EXPECT_EQ(gst_segment_to_stream_time(&segment_, GST_FORMAT_TIME, kFirst), kFirst);
}

TEST_F(ReplaySeek, ByTimeToTheFrameThatIsShownThen)
{
    playAndHold();
    ASSERT_TRUE(bench_->seek(GST_FORMAT_TIME, gint64(kFirst + 42 * kPeriod)));
    EXPECT_EQ(rest(), lines(42, 99));
    EXPECT_EQ(runningTimeOf(kFirst + 42 * kPeriod), 0u);
    EXPECT_EQ(segment_.time, kFirst + 42 * kPeriod);
    EXPECT_EQ(bench_->frames().back().bytes, pixels(kGreyBytes, 99));
}

TEST_F(ReplaySeek, BetweenTwoFramesIsTheEarlierOne)
{
    playAndHold();
    ASSERT_TRUE(bench_->seek(GST_FORMAT_TIME, gint64(kFirst + 42 * kPeriod + kPeriod / 2)));
    EXPECT_EQ(rest(), lines(42, 99));
    EXPECT_EQ(segment_.start, 0u) << "not looked at yet";
    EXPECT_EQ(runningTimeOf(kFirst + 43 * kPeriod), kPeriod / 2);
}

TEST_F(ReplaySeek, ByFrame)
{
    playAndHold();
    ASSERT_TRUE(bench_->seek(GST_FORMAT_DEFAULT, 77));
    EXPECT_EQ(rest(), lines(77, 99));
}

TEST_F(ReplaySeek, ByFrameFromTheEnd)
{
    playAndHold();
    ASSERT_TRUE(gst_element_seek(bench_->element(), 1, GST_FORMAT_DEFAULT, kFlush, GST_SEEK_TYPE_END, -3,
                                 GST_SEEK_TYPE_NONE, 0));
    EXPECT_EQ(rest(), lines(97, 99));
}

TEST_F(ReplaySeek, ByTimeFromTheEnd)
{
    playAndHold();
    ASSERT_TRUE(gst_element_seek(bench_->element(), 1, GST_FORMAT_TIME, kFlush, GST_SEEK_TYPE_END,
                                 -gint64(2 * kPeriod), GST_SEEK_TYPE_NONE, 0));
    EXPECT_EQ(rest(), lines(98, 99));
}

TEST_F(ReplaySeek, StopsWhereToldByTimeAndByFrame)
{
    playAndHold();
    ASSERT_TRUE(bench_->seek(GST_FORMAT_TIME, gint64(kFirst + 10 * kPeriod), gint64(kFirst + 15 * kPeriod)));
    EXPECT_EQ(rest(), lines(10, 14));
    ReplayBench other(path());
    other.shut();
    other.play();
    other.waitForFrames(1);
    ASSERT_TRUE(other.seek(GST_FORMAT_DEFAULT, 20, 22));
    other.open();
    other.waitForLog("eos");
    EXPECT_EQ(other.storyAfterFlush(), lines(20, 21));
}

TEST_F(ReplaySeek, ASegmentEndsWithSegmentDoneAndGoesOnWithoutAFlush)
{
    playAndHold();
    ASSERT_TRUE(bench_->seek(GST_FORMAT_DEFAULT, 5, 8, GstSeekFlags(kFlush | GST_SEEK_FLAG_SEGMENT)));
    EXPECT_EQ(rest(), lines(5, 7, "segment-done"));
    const MessagePtr done = bench_->pop(GST_MESSAGE_SEGMENT_DONE);
    ASSERT_TRUE(done);
    ASSERT_TRUE(bench_->seek(GST_FORMAT_DEFAULT, 2, 4, GST_SEEK_FLAG_NONE));
    bench_->waitForLog("eos");
    Story expected = lines(5, 7, "segment-done");
    for (const char *line : {"b2!", "b3", "eos"})
        expected.push_back(line);
    EXPECT_EQ(bench_->storyAfterFlush(), expected);
    EXPECT_EQ(runningTimeOf(kFirst + 2 * kPeriod), 3 * kPeriod) << "running time goes on";
}

TEST_F(ReplaySeek, AnotherSpeedIsTheSegmentsBackwardsIsRefused)
{
    playAndHold();
    EXPECT_FALSE(bench_->seek(GST_FORMAT_TIME, 0, gint64(kFirst + kPeriod), kFlush, -1));
    EXPECT_EQ(bench_->times("flush-start"), 0u) << "refused before anything is thrown away";
    ASSERT_TRUE(bench_->seek(GST_FORMAT_DEFAULT, 90, -1, kFlush, 2.0));
    EXPECT_EQ(rest(), lines(90, 99));
    EXPECT_EQ(runningTimeOf(kFirst + 92 * kPeriod), kPeriod);
}

TEST_F(ReplaySeek, BeforeTheBeginningIsTheBeginningBehindTheEndIsTheEnd)
{
    playAndHold();
    ASSERT_TRUE(bench_->seek(GST_FORMAT_TIME, 0));
    bench_->open();
    bench_->waitForLog("eos");
    EXPECT_EQ(bench_->storyAfterFlush(), lines(0, 99));
    EXPECT_EQ(runningTimeOf(kFirst), 0u);
    ASSERT_TRUE(bench_->seek(GST_FORMAT_TIME, gint64(kFirst + 1000 * kPeriod)));
    bench_->waitForTimes("eos", 2);
    EXPECT_EQ(bench_->storyAfterFlush(), Story{"eos"});
}

TEST_F(ReplaySeek, ASeekBeforeTheStartHolds)
{
    ASSERT_TRUE(gst_element_set_state(bench_->element(), GST_STATE_READY));
    ASSERT_TRUE(bench_->seek(GST_FORMAT_TIME, gint64(kFirst + 95 * kPeriod)));
    bench_->play();
    bench_->waitForLog("eos");
    EXPECT_EQ(bench_->story(), lines(95, 99));
}

TEST_F(ReplaySeek, NothingIsLostByAFlushThatSomebodyWanted)
{
    playAndHold();
    for (const gint64 frame : {50, 3, 98}) {
        ASSERT_TRUE(bench_->seek(GST_FORMAT_DEFAULT, frame));
        bench_->waitUntil([&] { return !bench_->storyAfterFlush().empty(); },
                          "the first frame of the new position");
    }
    EXPECT_EQ(rest(), lines(98, 99));
    bench_->stop();
    bench_->expectConservation();
    for (const std::string &line : bench_->log())
        EXPECT_FALSE(line.starts_with("loss")) << line;
}

// The one moment when a flush can catch a frame of ours: it was given to the base class, and what has to be
// told before it is on its way.
TEST(ReplaySeeks, AFrameThatASeekCaughtIsCountedAndNotAnnounced)
{
    const TempDir dir;
    const std::string path = dir.path() + "/recording";
    RecordingBuilder builder(path);
    builder.beginSeries(greyFormat(64, 64));
    for (const std::uint64_t sequence : {0u, 5u, 6u})
        builder.add(pixels(kGreyBytes), {.sequence = sequence});
    builder.lose(1, 4, 4, "queue", "branch");
    builder.close();
    ReplayBench bench(path);
    struct Gate
    {
        std::atomic<bool> reached{false}, open{false};
    } gate;
    const ObjectPtr<GstPad> peer(gst_pad_get_peer(bench.pad()));
    gst_pad_add_probe(
        peer.get(), GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
        [](GstPad *, GstPadProbeInfo *info, gpointer user) {
            auto &all = *static_cast<Gate *>(user);
            if (isLedgerEvent(GST_PAD_PROBE_INFO_EVENT(info)) && !all.reached.exchange(true))
                while (!all.open)
                    std::this_thread::yield();
            return GST_PAD_PROBE_OK;
        },
        &gate, nullptr);
    bench.play();
    bench.waitUntil([&] { return gate.reached.load(); }, "the loss before frame 5");
    std::thread seeker([&] { EXPECT_TRUE(bench.seek(GST_FORMAT_DEFAULT, 2)); });
    bench.waitForLog("flush-start");
    gate.open = true;
    seeker.join();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.storyAfterFlush(), (Story{"b6!", "eos"}));
    bench.stop();
    bench.expectConservation();
    EXPECT_EQ(bench.stat("dropped-flush"), 1u);
}

TEST_F(ReplaySeek, Queries)
{
    playAndHold();
    GstElement *element = bench_->element();
    gint64 value = 0;
    ASSERT_TRUE(gst_element_query_duration(element, GST_FORMAT_DEFAULT, &value));
    EXPECT_EQ(value, 100);
    ASSERT_TRUE(gst_element_query_duration(element, GST_FORMAT_TIME, &value));
    EXPECT_EQ(value, gint64(kFirst + 100 * kPeriod));
    ASSERT_TRUE(gst_element_query_convert(element, GST_FORMAT_DEFAULT, 30, GST_FORMAT_TIME, &value));
    EXPECT_EQ(value, gint64(kFirst + 30 * kPeriod));
    ASSERT_TRUE(gst_element_query_convert(element, GST_FORMAT_TIME, gint64(kFirst + 30 * kPeriod + 1),
                                          GST_FORMAT_DEFAULT, &value));
    EXPECT_EQ(value, 30);
    EXPECT_FALSE(gst_element_query_convert(element, GST_FORMAT_BYTES, 30, GST_FORMAT_TIME, &value));
    for (const auto &[format, begin, end] :
         {std::tuple{GST_FORMAT_TIME, gint64(kFirst), gint64(kFirst + 100 * kPeriod)},
          std::tuple{GST_FORMAT_DEFAULT, gint64(0), gint64(100)}}) {
        const QueryPtr query(gst_query_new_seeking(format));
        ASSERT_TRUE(gst_element_query(element, query.get()));
        gboolean seekable = FALSE;
        gint64 from = 0, to = 0;
        gst_query_parse_seeking(query.get(), nullptr, &seekable, &from, &to);
        EXPECT_TRUE(seekable);
        EXPECT_EQ(from, begin);
        EXPECT_EQ(to, end);
    }
    ASSERT_TRUE(bench_->seek(GST_FORMAT_DEFAULT, 60));
    bench_->waitUntil([&] { return !bench_->storyAfterFlush().empty(); }, "frame 60");
    ASSERT_TRUE(gst_element_query_position(element, GST_FORMAT_TIME, &value));
    EXPECT_EQ(value, gint64(kFirst + 61 * kPeriod)) << "the end of the frame that was pushed";
    ASSERT_TRUE(gst_element_query_position(element, GST_FORMAT_DEFAULT, &value));
    EXPECT_EQ(value, 61);
}

TEST(ReplaySeeks, IntoAnotherSeriesAndBack)
{
    const TempDir dir;
    const std::string path = dir.path() + "/recording";
    RecordingBuilder builder(path);
    for (const std::uint64_t size : {32u, 64u}) {
        builder.beginSeries(greyFormat(size, 64));
        for (unsigned i = 0; i < 10; ++i)
            builder.add(pixels(size * 64 * 2, i));
    }
    builder.close();
    ReplayBench bench(path);
    bench.play();
    bench.waitForLog("eos");
    ASSERT_TRUE(bench.seek(GST_FORMAT_DEFAULT, 3, 5));
    bench.waitForTimes("eos", 2);
    EXPECT_EQ(bench.storyAfterFlush(), (Story{"b3!", "b4", "eos"}));
    EXPECT_EQ(bench.currentCaps(), greyFormat(32, 64).caps);
    EXPECT_EQ(bench.frames().back().bytes, pixels(32 * 64 * 2, 4));
    ASSERT_TRUE(bench.seek(GST_FORMAT_DEFAULT, 9));
    bench.waitForTimes("eos", 3);
    EXPECT_EQ(bench.currentCaps(), greyFormat(64, 64).caps);
}

TEST(ReplaySeeks, LossesBeforeThePositionAreNotToldAgain)
{
    const TempDir dir;
    const std::string path = dir.path() + "/recording";
    RecordingBuilder builder(path);
    builder.beginSeries(greyFormat(64, 64));
    for (const std::uint64_t sequence : {0u, 5u, 10u, 15u}) {
        builder.add(pixels(kGreyBytes), {.sequence = sequence, .flags = kFrameDiscont});
        builder.lose(sequence + 1, sequence + 4, 4, "queue", "branch");
    }
    builder.close();
    ReplayBench bench(path);
    bench.play();
    bench.waitForLog("eos");
    ASSERT_TRUE(bench.seek(GST_FORMAT_DEFAULT, 2, 3));
    bench.waitForTimes("eos", 2);
    EXPECT_EQ(bench.storyAfterFlush(), (Story{"b10!", "eos"})) << "neither those behind the stop";
    ASSERT_TRUE(bench.seek(GST_FORMAT_DEFAULT, 2));
    bench.waitForTimes("eos", 3);
    EXPECT_EQ(bench.storyAfterFlush(),
              (Story{"b10!", "loss 11-14 queue", "b15!", "loss 16-19 queue", "eos"}));
}

TEST(ReplaySeeks, EncodedFramesBeginWhereTheyCanBeDecoded)
{
    const TempDir dir;
    const std::string path = dir.path() + "/recording";
    RecordingBuilder builder(path);
    builder.beginSeries(blobFormat());
    for (unsigned i = 0; i < 12; ++i)
        builder.add(pixels(100 + i), {.flags = std::uint16_t(i % 4 == 0 ? 0 : kFrameDelta)});
    builder.close();
    ReplayBench bench(path);
    bench.play();
    bench.waitForLog("eos");
    ASSERT_TRUE(bench.seek(GST_FORMAT_TIME, gint64(10 * kPeriod)));
    bench.waitForTimes("eos", 2);
    EXPECT_EQ(bench.storyAfterFlush(), (Story{"b8!", "b9", "b10", "b11", "eos"}));
}
