// SPDX-License-Identifier: LGPL-2.1-or-later
// When a recording opens and closes, and what is in it then.
#include "archive_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;
using Numbers = std::vector<std::uint64_t>;
using Names = std::vector<std::string>;

namespace {

guint64 number(const StructurePtr &fields, const char *name)
{
    guint64 value = 12345678;
    EXPECT_TRUE(gst_structure_get_uint64(fields.get(), name, &value)) << name;
    return value;
}

std::string text(const StructurePtr &fields, const char *name)
{
    const char *value = gst_structure_get_string(fields.get(), name);
    return value ? value : "";
}

void setRecording(ArchiveBench &bench, bool recording)
{
    g_object_set(bench.element(), "recording", gboolean(recording), nullptr);
}

bool isRecording(ArchiveBench &bench)
{
    gboolean recording = FALSE;
    g_object_get(bench.element(), "recording", &recording, nullptr);
    return recording;
}

} // namespace

TEST(UringArchiveLife, AtTheEosMessageEverythingIsOnDiskAndSaid)
{
    ArchiveBench bench;
    bench.start();
    bench.pushAll(0, 9);
    bench.eos();
    ASSERT_TRUE(bench.waitUntil([&] { return bench.countMessages(GST_MESSAGE_EOS) == 1; }));
    EXPECT_TRUE(bench.recorded().manifestHas("\"state\": \"closed\""));
    EXPECT_EQ(bench.recorded().index.size(), 10u);
    EXPECT_EQ(bench.news("dmaslab-recording-closed").size(), 1u);
    const auto stats = bench.news("dmaslab-stats");
    ASSERT_EQ(stats.size(), 1u);
    EXPECT_EQ(number(stats[0], "frames-archived"), 10u);
    EXPECT_EQ(text(stats[0], "element"), "archive");
}

TEST(UringArchiveLife, StoppingWithoutEosLosesNothing)
{
    ArchiveBench bench("commit-interval=3600000000000 batch-time=1000000000");
    bench.start();
    bench.pushAll(0, 9);
    bench.stop();
    EXPECT_EQ(bench.recorded().index.size(), 10u);
    EXPECT_TRUE(bench.recorded().manifestHas("\"state\": \"closed\""));
    EXPECT_EQ(bench.stat("frames-archived"), 10u);
    EXPECT_EQ(bench.stat("frames-pending"), 0u);
}

TEST(UringArchiveLife, ADrainQueryMakesEverythingDurable)
{
    ArchiveBench bench("commit-interval=3600000000000 batch-time=1000000000");
    bench.start();
    bench.pushAll(0, 4);
    bench.drain();
    EXPECT_EQ(bench.stat("frames-archived"), 5u);
    EXPECT_EQ(bench.recorded().index.size(), 5u);
}

TEST(UringArchiveLife, ABufferThatAsksForItIsDurableAtOnce)
{
    ArchiveBench bench("commit-interval=3600000000000 batch-time=1000000000");
    bench.start();
    bench.pushAll(0, 2);
    BufferPtr buffer = ArchiveBench::frame(3);
    GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_SYNC_AFTER);
    bench.push(std::move(buffer));
    EXPECT_EQ(bench.stat("frames-archived"), 4u);
}

TEST(UringArchiveLife, AFlushLosesNothingThatWasTaken)
{
    ArchiveBench bench;
    bench.start();
    bench.pushAll(0, 4);
    bench.flushStart();
    bench.flushStop();
    bench.pushAll(5, 9);
    bench.eos();
    EXPECT_EQ(bench.recorded().index.size(), 10u);
    EXPECT_TRUE(bench.recorded().losses.empty());
}

