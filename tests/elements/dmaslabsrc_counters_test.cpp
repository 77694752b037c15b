// SPDX-License-Identifier: LGPL-2.1-or-later
// What a frame of dmaslabsrc costs in calls that the C library sees: none to the heap, none to map memory.
#include <optional>

#include "../unit/capture_test_files.h"
#include "call_counters.h"
#include "source_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

constexpr guint64 kWarm = 300; // every slab has had its turn
constexpr guint64 kFrames = 3000;

/** Counts between two frames of a run; behind the source is nothing but GStreamer's own sink. */
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

/** Empty when the run itself failed. */
std::optional<CallCounts> callsOfARun(const std::string &properties, const std::string &caps)
{
    Meter meter;
    const auto pipeline =
        launch("pipeline. ( dmaslabsrc name=src num-buffers=" + std::to_string(kWarm + kFrames + 1) + " " +
               properties + " ! " + caps + " ! fakesink sync=false )");
    const ObjectPtr<GstElement> source(gst_bin_get_by_name(GST_BIN(pipeline.get()), "src"));
    const ObjectPtr<GstPad> pad(gst_element_get_static_pad(source.get(), "src"));
    gst_pad_add_probe(pad.get(), GST_PAD_PROBE_TYPE_BUFFER, Meter::look, &meter, nullptr);
    const MessagePtr end = runToEnd(pipeline.get());
    EXPECT_TRUE(end && GST_MESSAGE_TYPE(end.get()) == GST_MESSAGE_EOS) << textOf(end.get());
    gst_element_set_state(pipeline.get(), GST_STATE_NULL);
    if (meter.seen <= kWarm + kFrames)
        return std::nullopt;
    CallCounts calls = meter.end;
    calls.allocations -= meter.begin.allocations;
    calls.mappings -= meter.begin.mappings;
    calls.ioctls -= meter.begin.ioctls;
    return calls;
}

/**
 * The counts are the whole process's, and GStreamer's other threads may still be telling the bus of the start
 * when the frames are under way. What a frame costs shows up in every run, what a start costs does not.
 */
void expectNothingPerFrame(const std::string &properties, const std::string &caps)
{
    std::optional<CallCounts> calls;
    for (int run = 0; run < 8; ++run) {
        calls = callsOfARun(properties, caps);
        ASSERT_TRUE(calls) << properties;
        if (calls->allocations + calls->mappings + calls->ioctls == 0)
            return;
    }
    EXPECT_EQ(calls->allocations, 0u) << properties;
    EXPECT_EQ(calls->mappings, 0u) << properties;
    EXPECT_EQ(calls->ioctls, 0u) << properties;
}

class DmaSlabSrcCounters : public testing::Test
{
protected:
    void SetUp() override
    {
        if (!allocationsAreCounted())
            GTEST_SKIP() << "heap calls cannot be seen under a sanitizer, or without G_SLICE=always-malloc";
    }
    const std::string caps_ = "video/x-raw,format=GRAY16_LE,width=64,height=32,framerate=2000/1";
};

} // namespace

TEST_F(DmaSlabSrcCounters, AFrameWithoutDeadlinesTakesNothingFromTheHeap)
{
    expectNothingPerFrame("backend=test pacing=off", caps_);
}

TEST_F(DmaSlabSrcCounters, APrefilledFrameTakesNothingFromTheHeap)
{
    expectNothingPerFrame("backend=test pacing=off pattern=prefilled", caps_);
}

TEST_F(DmaSlabSrcCounters, AFrameAtItsDeadlineTakesNothingFromTheHeap)
{
    // Burst: a loaded machine must not turn this into a count of losses, which do take memory.
    expectNothingPerFrame("backend=test on-overrun=burst on-starvation=wait", caps_);
}

TEST_F(DmaSlabSrcCounters, AFrameOfAFileTakesNothingFromTheHeap)
{
    const TempDir dir;
    std::string file = npyHeader(npyDict("<u2", "(50, 32, 64)"));
    for (unsigned i = 0; i < 50; ++i)
        file += pixels(32 * 64 * 2, i);
    expectNothingPerFrame("pacing=off loop=true location=" + dir.write("many.npy", file),
                          "video/x-raw,framerate=2000/1");
}
