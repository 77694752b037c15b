// SPDX-License-Identifier: LGPL-2.1-or-later
// Every frame slabqueue loses is counted once, named downstream, and nobody else's.
#include <thread>

#include "element_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;
using Lines = std::vector<std::string>;

namespace {

void expectConservation(ElementBench &bench)
{
    EXPECT_TRUE(bench.waitUntil([&] { return bench.stat("frames-in-flight") == 0; }));
    EXPECT_EQ(bench.stat("frames-in"), bench.stat("frames-out") + bench.stat("dropped"));
    EXPECT_EQ(bench.stat("dropped"), bench.stat("dropped-queue") + bench.stat("dropped-slow-consumer") +
                                         bench.stat("dropped-flush") + bench.stat("dropped-error"));
}

/** Shuts the sink with frame 0 in it. */
void stall(ElementBench &bench)
{
    bench.start();
    bench.clearLog();
    bench.shut();
    bench.push(0);
    bench.waitBlocked();
}

} // namespace

TEST(SlabQueueLoss, LeakyUpstreamLosesTheNewFramesAndNamesThem)
{
    ElementBench bench("slabqueue leaky=upstream max-size-buffers=3");
    stall(bench);
    for (int i = 1; i < 10; ++i)
        EXPECT_EQ(bench.push(i), GST_FLOW_OK);
    EXPECT_EQ(bench.stat("dropped-queue"), 6u);
    bench.letThrough(1);
    bench.waitForLog("b0");
    EXPECT_TRUE(bench.waitUntil([&] { return bench.stat("queue-level") == 2; }));
    bench.push(10);
    bench.open();
    bench.waitForLog("b10!");
    EXPECT_EQ(bench.log(), (Lines{"b0", "b1", "b2", "b3", "loss 4-9 queue", "b10!"}));
    expectConservation(bench);
}

TEST(SlabQueueLoss, LeakyDownstreamLosesTheOldFramesAndNamesThem)
{
    ElementBench bench("slabqueue leaky=downstream max-size-buffers=3");
    stall(bench);
    for (int i = 1; i < 10; ++i)
        EXPECT_EQ(bench.push(i), GST_FLOW_OK);
    bench.open();
    bench.waitForLog("b9");
    EXPECT_EQ(bench.log(), (Lines{"b0", "loss 1-6 queue", "b7!", "b8", "b9"}));
    expectConservation(bench);
}

TEST(SlabQueueLoss, LossesAtTheEndAreNamedBeforeEos)
{
    ElementBench bench("slabqueue leaky=upstream max-size-buffers=1");
    stall(bench);
    for (int i = 1; i < 5; ++i)
        bench.push(i);
    bench.pushEvent(gst_event_new_eos());
    bench.open();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.log(), (Lines{"b0", "b1", "loss 2-4 queue", "eos"}));
}

TEST(SlabQueueLoss, ALossStandsOnItsSideOfTheEvents)
{
    ElementBench bench("slabqueue leaky=downstream max-size-buffers=2");
    stall(bench);
    bench.pushEvent(ElementBench::mark("a"));
    bench.push(1);
    bench.pushEvent(ElementBench::mark("b"));
    bench.push(2);
    bench.pushEvent(ElementBench::mark("c"));
    bench.push(3); // 1 is lost
    bench.push(4); // 2 is lost
    bench.open();
    bench.waitForLog("b4");
    EXPECT_EQ(bench.log(),
              (Lines{"b0", "mark a", "loss 1-1 queue", "mark b", "loss 2-2 queue", "mark c", "b3!", "b4"}));
}

TEST(SlabQueueLoss, StreamsWithoutNumbersAreCountedFromTheirBeginning)
{
    ElementBench bench("slabqueue leaky=upstream max-size-buffers=1");
    bench.start();
    bench.clearLog();
    bench.shut();
    bench.push(BufferPtr(gst_buffer_new()));
    bench.waitBlocked();
    for (int i = 1; i < 6; ++i)
        bench.push(BufferPtr(gst_buffer_new()));
    bench.pushEvent(gst_event_new_eos());
    bench.open();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.log({"loss"}), (Lines{"loss 2-5 queue"}));
}

