// SPDX-License-Identifier: LGPL-2.1-or-later
// What recorded frames and their commits cost in calls that the C library sees: none to the heap, none to map
// memory.
#include <array>
#include <optional>

#include <fcntl.h>
#include <unistd.h>

#include "archive_bench.h"
#include "call_counters.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

constexpr guint64 kWarm = 600;
constexpr guint64 kFrames = 3000;
constexpr guint64 kCommitEvery = 500;

/** The header of the file of frames, which every commit changes, read without a call that is counted. */
class CommitWatch
{
public:
    ~CommitWatch() { close(file_); }
    void open(const std::string &path)
    {
        file_ = ::open(path.c_str(), O_RDONLY);
        EXPECT_GE(file_, 0);
        EXPECT_TRUE(read(known_));
    }
    /** Since the last look, or the next one there is. */
    bool waitForOne()
    {
        const auto end = std::chrono::steady_clock::now() + ArchiveBench::patience;
        while (read(now_) && now_ == known_) {
            if (std::chrono::steady_clock::now() > end)
                return false;
            std::this_thread::yield();
        }
        known_ = now_;
        return true;
    }

private:
    using Header = std::array<char, kArchiveBlock>;
    bool read(Header &header) const
    {
        return pread(file_, header.data(), header.size(), 0) == ssize_t(header.size());
    }

    int file_ = -1;
    Header known_{}, now_{};
};

/** Counts between two frames of a run, in front of the archive, with commits in between. */
struct Meter
{
    std::string frames; ///< path of the file
    std::atomic<guint64> seen{0};
    CommitWatch watch;
    guint64 commits = 0;
    CallCounts begin, end;

    static GstPadProbeReturn look(GstPad *, GstPadProbeInfo *, gpointer data)
    {
        auto &meter = *static_cast<Meter *>(data);
        const guint64 frame = ++meter.seen;
        if (frame == kWarm) {
            meter.watch.open(meter.frames);
            meter.begin = CallCounts::now();
        }
        if (frame <= kWarm || frame > kWarm + kFrames)
            return GST_PAD_PROBE_OK;
        if ((frame - kWarm) % kCommitEvery == 0)
            meter.commits += meter.watch.waitForOne();
        if (frame == kWarm + kFrames)
            meter.end = CallCounts::now();
        return GST_PAD_PROBE_OK;
    }
};

std::optional<CallCounts> callsOfARun(const std::string &properties)
{
    TemporaryDirectory directory;
    const std::string line = "dmaslabsrc name=src backend=test pacing=off slabs=100 num-buffers=" +
                             std::to_string(kWarm + kFrames + 1) +
                             " ! video/x-raw,format=GRAY8,width=64,height=64,framerate=1000/1 ! uringarchive "
                             "segment-bytes=33554432 commit-interval=20000000 location=" +
                             directory.path("rec") + " " + properties;
    const ObjectPtr<GstElement> pipeline(
        GST_ELEMENT(gst_object_ref_sink(gst_parse_launch(line.c_str(), nullptr))));
    const ObjectPtr<GstElement> source(gst_bin_get_by_name(GST_BIN(pipeline.get()), "src"));
    const ObjectPtr<GstPad> pad(gst_element_get_static_pad(source.get(), "src"));
    Meter meter;
    meter.frames = directory.path("rec/") + framesName(0);
    gst_pad_add_probe(pad.get(), GST_PAD_PROBE_TYPE_BUFFER, Meter::look, &meter, nullptr);
    gst_element_set_state(pipeline.get(), GST_STATE_PLAYING);
    const ObjectPtr<GstBus> bus(gst_element_get_bus(pipeline.get()));
    const MessagePtr end(gst_bus_timed_pop_filtered(bus.get(), 60 * GST_SECOND,
                                                    GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
    EXPECT_TRUE(end && GST_MESSAGE_TYPE(end.get()) == GST_MESSAGE_EOS);
    gst_element_set_state(pipeline.get(), GST_STATE_NULL);
    if (meter.seen <= kWarm + kFrames)
        return std::nullopt;
    EXPECT_EQ(meter.commits, kFrames / kCommitEvery);
    CallCounts calls = meter.end;
    calls.allocations -= meter.begin.allocations;
    calls.mappings -= meter.begin.mappings;
    calls.ioctls -= meter.begin.ioctls;
    return calls;
}

/** What a frame or a commit costs shows up in every run; what other threads do for the start does not. */
void expectNothingPerFrame(const std::string &properties)
{
    if (!allocationsAreCounted())
        GTEST_SKIP() << "heap calls cannot be seen under a sanitizer, or without G_SLICE=always-malloc";
    std::optional<CallCounts> calls;
    for (int run = 0; run < 8; ++run) {
        calls = callsOfARun(properties);
        ASSERT_TRUE(calls);
        if (calls->allocations + calls->mappings + calls->ioctls == 0)
            return;
    }
    EXPECT_EQ(calls->allocations, 0u) << properties;
    EXPECT_EQ(calls->mappings, 0u) << properties;
    EXPECT_EQ(calls->ioctls, 0u) << properties;
}

} // namespace

TEST(UringArchiveCounters, AFrameAndItsCommitTakeNothingFromTheHeap)
{
    expectNothingPerFrame("");
}

TEST(UringArchiveCounters, AFrameThatIsLeftOutTakesNothingFromTheHeap)
{
    expectNothingPerFrame("every-nth=5");
}

TEST(UringArchiveCounters, AFrameAndItsCommitByAThreadTakeNothingFromTheHeap)
{
    expectNothingPerFrame("io=pwrite");
}
