// SPDX-License-Identifier: LGPL-2.1-or-later
// What a frame through simdproc costs in calls that the C library sees: no memory to map, and of the heap no
// more than GStreamer takes for a meta and for the shallow copy that may have to carry it.
#include "call_counters.h"
#include "simdproc_bench.h"
#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

constexpr int kWarm = 300, kFrames = 1000;

/** Per frame, when frames come from a pool and go back to it, and nobody takes results. */
CallCounts callsPerFrame(const std::string &properties, bool shared, bool changes = false)
{
    const auto pool = activePool(4, 64 * 48 * 2);
    ProcBench bench(properties);
    const ObjectPtr<GstPad> out(gst_element_get_static_pad(bench.element(), "src"));
    bench.out.unlink();
    const ObjectPtr<GstElement> sink(
        GST_ELEMENT(gst_object_ref_sink(gst_element_factory_make("fakesink", nullptr))));
    g_object_set(sink.get(), "async", FALSE, "enable-last-sample", FALSE, nullptr);
    const ObjectPtr<GstPad> in(gst_element_get_static_pad(sink.get(), "sink"));
    EXPECT_EQ(gst_pad_link(out.get(), in.get()), GST_PAD_LINK_OK);
    gst_element_set_state(sink.get(), GST_STATE_PLAYING);
    EXPECT_TRUE(bench.start(capsOf("GRAY16_LE", 64, 48)));
    CallCounts begin;
    for (int i = 0; i < kWarm + kFrames; ++i) {
        if (i == kWarm)
            begin = CallCounts::now();
        BufferPtr frame = take(pool);
        stamp(frame.get(), guint64(i));
        const BufferPtr other(shared ? gst_buffer_ref(frame.get()) : nullptr);
        EXPECT_EQ(bench.push(std::move(frame)), GST_FLOW_OK);
    }
    CallCounts calls = CallCounts::now();
    EXPECT_EQ(bench.stat("bytes-copied"), 0u);
    EXPECT_EQ(copied(pool), 0u);
    EXPECT_EQ(bench.stat("frames-in-place"), changes ? guint64(kWarm + kFrames) : 0u);
    calls.allocations -= begin.allocations;
    calls.mappings -= begin.mappings;
    calls.ioctls -= begin.ioctls;
    gst_element_set_state(sink.get(), GST_STATE_NULL);
    bench.stop();
    gst_pad_unlink(out.get(), in.get());
    EXPECT_EQ(calls.mappings, 0u);
    EXPECT_EQ(calls.ioctls, 0u);
    calls.allocations = (calls.allocations + kFrames / 2) / kFrames; // a latency message or two do not count
    return calls;
}

} // namespace

TEST(SimdProcCounters, ChangingPixelsTakesNothingFromTheHeap)
{
    if (!allocationsAreCounted())
        GTEST_SKIP() << "heap calls cannot be seen under a sanitizer, or without G_SLICE=always-malloc";
    EXPECT_EQ(callsPerFrame("threshold=100", false, true).allocations, 0u);
    EXPECT_EQ(callsPerFrame("threshold=100", true).allocations, 0u);
    EXPECT_EQ(callsPerFrame("window=auto bin=2", false).allocations, 0u);
}

TEST(SimdProcCounters, MeasuringTakesTheMetaOfGStreamer)
{
    if (!allocationsAreCounted())
        GTEST_SKIP() << "heap calls cannot be seen under a sanitizer, or without G_SLICE=always-malloc";
    // Two steps where the pool hands out buffers, one for the meta of the frame.
    EXPECT_EQ(callsPerFrame("statistics=true roi-mode=sum histogram=true motion=3", false).allocations, 1u);
    EXPECT_EQ(callsPerFrame("statistics=true threshold=5", false, true).allocations, 1u);
}

TEST(SimdProcCounters, AFrameThatOthersHoldTakesAShallowCopyMore)
{
    if (!allocationsAreCounted())
        GTEST_SKIP() << "heap calls cannot be seen under a sanitizer, or without G_SLICE=always-malloc";
    EXPECT_EQ(callsPerFrame("statistics=true", true).allocations, 2u);
}

TEST(SimdProcCounters, ThreadsChangeNothingOfThat)
{
    if (!allocationsAreCounted())
        GTEST_SKIP() << "heap calls cannot be seen under a sanitizer, or without G_SLICE=always-malloc";
    EXPECT_EQ(callsPerFrame("threshold=100 threads=2", false, true).allocations, 0u);
}
