// SPDX-License-Identifier: LGPL-2.1-or-later
// The pool in other people's hands: proposed to a stock source, or used by an application that pushes.
#include <atomic>

#include <gtest/gtest.h>

#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

/** Answers the ALLOCATION query of whatever is linked to a pad, and looks at the buffers that come. */
struct Proposer
{
    PoolObject pool{gst_dma_slab_buffer_pool_new()};
    guint size = 0, maximum = 0;
    bool answers = true;
    std::atomic<int> slabs{0}, others{0}, metas{0};
    bool asked = false;

    void watch(GstElement *element)
    {
        const ObjectPtr<GstPad> pad(gst_element_get_static_pad(element, "sink"));
        gst_pad_add_probe(
            pad.get(),
            static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM | GST_PAD_PROBE_TYPE_BUFFER),
            probe, this, nullptr);
    }

private:
    static GstPadProbeReturn probe(GstPad *, GstPadProbeInfo *info, gpointer data)
    {
        auto &self = *static_cast<Proposer *>(data);
        if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
            GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
            GstDmaSlabInfo slab;
            ++(gst_dma_slab_buffer_get_info(buffer, &slab) ? self.slabs : self.others);
            self.metas += gst_buffer_get_video_meta(buffer) != nullptr;
            return GST_PAD_PROBE_OK;
        }
        GstQuery *query = GST_PAD_PROBE_INFO_QUERY(info);
        if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION || !(info->type & GST_PAD_PROBE_TYPE_PUSH))
            return GST_PAD_PROBE_OK;
        self.asked = true;
        if (!self.answers)
            return GST_PAD_PROBE_OK;
        gst_query_add_allocation_pool(query, self.pool.get(), self.size, 2, self.maximum);
        gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
        return GST_PAD_PROBE_HANDLED;
    }
};

/** To EOS, or fails with the error's text. */
void runToTheEnd(GstElement *pipeline)
{
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    const ObjectPtr<GstBus> bus(gst_element_get_bus(pipeline));
    const MessagePtr message(gst_bus_timed_pop_filtered(
        bus.get(), 30 * GST_SECOND, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
    ASSERT_TRUE(message) << "no end within 30 s";
    if (GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_ERROR) {
        GError *error = nullptr;
        gst_message_parse_error(message.get(), &error, nullptr);
        const ErrorPtr owned(error);
        FAIL() << error->message;
    }
}

ObjectPtr<GstElement> parse(const char *description)
{
    GError *error = nullptr;
    ObjectPtr<GstElement> pipeline(gst_parse_launch(description, &error));
    const ErrorPtr owned(error);
    EXPECT_FALSE(error) << error->message;
    return pipeline;
}

bool has(const char *element)
{
    return ObjectPtr<GstElementFactory>(gst_element_factory_find(element)) != nullptr;
}

} // namespace

TEST(SlabUpstream, AStockSourceDrawsIntoSlabs)
{
    if (!has("videotestsrc"))
        GTEST_SKIP() << "videotestsrc is not installed";
    const Footprint before = Footprint::now();
    {
        Proposer proposer;
        const auto pipeline = parse("videotestsrc num-buffers=40 pattern=white ! "
                                    "video/x-raw,format=GRAY8,width=64,height=48 ! fakesink name=sink");
        const ObjectPtr<GstElement> sink(gst_bin_get_by_name(GST_BIN(pipeline.get()), "sink"));
        proposer.size = 64 * 48;
        proposer.watch(sink.get());
        runToTheEnd(pipeline.get());
        EXPECT_TRUE(proposer.asked);
        EXPECT_EQ(proposer.slabs, 40);
        EXPECT_EQ(proposer.others, 0);
        EXPECT_EQ(copied(proposer.pool), 0u);
        gst_element_set_state(pipeline.get(), GST_STATE_NULL);
    }
    EXPECT_EQ(Footprint::now().mappings, before.mappings);
}

TEST(SlabUpstream, AStockSourceWaitsForSlabsThatAQueueHolds)
{
    if (!has("videotestsrc"))
        GTEST_SKIP() << "videotestsrc is not installed";
    Proposer proposer;
    const auto pipeline =
        parse("videotestsrc num-buffers=200 ! video/x-raw,format=GRAY8,width=64,height=48 ! "
              "queue name=queue max-size-buffers=200 ! fakesink enable-last-sample=false");
    const ObjectPtr<GstElement> queue(gst_bin_get_by_name(GST_BIN(pipeline.get()), "queue"));
    proposer.size = 64 * 48;
    proposer.maximum = 3;
    proposer.watch(queue.get());
    runToTheEnd(pipeline.get());
    EXPECT_EQ(proposer.slabs, 200);
    gst_element_set_state(pipeline.get(), GST_STATE_NULL);
}

TEST(SlabUpstream, AVideoMetaComesWithTheSlabs)
{
    if (!has("videotestsrc"))
        GTEST_SKIP() << "videotestsrc is not installed";
    Proposer proposer;
    const auto pipeline = parse("videotestsrc num-buffers=5 ! video/x-raw,format=NV12,width=62,height=46 ! "
                                "fakesink name=sink");
    const ObjectPtr<GstElement> sink(gst_bin_get_by_name(GST_BIN(pipeline.get()), "sink"));
    proposer.watch(sink.get()); // no size: the caps say it
    GstStructure *config = gst_buffer_pool_get_config(proposer.pool.get());
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    gst_buffer_pool_set_config(proposer.pool.get(), config); // refused for its size, the option stays
    runToTheEnd(pipeline.get());
    EXPECT_EQ(proposer.slabs, 5);
    EXPECT_EQ(proposer.metas, 5);
    gst_element_set_state(pipeline.get(), GST_STATE_NULL);
}

TEST(SlabUpstream, AnApplicationPushesSlabsOfItsOwnPool)
{
    if (!has("appsrc"))
        GTEST_SKIP() << "appsrc is not installed";
    const PoolObject pool = activePool(4, 1000);
    Proposer observer;
    observer.answers = false;
    const auto pipeline = parse("appsrc name=source ! queue ! fakesink name=sink enable-last-sample=false");
    const ObjectPtr<GstElement> source(gst_bin_get_by_name(GST_BIN(pipeline.get()), "source"));
    const ObjectPtr<GstElement> sink(gst_bin_get_by_name(GST_BIN(pipeline.get()), "sink"));
    observer.watch(sink.get());
    gst_element_set_state(pipeline.get(), GST_STATE_PLAYING);
    for (int i = 0; i < 100; ++i) {
        GstBuffer *buffer = nullptr;
        ASSERT_EQ(gst_buffer_pool_acquire_buffer(pool.get(), &buffer, nullptr), GST_FLOW_OK);
        paint(buffer, i);
        GstFlowReturn flow;
        g_signal_emit_by_name(source.get(), "push-buffer", buffer, &flow);
        gst_buffer_unref(buffer);
        ASSERT_EQ(flow, GST_FLOW_OK);
    }
    GstFlowReturn flow;
    g_signal_emit_by_name(source.get(), "end-of-stream", &flow);
    runToTheEnd(pipeline.get());
    gst_element_set_state(pipeline.get(), GST_STATE_NULL);
    EXPECT_EQ(observer.slabs, 100);
    EXPECT_EQ(levels(pool).free, 4u);
    EXPECT_EQ(copied(pool), 0u);
}