TEST(UringArchiveLife, APrerolledFrameThatIsFlushedIsNotRecorded)
{
    ArchiveBench bench;
    EXPECT_NE(bench.setState(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    bench.pushHeader(ArchiveBench::caps);
    std::thread thread([&] { EXPECT_EQ(bench.push(0), GST_FLOW_FLUSHING); });
    EXPECT_EQ(gst_element_get_state(bench.element(), nullptr, nullptr, GST_CLOCK_TIME_NONE),
              GST_STATE_CHANGE_SUCCESS); // prerolled
    bench.flushStart();
    thread.join();
    bench.flushStop();
    bench.pushAll(1, 3);
    bench.eos();
    EXPECT_EQ(bench.recorded().sequences(), (Numbers{1, 2, 3}));
    EXPECT_EQ(bench.stat("frames-in"), 3u);
}

TEST(UringArchiveLife, APrerolledFrameIsRecordedWhenItPlays)
{
    ArchiveBench bench;
    EXPECT_NE(bench.setState(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    bench.pushHeader(ArchiveBench::caps);
    std::thread thread([&] { EXPECT_EQ(bench.push(0), GST_FLOW_OK); });
    EXPECT_EQ(gst_element_get_state(bench.element(), nullptr, nullptr, GST_CLOCK_TIME_NONE),
              GST_STATE_CHANGE_SUCCESS);
    EXPECT_EQ(bench.stat("frames-in"), 0u);
    EXPECT_NE(bench.setState(GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
    thread.join();
    bench.eos();
    EXPECT_EQ(bench.recorded().sequences(), (Numbers{0}));
}

TEST(UringArchiveLife, EveryChangeOfStateIsPossibleAndARestartBeginsAnew)
{
    ArchiveBench bench;
    const GstState states[] = {GST_STATE_NULL, GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING};
    int runs = 0;
    for (const GstState from : states) {
        for (const GstState to : states) {
            g_object_set(bench.element(), "location", bench.location("-" + std::to_string(runs++)).c_str(),
                         nullptr);
            EXPECT_NE(bench.setState(from), GST_STATE_CHANGE_FAILURE) << from << " to " << to;
            EXPECT_NE(bench.setState(to), GST_STATE_CHANGE_FAILURE) << from << " to " << to;
            bench.stop();
        }
    }
    EXPECT_EQ(bench.countMessages(GST_MESSAGE_ERROR), 0);
    g_object_set(bench.element(), "location", bench.location().c_str(), nullptr);
    bench.start();
    bench.pushAll(3, 4);
    bench.eos();
    EXPECT_EQ(bench.recorded().sequences(), (Numbers{3, 4}));
    EXPECT_EQ(bench.stat("frames-in"), 2u);
}

TEST(UringArchiveLife, ARecordingWithoutAFrameSaysSo)
{
    ArchiveBench bench;
    bench.start();
    bench.eos();
    bench.stop();
    EXPECT_TRUE(bench.recorded().index.empty());
    EXPECT_TRUE(bench.recorded().manifestHas("\"state\": \"closed\""));
    EXPECT_TRUE(bench.news("dmaslab-recording-opened").empty());
    EXPECT_TRUE(bench.news("dmaslab-recording-closed").empty());
}

TEST(UringArchiveLife, EachStartOpensARecordingOfItsOwn)
{
    ArchiveBench bench;
    bench.start();
    bench.pushAll(0, 1);
    setRecording(bench, false);
    bench.waitForNews("dmaslab-recording-closed", 1);
    bench.pushAll(2, 3);
    setRecording(bench, true);
    bench.pushAll(4, 5);
    bench.eos();
    EXPECT_EQ(bench.directory().names(), (Names{"rec", "rec-1"}));
    EXPECT_EQ(bench.recorded().sequences(), (Numbers{0, 1}));
    EXPECT_EQ(bench.recorded("-1").sequences(), (Numbers{4, 5}));
    EXPECT_TRUE(bench.recorded("-1").losses.empty());
    EXPECT_EQ(bench.recorded("-1").index[0].dropsBefore, 0u);
    EXPECT_EQ(bench.stat("skipped"), 2u);
    EXPECT_EQ(bench.stat("frames-archived"), 4u);
    EXPECT_EQ(bench.news("dmaslab-recording-opened").size(), 2u);
    bench.expectConservation();
}

TEST(UringArchiveLife, WithRecordingFalseNothingIsMadeUntilItIsTrue)
{
    ArchiveBench bench("recording=false");
    bench.start();
    bench.pushAll(0, 1);
    EXPECT_TRUE(bench.directory().names().empty());
    int notified = 0;
    const auto count = +[](GstElement *, GParamSpec *, gpointer counter) { ++*static_cast<int *>(counter); };
    g_signal_connect(bench.element(), "notify::recording", G_CALLBACK(count), &notified);
    g_signal_emit_by_name(bench.element(), "start");
    EXPECT_TRUE(isRecording(bench));
    bench.pushAll(2, 3);
    g_signal_emit_by_name(bench.element(), "stop");
    EXPECT_FALSE(isRecording(bench));
    bench.pushAll(4, 5);
    bench.eos();
    EXPECT_EQ(notified, 2);
    EXPECT_EQ(bench.directory().names(), (Names{"rec"}));
    EXPECT_EQ(bench.recorded().sequences(), (Numbers{2, 3}));
}

TEST(UringArchiveLife, AfterNumFramesTheRecordingClosesByItself)
{
    ArchiveBench bench("num-frames=3 every-nth=2");
    bench.start();
    int notified = 0;
    const auto count = +[](GstElement *, GParamSpec *, gpointer counter) { ++*static_cast<int *>(counter); };
    g_signal_connect(bench.element(), "notify::recording", G_CALLBACK(count), &notified);
    bench.pushAll(0, 9);
    EXPECT_EQ(notified, 1);
    EXPECT_FALSE(isRecording(bench));
    bench.waitForNews("dmaslab-recording-closed", 1);
    EXPECT_EQ(bench.recorded().sequences(), (Numbers{0, 2, 4}));
    setRecording(bench, true);
    bench.pushAll(10, 19);
    bench.waitForNews("dmaslab-recording-closed", 2);
    EXPECT_EQ(bench.recorded("-1").sequences(), (Numbers{10, 12, 14}));
}

TEST(UringArchiveLife, MessagesTellOfRecordingsAndSegments)
{
    ArchiveBench bench;
    bench.start();
    bench.pushAll(0, 1);
    bench.drain();
    g_signal_emit_by_name(bench.element(), "split-now");
    bench.pushAll(2, 4);
    bench.eos();
    const auto opened = bench.news("dmaslab-recording-opened");
    ASSERT_EQ(opened.size(), 1u);
    EXPECT_EQ(text(opened[0], "location"), bench.location());
    EXPECT_EQ(text(opened[0], "numpy"),
              "np.load('" + bench.location() + "/frames-000000.npy', mmap_mode='r')");
    EXPECT_EQ(text(opened[0], "layout"), "plain");
    EXPECT_EQ(bench.news("dmaslab-segment-opened").size(), 2u);
    const auto segments = bench.news("dmaslab-segment-closed");
    ASSERT_EQ(segments.size(), 2u);
    EXPECT_EQ(text(segments[1], "location"), bench.location() + "/frames-000001.npy");
    EXPECT_EQ(number(segments[1], "frames"), 3u);
    EXPECT_EQ(number(segments[1], "first-sequence"), 2u);
    EXPECT_EQ(number(segments[1], "last-sequence"), 4u);
    EXPECT_EQ(number(segments[1], "first-pts"), 20 * GST_MSECOND);
    EXPECT_EQ(number(segments[1], "running-time"), 40 * GST_MSECOND);
    const auto closed = bench.news("dmaslab-recording-closed");
    ASSERT_EQ(closed.size(), 1u);
    EXPECT_EQ(number(closed[0], "frames"), 5u);
    EXPECT_EQ(number(closed[0], "lost"), 0u);
    EXPECT_EQ(number(closed[0], "first-sequence"), 0u);
    EXPECT_EQ(number(closed[0], "last-sequence"), 4u);
    EXPECT_EQ(bench.stat("segments"), 2u);
}

TEST(UringArchiveLife, NewCapsOpenASeriesInTheSameRecording)
{
    ArchiveBench bench;
    bench.start();
    bench.pushAll(0, 1);
    bench.pushHeader(ArchiveBench::caps); // the same once more: nothing new
    bench.pushAll(2, 2);
    bench.pushHeader("video/x-raw,format=GRAY16_LE,width=64,height=64,framerate=100/1");
    EXPECT_EQ(bench.push(ArchiveBench::frame(3, 8192)), GST_FLOW_OK);
    bench.eos();
    const Recorded recorded = bench.recorded();
    EXPECT_EQ(recorded.descrs, (Names{"'|u1'", "'<u2'"}));
    EXPECT_EQ(recorded.sequences(), (Numbers{0, 1, 2, 3}));
    EXPECT_EQ(recorded.frames[3].size(), 8192u);
    EXPECT_EQ(bench.directory().names(), (Names{"rec"}));
}

TEST(UringArchiveLife, CapsThatDescribeNoFrameAreRefused)
{
    ArchiveBench bench;
    bench.start("application/x-ndarray,dtype=(string)\"<f4\"");
    EXPECT_NE(bench.push(0), GST_FLOW_OK);
    const auto errors = bench.texts(GST_MESSAGE_ERROR);
    ASSERT_FALSE(errors.empty());
    EXPECT_NE(errors[0].find("shape"), std::string::npos) << errors[0];
}

TEST(UringArchiveLife, AHandlerMayStartTheNextRecordingFromTheNotification)
{
    ArchiveBench bench("num-frames=2");
    bench.start();
    const auto again = +[](GstElement *element, GParamSpec *, gpointer) {
        gboolean recording = TRUE;
        g_object_get(element, "recording", &recording, nullptr);
        if (!recording)
            g_object_set(element, "recording", TRUE, nullptr);
    };
    g_signal_connect(bench.element(), "notify::recording", G_CALLBACK(again), nullptr);
    bench.pushAll(0, 5);
    bench.eos();
    EXPECT_EQ(bench.directory().names(), (Names{"rec", "rec-1", "rec-2"}));
    EXPECT_EQ(bench.recorded("-2").sequences(), (Numbers{4, 5}));
}

TEST(UringArchiveLife, ADirectoryThatCannotBeMadeLaterEndsTheStreamWithOneError)
{
    ArchiveBench bench("recording=false");
    g_object_set(bench.element(), "location", bench.directory().path("missing/rec").c_str(), nullptr);
    bench.start();
    bench.push(0);
    setRecording(bench, true);
    EXPECT_EQ(bench.push(1), GST_FLOW_ERROR);
    EXPECT_EQ(bench.countMessages(GST_MESSAGE_ERROR), 1);
}

TEST(UringArchiveLife, RecordingsStartedAndStoppedUnderAStreamLoseNoFrameUncounted)
{
    ArchiveBench bench;
    bench.start();
    std::atomic<bool> done{false};
    std::thread toggler([&] {
        for (int i = 0; i < 12; ++i) {
            setRecording(bench, false);
            bench.waitUntil(
                [&, before = bench.stat("skipped")] { return done || bench.stat("skipped") > before; });
            setRecording(bench, true);
            bench.waitUntil(
                [&, before = bench.stat("frames-in")] { return done || bench.stat("frames-in") > before; });
        }
        done = true;
    });
    std::uint64_t pushed = 0;
    while (!done)
        EXPECT_EQ(bench.push(pushed++), GST_FLOW_OK);
    toggler.join();
    bench.eos();
    EXPECT_EQ(bench.stat("frames-in") + bench.stat("skipped"), pushed);
    EXPECT_EQ(bench.stat("frames-archived"), bench.stat("frames-in"));
    std::uint64_t recorded = 0;
    for (const std::string &name : bench.directory().names())
        recorded += Recorded(bench.directory().path(name)).index.size();
    EXPECT_EQ(recorded, bench.stat("frames-in"));
}
