// SPDX-License-Identifier: LGPL-2.1-or-later
// What goes through slabqueue, in which order, and what ends it.
#include <thread>

#include <gst/video/video.h>

#include "element_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;
using Lines = std::vector<std::string>;

TEST(SlabQueueFlow, HeaderBuffersAndEosArriveInOrder)
{
    ElementBench bench("slabqueue");
    bench.start();
    for (int i = 0; i < 3; ++i)
        ASSERT_EQ(bench.push(i), GST_FLOW_OK);
    bench.pushEvent(gst_event_new_eos());
    bench.waitForLog("eos");
    EXPECT_EQ(bench.log(), (Lines{"stream-start", "caps", "segment", "b0", "b1", "b2", "eos"}));
}

TEST(SlabQueueFlow, RunsInAThreadOfItsOwn)
{
    ElementBench bench("slabqueue max-size-buffers=3");
    bench.start();
    bench.shut();
    for (int i = 0; i < 4; ++i) // three inside, one in the hand of the streaming thread
        ASSERT_EQ(bench.push(i), GST_FLOW_OK);
    bench.waitBlocked();
    bench.open();
    bench.waitForLog("b3");
}

TEST(SlabQueueFlow, AFullQueueBlocksUntilABufferLeaves)
{
    ElementBench bench("slabqueue max-size-buffers=2");
    bench.start();
    bench.shut();
    bench.push(0);
    bench.waitBlocked();
    bench.push(1);
    bench.push(2);
    std::atomic<bool> through{false};
    std::thread producer([&] {
        bench.push(3);
        through = true;
    });
    EXPECT_EQ(bench.stat("queue-level"), 2u);
    EXPECT_FALSE(through);
    bench.letThrough(1);
    producer.join();
    bench.open();
    bench.waitForLog("b3");
    EXPECT_EQ(bench.stat("dropped"), 0u);
    EXPECT_EQ(bench.stat("queue-high"), 2u);
}

TEST(SlabQueueFlow, ALargeQueueThatIsStalledStillFillsUpToTheLastPlace)
{
    ElementBench bench("slabqueue max-size-buffers=8");
    bench.start();
    bench.shut();
    bench.push(0);
    bench.waitBlocked();
    for (int i = 1; i <= 8; ++i)
        bench.push(i);
    std::thread producer([&] { bench.push(9); }); // sleeps until the queue is half empty, at first
    bench.letThrough(1);
    producer.join(); // one free place was enough
    EXPECT_EQ(bench.stat("queue-level"), 8u);
    bench.open();
    bench.waitForLog("b9");
}

TEST(SlabQueueFlow, EventsStandBetweenTheirBuffersAndDoNotCount)
{
    ElementBench bench("slabqueue max-size-buffers=2");
    bench.start();
    bench.clearLog();
    bench.shut();
    bench.push(0);
    bench.waitBlocked();
    bench.push(1);
    for (const char *name : {"a", "b", "c", "d"})
        bench.pushEvent(ElementBench::mark(name));
    bench.push(2);
    bench.pushEvent(ElementBench::mark("e"));
    bench.open();
    bench.waitForLog("mark e");
    EXPECT_EQ(bench.log({"b", "mark"}),
              (Lines{"b0", "b1", "mark a", "mark b", "mark c", "mark d", "b2", "mark e"}));
}

TEST(SlabQueueFlow, AnEventWithoutBuffersBehindItIsDelivered)
{
    ElementBench bench("slabqueue");
    bench.start();
    bench.pushEvent(ElementBench::mark("alone"));
    bench.waitForLog("mark alone");
}

TEST(SlabQueueFlow, SerializedQueriesAreAnsweredInTheirPlace)
{
    ElementBench bench("slabqueue");
    bench.start();
    bench.clearLog();
    bench.shut();
    bench.push(0);
    bench.waitBlocked();
    bench.push(1);
    std::thread opener([&] {
        EXPECT_TRUE(bench.waitUntil([&] { return bench.stat("frames-in") == 2; }));
        bench.open();
    });
    const QueryPtr query(gst_query_new_drain());
    EXPECT_TRUE(gst_pad_peer_query(bench.source(), query.get()));
    EXPECT_EQ(bench.log({"b", "query"}), (Lines{"b0", "b1", "query drain"}));
    opener.join();
}