TEST(SlabQueueLoss, CountedNumbersIncludeTheFramesLostBefore)
{
    ElementBench bench("slabqueue leaky=upstream max-size-buffers=1");
    bench.start();
    bench.shut();
    bench.push(BufferPtr(gst_buffer_new()));
    bench.waitBlocked();
    for (int i = 1; i < 6; ++i) // 1 stays, 2 to 5 are lost
        bench.push(BufferPtr(gst_buffer_new()));
    bench.letThrough(1);
    bench.waitBlocked(); // 1 is in the sink now
    EXPECT_TRUE(bench.waitUntil([&] { return bench.stat("queue-level") == 0; }));
    bench.push(BufferPtr(gst_buffer_new())); // 6
    g_object_set(bench.element(), "leaky", 2, nullptr);
    bench.clearLog();
    bench.push(BufferPtr(gst_buffer_new())); // 7, and 6 is lost
    bench.pushEvent(gst_event_new_eos());
    bench.open();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.log({"loss"}), (Lines{"loss 2-6 queue"}));
}

TEST(SlabQueueLoss, AStalledSinkCostsExactlyTheFramesThatDoNotFit)
{
    for (const char *leaky : {"upstream", "downstream"}) {
        SCOPED_TRACE(leaky);
        ElementBench bench((std::string("slabqueue max-size-buffers=7 leaky=") + leaky).c_str());
        stall(bench);
        for (int i = 1; i < 1000; ++i)
            bench.push(i);
        EXPECT_EQ(bench.stat("frames-in"), 1000u);
        EXPECT_EQ(bench.stat("frames-in-flight"), 8u); // seven inside, one in the sink
        EXPECT_EQ(bench.stat("dropped-queue"), 992u);
        bench.pushEvent(gst_event_new_eos());
        bench.open();
        bench.waitForLog("eos");
        EXPECT_EQ(bench.stat("frames-out"), 8u);
        EXPECT_EQ(bench.log({"b"}).size(), 8u);
        EXPECT_EQ(bench.log({"loss"}).size(), 1u);
        expectConservation(bench);
    }
}

TEST(SlabQueueLoss, OneQosMessagePerRunOfLosses)
{
    ElementBench bench("slabqueue leaky=upstream max-size-buffers=1");
    stall(bench);
    for (int i = 1; i < 500; ++i)
        bench.push(i);
    const auto message = bench.popMessage(GST_MESSAGE_QOS);
    ASSERT_TRUE(message);
    guint64 runningTime = 0;
    gst_message_parse_qos(message.get(), nullptr, &runningTime, nullptr, nullptr, nullptr);
    EXPECT_EQ(runningTime, 2 * GST_MSECOND) << "frame 2 was the first that did not fit";
    EXPECT_EQ(bench.countMessages(GST_MESSAGE_QOS), 0);
}

TEST(SlabQueueLoss, ASharedFrameIsMarkedOnACopyThatKeepsItsPixels)
{
    ElementBench bench("slabqueue leaky=upstream max-size-buffers=1");
    stall(bench);
    bench.push(1);
    bench.push(2); // lost
    bench.letThrough(1);
    EXPECT_TRUE(bench.waitUntil([&] { return bench.stat("queue-level") == 0; }));
    const auto mine = ElementBench::frame(3);
    GstMemory *memory = gst_buffer_peek_memory(mine.get(), 0);
    bench.keepBuffers(true);
    std::atomic<GstMemory *> seen{nullptr};
    gst_pad_add_probe(
        bench.sink(), GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad *, GstPadProbeInfo *info, gpointer at) {
            *static_cast<std::atomic<GstMemory *> *>(at) =
                gst_buffer_peek_memory(GST_PAD_PROBE_INFO_BUFFER(info), 0);
            return GST_PAD_PROBE_OK;
        },
        &seen, nullptr);
    bench.push(BufferPtr(gst_buffer_ref(mine.get())));
    bench.open();
    bench.waitForLog("b3!");
    EXPECT_EQ(seen, memory);
    EXPECT_FALSE(GST_BUFFER_IS_DISCONT(mine.get()));
    EXPECT_EQ(bench.stat("bytes-copied"), 0u);
}

