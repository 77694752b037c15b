// SPDX-License-Identifier: LGPL-2.1-or-later
// Branches that stop, come, go and fail while a source with a fixed number of slabs runs.
#include <set>

#include "pipeline_bench.h"
#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

std::string source(const std::string &properties)
{
    return "dmaslabsrc name=src backend=test pattern=counter " + properties +
           " ! video/x-raw,format=GRAY8,width=64,height=48,framerate=1000/1 ";
}

std::string sink(const std::string &name)
{
    return "fakesink async=false enable-last-sample=false name=" + name + " ";
}

std::string nameOfSource(const MessagePtr &message)
{
    return message ? GST_MESSAGE_SRC_NAME(message.get()) : "nobody";
}

/** Takes a linked branch off a tee in whatever moment it is. */
void takeOff(Pipeline &pipeline, GstPad *teePad, GstElement *branch)
{
    std::atomic<bool> unlinked{false};
    gst_pad_add_probe(
        teePad, GST_PAD_PROBE_TYPE_IDLE,
        [](GstPad *pad, GstPadProbeInfo *, gpointer done) {
            const ObjectPtr<GstPad> peer(gst_pad_get_peer(pad));
            gst_pad_unlink(pad, peer.get());
            *static_cast<std::atomic<bool> *>(done) = true;
            return GST_PAD_PROBE_REMOVE;
        },
        &unlinked, nullptr);
    ASSERT_TRUE(Pipeline::waitUntil([&] { return unlinked.load(); }));
    gst_element_set_state(branch, GST_STATE_NULL);
    gst_bin_remove(GST_BIN(pipeline.get()), branch);
    gst_element_release_request_pad(pipeline.element("t").get(), teePad);
}

} // namespace

class StoppedBranch : public testing::TestWithParam<const char *>
{
};

TEST_P(StoppedBranch, CostsOnlyItself)
{
    constexpr int frames = 1000;
    Pipeline pipeline(source("pacing=off slabs=12 num-buffers=1000") +
                      "! tee name=t t. ! slabqueue name=all_queue ! " + sink("all") + "t. ! " + GetParam() +
                      " name=q leaky=downstream max-size-buffers=2 ! " + sink("stopped"));
    PadWatch all(pipeline, "all");
    PadWatch stopped(pipeline, "stopped");
    stopped.shut();
    pipeline.play();
    all.waitFor(frames);
    EXPECT_EQ(stopped.count(), 0u);
    EXPECT_EQ(pipeline.stat("src", "dropped"), 0u);
    // Two in the queue and one before the sink stay out.
    EXPECT_TRUE(Pipeline::waitUntil([&] { return pipeline.stat("src", "slabs-held") == 3; }));
    stopped.open();
    pipeline.waitEnd();
    all.expectEveryFrame(frames);
    EXPECT_EQ(stopped.wrong(), 0u);
    expectAllHome(pipeline);
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
}

TEST_P(StoppedBranch, IsNoObstacleToTheEnd)
{
    Pipeline pipeline(source("pacing=off slabs=12") + "! tee name=t t. ! slabqueue name=all_queue ! " +
                      sink("all") + "t. ! " + GetParam() + " name=q leaky=downstream max-size-buffers=2 ! " +
                      sink("stopped"));
    PadWatch all(pipeline, "all");
    const auto pad = pipeline.pad("stopped", "sink");
    std::atomic<bool> blocked{false};
    gst_pad_add_probe(
        pad.get(), GstPadProbeType(GST_PAD_PROBE_TYPE_BLOCK | GST_PAD_PROBE_TYPE_BUFFER),
        [](GstPad *, GstPadProbeInfo *, gpointer at) {
            *static_cast<std::atomic<bool> *>(at) = true;
            return GST_PAD_PROBE_OK; // stays blocked
        },
        &blocked, nullptr);
    pipeline.play();
    EXPECT_TRUE(Pipeline::waitUntil([&] { return blocked.load(); }));
    all.waitFor(200);
    pipeline.stop();
    EXPECT_EQ(all.wrong(), 0u);
    expectAllHome(pipeline);
    expectConservation(pipeline, "all_queue");
}