TEST(SlabQueueFlow, ANegativeAnswerComesBack)
{
    ElementBench bench("slabqueue");
    bench.onQuery = [](GstQuery *) { return false; };
    bench.start();
    const QueryPtr query(gst_query_new_drain());
    EXPECT_FALSE(gst_pad_peer_query(bench.source(), query.get()));
}

TEST(SlabQueueFlow, AFlushFreesAWaitingQuery)
{
    ElementBench bench("slabqueue");
    bench.start();
    bench.shut();
    bench.push(0);
    bench.waitBlocked();
    std::thread flusher([&] {
        // Until the query is under way the flush is none of its business.
        g_usleep(2000);
        bench.pushEvent(gst_event_new_flush_start());
    });
    const QueryPtr query(gst_query_new_drain());
    EXPECT_FALSE(gst_pad_peer_query(bench.source(), query.get()));
    flusher.join();
}

TEST(SlabQueueFlow, AllocationAnswerAsksForWhatTheQueueHolds)
{
    ElementBench bench("slabqueue max-size-buffers=5");
    bench.onQuery = [](GstQuery *query) {
        gst_query_add_allocation_pool(query, nullptr, 16, 2, 10);
        gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
        return true;
    };
    bench.start();
    const CapsPtr caps(gst_caps_from_string("video/x-raw,format=GRAY8,width=4,height=4,framerate=1000/1"));
    const QueryPtr query(gst_query_new_allocation(caps.get(), TRUE));
    ASSERT_TRUE(gst_pad_peer_query(bench.source(), query.get()));
    GstBufferPool *pool = nullptr;
    guint size = 0, min = 0, max = 0;
    gst_query_parse_nth_allocation_pool(query.get(), 0, &pool, &size, &min, &max);
    EXPECT_EQ(size, 16u);
    EXPECT_EQ(min, 2u + 5u + 1u);
    EXPECT_EQ(max, 10u + 5u + 1u);
    EXPECT_TRUE(gst_query_find_allocation_meta(query.get(), GST_VIDEO_META_API_TYPE, nullptr));
}

TEST(SlabQueueFlow, AnAllocationAnswerWithoutAPoolGetsTheQueuesShare)
{
    ElementBench bench("slabqueue max-size-buffers=5");
    bench.start();
    const CapsPtr caps(gst_caps_from_string("video/x-raw,format=GRAY8,width=4,height=4,framerate=1000/1"));
    const QueryPtr query(gst_query_new_allocation(caps.get(), TRUE));
    ASSERT_TRUE(gst_pad_peer_query(bench.source(), query.get()));
    ASSERT_EQ(gst_query_get_n_allocation_pools(query.get()), 1u);
    guint min = 0;
    gst_query_parse_nth_allocation_pool(query.get(), 0, nullptr, nullptr, &min, nullptr);
    EXPECT_EQ(min, 6u);
}

TEST(SlabQueueFlow, BufferListsAreUnrolled)
{
    ElementBench bench("slabqueue");
    bench.start();
    bench.clearLog();
    GstBufferList *list = gst_buffer_list_new();
    for (int i = 0; i < 3; ++i)
        gst_buffer_list_add(list, ElementBench::frame(i).release());
    EXPECT_EQ(gst_pad_push_list(bench.source(), list), GST_FLOW_OK);
    bench.waitForLog("b2");
    EXPECT_EQ(bench.log(), (Lines{"b0", "b1", "b2"}));
    EXPECT_EQ(bench.stat("frames-in"), 3u);
}