TEST(SlabQueueLoss, LeakyMayChangeWhileBlocked)
{
    ElementBench bench("slabqueue max-size-buffers=1");
    stall(bench);
    bench.push(1);
    std::thread producer([&] { EXPECT_EQ(bench.push(2), GST_FLOW_OK); });
    g_object_set(bench.element(), "leaky", 1, nullptr);
    producer.join();
    EXPECT_EQ(bench.stat("dropped-queue"), 1u);
}

TEST(SlabQueueLoss, DeactivationCountsWhatWasInside)
{
    ElementBench bench("slabqueue max-size-buffers=4");
    stall(bench);
    for (int i = 1; i < 4; ++i)
        bench.push(i);
    bench.stop();
    EXPECT_EQ(bench.stat("frames-in"), 4u);
    EXPECT_EQ(bench.stat("dropped-flush"), 4u);
    EXPECT_EQ(bench.stat("frames-in-flight"), 0u);
}

TEST(SlabQueueHeld, MaxHeldCountsFramesThatAreStillOutDownstream)
{
    ElementBench bench("slabqueue max-size-buffers=10 max-held=3 leaky=upstream");
    bench.start();
    bench.clearLog();
    bench.keepBuffers(true);
    for (int i = 0; i < 3; ++i)
        bench.push(i);
    bench.waitForLog("b2"); // the queue is empty, the sink has them all
    bench.push(3);
    EXPECT_EQ(bench.stat("dropped-slow-consumer"), 1u);
    bench.dropKept();
    bench.push(4);
    bench.waitForLog("b4!");
    EXPECT_EQ(bench.log(), (Lines{"b0", "b1", "b2", "loss 3-3 slow-consumer", "b4!"}));
    expectConservation(bench);
}

TEST(SlabQueueHeld, WithoutLeakTheLimitBlocksUntilOneComesBack)
{
    ElementBench bench("slabqueue max-held=2");
    bench.start();
    bench.keepBuffers(true);
    bench.push(0);
    bench.push(1);
    bench.waitForLog("b1");
    std::atomic<bool> through{false};
    std::thread producer([&] {
        bench.push(2);
        through = true;
    });
    EXPECT_EQ(bench.stat("frames-in"), 2u);
    EXPECT_FALSE(through);
    bench.dropKept();
    producer.join();
    bench.waitForLog("b2");
    EXPECT_EQ(bench.stat("dropped"), 0u);
}

TEST(SlabQueueHeld, AFlushFreesAProducerThatWaitsForHeldFrames)
{
    ElementBench bench("slabqueue max-held=1");
    bench.start();
    bench.keepBuffers(true);
    bench.push(0);
    bench.waitForLog("b0");
    std::thread producer([&] { EXPECT_EQ(bench.push(1), GST_FLOW_FLUSHING); });
    g_usleep(1000);
    bench.pushEvent(gst_event_new_flush_start());
    producer.join();
}

TEST(SlabQueueHeld, AShallowCopyDownstreamStillCounts)
{
    ElementBench bench("slabqueue max-held=1 leaky=upstream");
    bench.start();
    bench.keepBuffers(true);
    bench.push(0);
    bench.waitForLog("b0");
    BufferPtr copy;
    gst_pad_add_probe(
        bench.sink(), GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad *, GstPadProbeInfo *info, gpointer at) {
            static_cast<BufferPtr *>(at)->reset(gst_buffer_copy(GST_PAD_PROBE_INFO_BUFFER(info)));
            return GST_PAD_PROBE_OK;
        },
        &copy, nullptr);
    bench.dropKept();
    bench.keepBuffers(false);
    bench.push(1);
    bench.waitForLog("b1");
    ASSERT_TRUE(bench.waitUntil([&] { return bench.stat("frames-out") == 2; }));
    bench.push(2);
    EXPECT_EQ(bench.stat("dropped-slow-consumer"), 1u) << "the copy keeps the pixels of frame 1";
    copy.reset();
    bench.push(3);
    EXPECT_EQ(bench.stat("dropped-slow-consumer"), 1u);
    bench.stop();
    copy.reset();
}