TEST_P(StoppedBranch, MayBeTakenToNullByItself)
{
    // An application that stops one sink only; the tee must not carry its answer to the others.
    Pipeline pipeline(source("pacing=off slabs=12") + "! tee name=t allow-not-linked=true t. ! slabqueue ! " +
                      sink("all") + "t. ! " + GetParam() + " name=q leaky=downstream max-size-buffers=2 ! " +
                      sink("stopped"));
    PadWatch all(pipeline, "all");
    PadWatch stopped(pipeline, "stopped");
    pipeline.play();
    stopped.waitFor(10);
    const auto queue = pipeline.element("q");
    const ObjectPtr<GstPad> teePad(gst_pad_get_peer(pipeline.pad("q", "sink").get()));
    {
        const auto last = pipeline.element("stopped");
        gst_element_set_locked_state(last.get(), TRUE);
        std::atomic<bool> unlinked{false};
        gst_pad_add_probe(
            teePad.get(), GST_PAD_PROBE_TYPE_IDLE,
            [](GstPad *pad, GstPadProbeInfo *, gpointer done) {
                const ObjectPtr<GstPad> peer(gst_pad_get_peer(pad));
                gst_pad_unlink(pad, peer.get());
                *static_cast<std::atomic<bool> *>(done) = true;
                return GST_PAD_PROBE_REMOVE;
            },
            &unlinked, nullptr);
        ASSERT_TRUE(Pipeline::waitUntil([&] { return unlinked.load(); }));
        gst_element_set_state(last.get(), GST_STATE_NULL);
        gst_element_set_state(queue.get(), GST_STATE_NULL);
    }
    const auto seen = all.count();
    all.waitFor(seen + 500);
    EXPECT_EQ(pipeline.stat("src", "dropped"), 0u);
    pipeline.stop();
    all.expectEveryFrame(all.count());
    expectAllHome(pipeline);
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
}

INSTANTIATE_TEST_SUITE_P(Pitfall, StoppedBranch, testing::Values("queue", "slabqueue"),
                         [](const auto &given) { return std::string(given.param); });

TEST(PitfallBranches, AddedAndRemovedWhilePlayingNothingRestartsAndNothingIsLost)
{
    const Footprint before = Footprint::now();
    {
        Pipeline pipeline(source("pacing=off slabs=16") + "! tee name=t t. ! slabqueue name=all_queue ! " +
                          sink("all"));
        std::atomic<guint32> arena{0}, arenas{0};
        PadWatch all(pipeline, "all", "sink", [&](GstBuffer *buffer) {
            GstDmaSlabInfo slab{};
            gst_dma_slab_buffer_get_info(buffer, &slab);
            if (arena.exchange(slab.arena) != slab.arena)
                ++arenas;
        });
        pipeline.play();
        all.waitFor(10);
        const auto tee = pipeline.element("t");
        const char *branches[] = {"queue max-size-buffers=2", "slabqueue",
                                  "queue ! identity single-segment=true",
                                  "slabqueue leaky=downstream max-size-buffers=1"};
        for (int round = 0; round < 24; ++round) {
            GError *error = nullptr;
            GstElement *branch = gst_parse_bin_from_description(
                (std::string(branches[round % 4]) + " ! " + sink("extra")).c_str(), TRUE, &error);
            ASSERT_TRUE(branch) << error->message;
            gst_bin_add(GST_BIN(pipeline.get()), branch);
            PadWatch extra(pipeline, "extra");
            extra.ignoreNumbers(); // identity wipes them out
            const ObjectPtr<GstPad> in(gst_element_get_static_pad(branch, "sink"));
            const ObjectPtr<GstPad> out(gst_element_request_pad_simple(tee.get(), "src_%u"));
            gst_element_sync_state_with_parent(branch);
            ASSERT_EQ(gst_pad_link(out.get(), in.get()), GST_PAD_LINK_OK);
            extra.waitFor(20);
            takeOff(pipeline, out.get(), branch);
            EXPECT_EQ(extra.wrong(), 0u) << branches[round % 4];
            EXPECT_EQ(extra.slabs(), extra.count());
        }
        endStream(pipeline);
        all.expectEveryFrameOrItsLoss(pipeline.stat("src", "frames-in"));
        EXPECT_EQ(arenas, 1u);
        EXPECT_EQ(pipeline.stat("src", "dropped"), pipeline.stat("src", "dropped-flush"));
        EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
        expectAllHome(pipeline);
        expectConservation(pipeline, "all_queue");
    }
    EXPECT_EQ(Footprint::now().mappings, before.mappings);
}