TEST(SlabQueueFlow, BuffersPassUntouched)
{
    ElementBench bench("slabqueue");
    bench.start();
    bench.keepBuffers(true);
    auto buffer = ElementBench::frame(0);
    GstBuffer *raw = buffer.get();
    std::atomic<GstBuffer *> seen{nullptr};
    gst_pad_add_probe(
        bench.sink(), GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad *, GstPadProbeInfo *info, gpointer at) {
            *static_cast<std::atomic<GstBuffer *> *>(at) = GST_PAD_PROBE_INFO_BUFFER(info);
            return GST_PAD_PROBE_OK;
        },
        &seen, nullptr);
    bench.push(std::move(buffer));
    bench.waitForLog("b0");
    EXPECT_EQ(seen, raw);
    EXPECT_EQ(bench.stat("bytes-copied"), 0u);
    EXPECT_TRUE(bench.waitUntil([&] { return bench.stat("bytes") == 16u; }));
}

TEST(SlabQueueFlow, ADownstreamErrorComesBackAndFreesWhatIsHeldAtOnce)
{
    for (const GstFlowReturn flow : {GST_FLOW_ERROR, GST_FLOW_NOT_NEGOTIATED, GST_FLOW_NOT_LINKED}) {
        SCOPED_TRACE(gst_flow_get_name(flow));
        BufferCensus census;
        ElementBench bench("slabqueue max-size-buffers=4");
        bench.start();
        bench.shut();
        bench.push(census.make(0));
        bench.waitBlocked();
        for (int i = 1; i <= 4; ++i)
            bench.push(census.make(i));
        ASSERT_EQ(census.alive(), 5);
        GstFlowReturn answer = GST_FLOW_OK;
        std::thread producer([&] { answer = bench.push(census.make(5)); });
        bench.setFlow(flow);
        bench.letThrough(1);
        producer.join();
        // The blocked one may have slipped in when the failing one left; then the next push tells.
        if (answer == GST_FLOW_OK)
            answer = bench.push(census.make(6));
        EXPECT_EQ(answer, flow);
        EXPECT_TRUE(bench.waitUntil([&] { return census.alive() == 0; }));
        EXPECT_EQ(bench.stat("frames-in"), bench.stat("frames-out") + bench.stat("dropped"));
        EXPECT_EQ(bench.stat("dropped-error"), bench.stat("frames-in"));
    }
}

TEST(SlabQueueFlow, DownstreamEosEndsTheSegmentButANewOneGoesOn)
{
    ElementBench bench("slabqueue");
    bench.start();
    bench.setFlow(GST_FLOW_EOS);
    bench.push(0);
    ASSERT_TRUE(bench.waitUntil([&] { return bench.push(1) == GST_FLOW_EOS; }));
    bench.setFlow(GST_FLOW_OK);
    bench.clearLog();
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    bench.pushEvent(gst_event_new_segment(&segment));
    EXPECT_EQ(bench.push(100), GST_FLOW_OK);
    bench.waitUntil([&] { return !bench.log({"b100"}).empty(); });
    EXPECT_EQ(bench.log({"b100"}).size(), 1u);
    EXPECT_EQ(bench.stat("frames-in"), bench.stat("frames-out") + bench.stat("dropped-flush"));
}

TEST(SlabQueueFlow, AfterEosBuffersAreRefusedUntilANewStream)
{
    ElementBench bench("slabqueue");
    bench.start();
    bench.push(0);
    bench.pushEvent(gst_event_new_eos());
    EXPECT_EQ(bench.push(1), GST_FLOW_EOS);
    bench.waitForLog("eos");
    bench.pushHeader();
    EXPECT_EQ(bench.push(2), GST_FLOW_OK);
    bench.waitForLog("b2");
    EXPECT_EQ(bench.stat("frames-in"), 2u);
}

TEST(SlabQueueFlow, StreamsQueuedBehindAnEosAreDelivered)
{
    ElementBench bench("slabqueue");
    bench.start();
    bench.clearLog();
    bench.shut();
    bench.push(0);
    bench.waitBlocked();
    bench.pushEvent(gst_event_new_eos());
    bench.pushEvent(gst_event_new_stream_start("second"));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    bench.pushEvent(gst_event_new_segment(&segment));
    bench.push(1);
    bench.pushEvent(gst_event_new_eos());
    bench.open();
    ASSERT_TRUE(bench.waitUntil([&] { return bench.log({"eos"}).size() == 2; }));
    EXPECT_EQ(bench.log(), (Lines{"b0", "eos", "stream-start", "segment", "b1", "eos"}));
}