TEST(SlabQueueHeld, ADeepCopyDownstreamDoesNotCount)
{
    ElementBench bench("slabqueue max-held=1 leaky=upstream");
    bench.start();
    BufferPtr copy;
    gst_pad_add_probe(
        bench.sink(), GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad *, GstPadProbeInfo *info, gpointer at) {
            static_cast<BufferPtr *>(at)->reset(gst_buffer_copy_deep(GST_PAD_PROBE_INFO_BUFFER(info)));
            return GST_PAD_PROBE_OK;
        },
        &copy, nullptr);
    bench.push(0);
    bench.waitForLog("b0");
    ASSERT_TRUE(bench.waitUntil([&] { return bench.stat("frames-out") == 1; }));
    EXPECT_EQ(bench.push(1), GST_FLOW_OK);
    EXPECT_EQ(bench.stat("dropped"), 0u);
    bench.stop();
    copy.reset();
}

TEST(SlabQueueHeld, FramesThatAnotherBranchHoldsDoNotCount)
{
    ElementBench bench("slabqueue max-held=2 leaky=upstream");
    bench.start();
    std::vector<BufferPtr> other; // what a tee's other branch keeps
    for (int i = 0; i < 20; ++i) {
        other.push_back(ElementBench::frame(i));
        ASSERT_EQ(bench.push(BufferPtr(gst_buffer_ref(other.back().get()))), GST_FLOW_OK);
        ASSERT_TRUE(bench.waitUntil([&] { return bench.stat("frames-in-flight") == 0; }));
    }
    EXPECT_EQ(bench.stat("dropped"), 0u);
}

TEST(SlabQueueHeld, PooledBuffersCountUntilTheyAreBackInTheirPool)
{
    const ObjectPtr<GstBufferPool> pool(gst_buffer_pool_new());
    GstStructure *config = gst_buffer_pool_get_config(pool.get());
    gst_buffer_pool_config_set_params(config, nullptr, 16, 4, 4);
    gst_buffer_pool_set_config(pool.get(), config);
    gst_buffer_pool_set_active(pool.get(), TRUE);
    {
        ElementBench bench("slabqueue max-held=2 leaky=upstream");
        bench.start();
        for (int i = 0; i < 100; ++i) {
            GstBuffer *raw = nullptr;
            ASSERT_EQ(gst_buffer_pool_acquire_buffer(pool.get(), &raw, nullptr), GST_FLOW_OK);
            bench.push(BufferPtr(raw));
            ASSERT_TRUE(bench.waitUntil([&] { return bench.stat("frames-in-flight") == 0; }));
        }
        EXPECT_EQ(bench.stat("dropped"), 0u);
    }
    gst_buffer_pool_set_active(pool.get(), FALSE);
}

TEST(SlabQueueHeld, HoldsMayOutliveTheElement)
{
    BufferPtr kept;
    {
        ElementBench bench("slabqueue max-held=2");
        bench.start();
        gst_pad_add_probe(
            bench.sink(), GST_PAD_PROBE_TYPE_BUFFER,
            [](GstPad *, GstPadProbeInfo *info, gpointer at) {
                static_cast<BufferPtr *>(at)->reset(gst_buffer_ref(GST_PAD_PROBE_INFO_BUFFER(info)));
                return GST_PAD_PROBE_OK;
            },
            &kept, nullptr);
        bench.push(0);
        bench.waitForLog("b0");
    }
    kept.reset();
}