TEST(PitfallBranches, ASinkThatIsAskedAgainDeepCopiesItsLastSampleAndThatIsCounted)
{
    // Sinks answer each ALLOCATION query by freeing what they hold: they copy it. One frame per query.
    Pipeline pipeline(source("pacing=off slabs=16") + "! tee name=t t. ! slabqueue ! " +
                      "fakesink async=false name=all");
    PadWatch all(pipeline, "all");
    pipeline.play();
    all.waitFor(10);
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
    const auto tee = pipeline.element("t");
    GstElement *branch =
        gst_parse_bin_from_description(("slabqueue ! " + sink("extra")).c_str(), TRUE, nullptr);
    gst_bin_add(GST_BIN(pipeline.get()), branch);
    PadWatch extra(pipeline, "extra");
    const ObjectPtr<GstPad> in(gst_element_get_static_pad(branch, "sink"));
    const ObjectPtr<GstPad> out(gst_element_request_pad_simple(tee.get(), "src_%u"));
    gst_element_sync_state_with_parent(branch);
    ASSERT_EQ(gst_pad_link(out.get(), in.get()), GST_PAD_LINK_OK);
    extra.waitFor(20);
    const guint64 copied = pipeline.stat("src", "bytes-copied");
    EXPECT_EQ(copied % (64 * 48), 0u);
    EXPECT_GE(copied, 64u * 48);
    takeOff(pipeline, out.get(), branch);
    pipeline.stop();
    EXPECT_EQ(all.wrong(), 0u);
    expectAllHome(pipeline);
}

TEST(PitfallDownstreamError, BehindSlabqueueReachesTheSourceWhateverTheQueueHeld)
{
    for (const char *properties : {"pacing=off slabs=4", "pacing=off slabs=40", "slabs=4"}) {
        Pipeline pipeline(source(properties) +
                          "! slabqueue name=q max-size-buffers=16 ! identity name=bad "
                          "error-after=20 ! " +
                          sink("all"));
        pipeline.play();
        std::set<std::string> failed;
        while (!failed.contains("src")) {
            const auto message = pipeline.waitMessage(GST_MESSAGE_ERROR);
            ASSERT_TRUE(message) << properties;
            failed.insert(nameOfSource(message));
        }
        EXPECT_TRUE(failed.contains("bad"));
        expectConservation(pipeline, "q");
        expectAllHome(pipeline); // before the stop: the queue keeps nothing
        EXPECT_GT(pipeline.stat("q", "dropped-error"), 0u);
        pipeline.stop();
        expectConservation(pipeline, "q");
        expectAllHome(pipeline);
    }
}

TEST(PitfallDownstreamError, BehindAStockQueueThatKeepsItsBuffersTheSourceCanBeStopped)
{
    // Until 1.24 `queue` keeps what it holds after an error. With all slabs in it the source waits, and may
    // not wait for ever.
    Pipeline pipeline(source("pacing=off slabs=4") + "! queue name=q ! identity name=bad error-after=20 ! " +
                      sink("all"));
    pipeline.play();
    EXPECT_EQ(nameOfSource(pipeline.waitMessage(GST_MESSAGE_ERROR)), "bad");
    pipeline.stop();
    expectAllHome(pipeline);
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
}

TEST(PitfallDownstreamError, BehindAStockQueueALiveSourceCountsWhatItCannotFill)
{
    Pipeline pipeline(source("slabs=4") + "! tee name=t t. ! queue name=q ! " + sink("hoard") +
                      "t. ! slabqueue name=all_queue ! " + sink("all"));
    PadWatch hoard(pipeline, "hoard");
    PadWatch all(pipeline, "all");
    hoard.shut();
    pipeline.play();
    EXPECT_TRUE(Pipeline::waitUntil([&] { return pipeline.stat("src", "dropped-starved") >= 20; }));
    hoard.open();
    const guint64 seen = all.count();
    all.waitFor(seen + 20);
    endStream(pipeline);
    all.expectEveryFrameOrItsLoss(pipeline.stat("src", "frames-in"));
    hoard.expectEveryFrameOrItsLoss(pipeline.stat("src", "frames-in"));
    pipeline.stop(); // a live source has the next frame in its hand until then
    expectAllHome(pipeline);
    expectConservation(pipeline, "all_queue");
}

TEST(PitfallDownstreamError, InOneBranchOfATeeEndsAllInOrder)
{
    for (const char *queue : {"queue max-size-buffers=2", "slabqueue"}) {
        Pipeline pipeline(source("pacing=off slabs=12") + "! tee name=t t. ! slabqueue name=all_queue ! " +
                          sink("all") + "t. ! " + queue + " ! identity name=bad error-after=50 ! " +
                          sink("other"));
        PadWatch all(pipeline, "all");
        pipeline.play();
        std::set<std::string> failed;
        while (!failed.contains("src")) {
            const auto message = pipeline.waitMessage(GST_MESSAGE_ERROR);
            ASSERT_TRUE(message) << queue;
            failed.insert(nameOfSource(message));
        }
        pipeline.stop();
        EXPECT_EQ(all.wrong(), 0u);
        expectAllHome(pipeline);
        expectConservation(pipeline, "all_queue");
        EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
    }
}