TEST(SlabQueueFlow, FlushOnEosLosesWhatIsInsideAndSaysSo)
{
    ElementBench bench("slabqueue max-size-buffers=4 flush-on-eos=true");
    bench.start();
    bench.clearLog();
    bench.shut();
    bench.push(0);
    bench.waitBlocked();
    bench.push(1);
    bench.push(2);
    bench.pushEvent(gst_event_new_eos());
    bench.open();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.log(), (Lines{"b0", "loss 1-2 flush", "eos"}));
    EXPECT_EQ(bench.stat("dropped-flush"), 2u);
}

TEST(SlabQueueFlow, AnErrorAfterEosIsPostedAndEndsTheStream)
{
    ElementBench bench("slabqueue");
    bench.start();
    bench.shut();
    bench.push(0);
    bench.waitBlocked();
    bench.pushEvent(gst_event_new_eos());
    bench.setFlow(GST_FLOW_ERROR);
    bench.open();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.countMessages(GST_MESSAGE_ERROR), 1);
}

TEST(SlabQueueFlow, AFlushEmptiesTheQueueAndTheStreamGoesOn)
{
    BufferCensus census;
    ElementBench bench("slabqueue max-size-buffers=4");
    bench.start();
    bench.shut();
    bench.push(census.make(0));
    bench.waitBlocked();
    for (int i = 1; i <= 3; ++i)
        bench.push(census.make(i));
    bench.pushEvent(gst_event_new_flush_start());
    EXPECT_EQ(census.alive(), 0);
    EXPECT_EQ(bench.push(50), GST_FLOW_FLUSHING);
    bench.pushEvent(gst_event_new_flush_stop(TRUE));
    bench.open();
    bench.clearLog();
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    bench.pushEvent(gst_event_new_segment(&segment));
    EXPECT_EQ(bench.push(60), GST_FLOW_OK);
    bench.waitForLog("b60!");
    EXPECT_EQ(bench.log(), (Lines{"segment", "loss 0-3 flush", "b60!"}));
    EXPECT_EQ(bench.stat("dropped-flush"), 4u);
}

TEST(SlabQueueFlow, AFlushByTheStreamingThreadItselfLetsTheStreamGoOn)
{
    // An element downstream that seeks makes its own thread carry the flush through the queue; what the push
    // under way then returns belongs to the time before.
    ElementBench bench("slabqueue");
    bench.start();
    gst_pad_add_probe(
        bench.sink(), GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad *, GstPadProbeInfo *info, gpointer data) {
            auto *self = static_cast<ElementBench *>(data);
            if (GST_BUFFER_OFFSET(GST_PAD_PROBE_INFO_BUFFER(info)) != 0)
                return GST_PAD_PROBE_OK;
            self->pushEvent(gst_event_new_flush_start());
            self->pushEvent(gst_event_new_flush_stop(TRUE));
            gst_clear_mini_object(reinterpret_cast<GstMiniObject **>(&info->data));
            GST_PAD_PROBE_INFO_FLOW_RETURN(info) = GST_FLOW_FLUSHING;
            return GST_PAD_PROBE_HANDLED;
        },
        &bench, nullptr);
    bench.push(0);
    ASSERT_TRUE(bench.waitUntil([&] { return bench.stat("dropped-flush") == 1; }));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    bench.pushEvent(gst_event_new_segment(&segment));
    EXPECT_EQ(bench.push(1), GST_FLOW_OK);
    bench.waitForLog("b1!");
}

