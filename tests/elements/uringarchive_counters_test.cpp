// SPDX-License-Identifier: LGPL-2.1-or-later
// What a recorded frame costs in calls that the C library sees: none to the heap, none to map memory.
#include <optional>

#include "archive_bench.h"
#include "call_counters.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

constexpr guint64 kWarm = 600;
constexpr guint64 kFrames = 3000;

/** Counts between two frames of a run, in front of the archive. */
struct Meter
{
    std::atomic<guint64> seen{0};
    CallCounts begin, end;

    static GstPadProbeReturn look(GstPad *, GstPadProbeInfo *, gpointer data)
    {
        auto &meter = *static_cast<Meter *>(data);
        const guint64 frame = ++meter.seen;
        if (frame == kWarm)
            meter.begin = CallCounts::now();
        else if (frame == kWarm + kFrames)
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
                             "segment-bytes=33554432 commit-interval=60000000000 location=" +
                             directory.path("rec") + " " + properties;
    const ObjectPtr<GstElement> pipeline(
        GST_ELEMENT(gst_object_ref_sink(gst_parse_launch(line.c_str(), nullptr))));
    const ObjectPtr<GstElement> source(gst_bin_get_by_name(GST_BIN(pipeline.get()), "src"));
    const ObjectPtr<GstPad> pad(gst_element_get_static_pad(source.get(), "src"));
    Meter meter;
    gst_pad_add_probe(pad.get(), GST_PAD_PROBE_TYPE_BUFFER, Meter::look, &meter, nullptr);
    gst_element_set_state(pipeline.get(), GST_STATE_PLAYING);
    const ObjectPtr<GstBus> bus(gst_element_get_bus(pipeline.get()));
    const MessagePtr end(gst_bus_timed_pop_filtered(bus.get(), 60 * GST_SECOND,
                                                    GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
    EXPECT_TRUE(end && GST_MESSAGE_TYPE(end.get()) == GST_MESSAGE_EOS);
    gst_element_set_state(pipeline.get(), GST_STATE_NULL);
    if (meter.seen <= kWarm + kFrames)
        return std::nullopt;
    CallCounts calls = meter.end;
    calls.allocations -= meter.begin.allocations;
    calls.mappings -= meter.begin.mappings;
    calls.ioctls -= meter.begin.ioctls;
    return calls;
}

/** What a frame costs shows up in every run; what other threads do for the start does not. */
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

TEST(UringArchiveCounters, AFrameTakesNothingFromTheHeap)
{
    expectNothingPerFrame("");
}

TEST(UringArchiveCounters, AFrameThatIsLeftOutTakesNothingFromTheHeap)
{
    expectNothingPerFrame("every-nth=5");
}

TEST(UringArchiveCounters, AFrameWrittenByAThreadTakesNothingFromTheHeap)
{
    expectNothingPerFrame("io=pwrite");
}