TEST(SlabQueueFlow, CapsUnderWayInAFlushStillHoldForTheNextBuffers)
{
    ElementBench bench("slabqueue");
    bench.start();
    bench.shut();
    bench.push(0);
    bench.waitBlocked();
    const CapsPtr caps(gst_caps_from_string("video/x-raw,format=GRAY8,width=8,height=8,framerate=10/1"));
    bench.pushEvent(gst_event_new_caps(caps.get()));
    bench.pushEvent(gst_event_new_flush_start());
    bench.pushEvent(gst_event_new_flush_stop(TRUE));
    bench.open();
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    bench.pushEvent(gst_event_new_segment(&segment));
    bench.push(1);
    bench.waitForLog("b1!");
    const CapsPtr arrived(gst_pad_get_current_caps(bench.sink()));
    EXPECT_TRUE(gst_caps_is_equal(arrived.get(), caps.get()));
}

TEST(SlabQueueFlow, RenegotiationMidStreamKeepsItsPlace)
{
    ElementBench bench("slabqueue");
    bench.start();
    bench.clearLog();
    bench.shut();
    bench.push(0);
    bench.waitBlocked();
    bench.push(1);
    const CapsPtr caps(gst_caps_from_string("video/x-raw,format=GRAY8,width=8,height=8,framerate=10/1"));
    bench.pushEvent(gst_event_new_caps(caps.get()));
    bench.push(2);
    bench.open();
    bench.waitForLog("b2");
    EXPECT_EQ(bench.log(), (Lines{"b0", "b1", "caps", "b2"}));
}

TEST(SlabQueueFlow, AfterNotLinkedTheStreamGoesOnWhenDownstreamReconfigures)
{
    ElementBench bench("slabqueue");
    bench.start();
    bench.setFlow(GST_FLOW_NOT_LINKED);
    bench.push(0);
    ASSERT_TRUE(bench.waitUntil([&] { return bench.push(1) == GST_FLOW_NOT_LINKED; }));
    bench.setFlow(GST_FLOW_OK);
    gst_pad_push_event(bench.sink(), gst_event_new_reconfigure());
    EXPECT_EQ(bench.push(10), GST_FLOW_OK);
    bench.waitForLog("b10!");
}

TEST(SlabQueueFlow, CapsQueriesGoStraightThrough)
{
    ElementBench bench("slabqueue");
    bench.start();
    const CapsPtr mine(gst_caps_from_string("video/x-raw,format=GRAY16_LE"));
    const CapsPtr answer(gst_pad_peer_query_caps(bench.source(), mine.get()));
    EXPECT_TRUE(gst_caps_is_equal(answer.get(), mine.get()));
}

TEST(SlabQueueFlow, LatencyOfAQueueIsWhatItsBuffersLast)
{
    for (const auto &[leaky, expected] :
         {std::pair{"no", 12 * GST_MSECOND}, {"upstream", 10 * GST_MSECOND}}) {
        ElementBench bench((std::string("slabqueue max-size-buffers=10 leaky=") + leaky).c_str());
        gst_pad_set_query_function(bench.source(),
                                   [](GstPad *pad, GstObject *parent, GstQuery *query) -> gboolean {
                                       if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY)
                                           return gst_pad_query_default(pad, parent, query);
                                       gst_query_set_latency(query, TRUE, GST_MSECOND, 2 * GST_MSECOND);
                                       return TRUE;
                                   });
        bench.start();
        const QueryPtr query(gst_query_new_latency());
        ASSERT_TRUE(gst_pad_peer_query(bench.sink(), query.get()));
        gboolean live = FALSE;
        GstClockTime min = 0, max = 0;
        gst_query_parse_latency(query.get(), &live, &min, &max);
        EXPECT_TRUE(live);
        EXPECT_EQ(min, GST_MSECOND);
        EXPECT_EQ(max, expected);
    }
}

TEST(SlabQueueFlow, PullModeIsNotOffered)
{
    ElementBench bench("slabqueue");
    bench.start();
    const QueryPtr query(gst_query_new_scheduling());
    ASSERT_TRUE(gst_pad_peer_query(bench.sink(), query.get()));
    EXPECT_FALSE(gst_query_has_scheduling_mode(query.get(), GST_PAD_MODE_PULL));
    EXPECT_TRUE(gst_query_has_scheduling_mode(query.get(), GST_PAD_MODE_PUSH));
}
