// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames that outlive what made them, last samples, states, and what the elements leave behind in threads.
#include <thread>

#include <sched.h>

#include "pipeline_bench.h"
#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

constexpr gsize frameSize = 64 * 48;

std::string source(const std::string &properties)
{
    return "dmaslabsrc name=src backend=test pattern=counter " + properties +
           " ! video/x-raw,format=GRAY8,width=64,height=48,framerate=1000/1 ";
}

struct SampleUnref
{
    void operator()(GstSample *sample) const { gst_sample_unref(sample); }
};
using SamplePtr = std::unique_ptr<GstSample, SampleUnref>;

SamplePtr lastSample(const Pipeline &pipeline, const char *sink)
{
    GstSample *sample = nullptr;
    g_object_get(pipeline.element(sink).get(), "last-sample", &sample, nullptr);
    return SamplePtr(sample);
}

/** What a thread looks like to the scheduler. */
struct Scheduling
{
    int policy = -1;
    int priority = -1;
    int cpus = 0;
    bool operator==(const Scheduling &) const = default;

    static Scheduling mine()
    {
        cpu_set_t set;
        CPU_ZERO(&set);
        sched_getaffinity(0, sizeof(set), &set);
        sched_param param{};
        sched_getparam(0, &param);
        return {sched_getscheduler(0) & ~SCHED_RESET_ON_FORK, param.sched_priority, CPU_COUNT(&set)};
    }
};

bool mayUseRealTime()
{
    bool may = false;
    std::thread([&] {
        const sched_param wanted{10};
        may = sched_setscheduler(0, SCHED_FIFO, &wanted) == 0;
    }).join();
    return may;
}

} // namespace

TEST(PitfallLife, FramesHeldPastNullAndPastTheElementKeepTheirPixels)
{
    const Footprint before = Footprint::now();
    std::vector<BufferPtr> buffers, copies, parts;
    std::vector<MemoryPtr> memories;
    {
        Pipeline pipeline(source("pacing=off slabs=24 num-buffers=100") +
                          "! slabqueue ! fakesink name=all enable-last-sample=false");
        PadWatch all(pipeline, "all", "sink", [&](GstBuffer *buffer) {
            switch (GST_BUFFER_OFFSET(buffer) % 25) {
            case 3:
                buffers.emplace_back(gst_buffer_ref(buffer));
                break;
            case 8:
                copies.emplace_back(gst_buffer_copy(buffer));
                break;
            case 13:
                parts.emplace_back(gst_buffer_copy_region(buffer, GST_BUFFER_COPY_MEMORY, 0, 1000));
                break;
            case 18:
                memories.emplace_back(gst_buffer_get_memory(buffer, 0));
                break;
            default:
                break;
            }
        });
        pipeline.runToEnd();
        all.expectEveryFrame(100);
        EXPECT_EQ(pipeline.stat("src", "slabs-held"), 16u);
        pipeline.stop();
        EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
        // The same element again while frames of its last life are out.
        pipeline.runToEnd();
        EXPECT_EQ(all.wrong(), 0u);
    }
    ASSERT_EQ(buffers.size(), 8u);
    for (std::size_t i = 0; i < 8; ++i) {
        EXPECT_TRUE(lookAt(buffers[i].get()).whole);
        EXPECT_EQ(lookAt(buffers[i].get()).sequence % 25, 3u);
        EXPECT_TRUE(lookAt(copies[i].get()).whole);
        EXPECT_TRUE(lookAt(memories[i].get()).whole);
        EXPECT_EQ(gst_buffer_get_size(parts[i].get()), 1000u);
    }
    EXPECT_GT(Footprint::now().mappings, before.mappings);
    std::thread([&] {
        buffers.clear();
        copies.clear();
    }).join();
    EXPECT_GT(Footprint::now().mappings, before.mappings);
    memories.clear();
    parts.clear();
    EXPECT_EQ(Footprint::now().mappings, before.mappings);
}

TEST(PitfallLife, NewCapsMakeANewArenaWhileFramesOfTheOldOneAreOut)
{
    const Footprint before = Footprint::now();
    std::vector<BufferPtr> kept;
    {
        Pipeline pipeline("dmaslabsrc name=src backend=test pacing=off slabs=12 ! "
                          "capsfilter name=filter caps=video/x-raw,format=GRAY8,width=64,height=48,"
                          "framerate=1000/1 ! slabqueue ! fakesink name=all enable-last-sample=false");
        PadWatch all(pipeline, "all", "sink", [&](GstBuffer *buffer) {
            if (kept.size() < 4 || (kept.size() < 8 && gst_buffer_get_size(buffer) != frameSize))
                kept.emplace_back(gst_buffer_ref(buffer));
        });
        pipeline.play();
        all.waitFor(50);
        const CapsPtr caps(
            gst_caps_from_string("video/x-raw,format=GRAY16_LE,width=32,height=32,framerate=500/1"));
        g_object_set(pipeline.element("filter").get(), "caps", caps.get(), nullptr);
        EXPECT_TRUE(Pipeline::waitUntil([&] {
            return pipeline.stat("src", "slabs-held") >= 4 && gst_buffer_get_size(kept.back().get()) == 2048;
        }));
        endStream(pipeline);
        all.expectEveryFrameOrItsLoss(pipeline.stat("src", "frames-in"));
        EXPECT_EQ(pipeline.stat("src", "dropped"), pipeline.stat("src", "dropped-flush"));
        expectConservation(pipeline, "src");
        EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
    }
    ASSERT_EQ(kept.size(), 8u);
    EXPECT_NE(infoOf(kept.front().get()).arena, infoOf(kept.back().get()).arena);
    for (const auto &buffer : kept)
        EXPECT_TRUE(lookAt(buffer.get()).whole);
    kept.clear();
    EXPECT_EQ(Footprint::now().mappings, before.mappings);
}

TEST(PitfallLastSample, OfSeveralSinksHoldsASlabEachUntilNull)
{
    constexpr int frames = 500;
    Pipeline pipeline(source("pacing=off slabs=8 num-buffers=500") +
                      "! tee name=t t. ! slabqueue ! fakesink name=one t. ! slabqueue ! fakesink name=two "
                      "t. ! queue max-size-buffers=1 ! fakesink name=three");
    pipeline.runToEnd();
    EXPECT_EQ(pipeline.stat("src", "slabs-held"), 1u); // all three have the same last frame
    for (const char *name : {"one", "two", "three"}) {
        const auto sample = lastSample(pipeline, name);
        ASSERT_TRUE(sample) << name;
        const auto look = lookAt(gst_sample_get_buffer(sample.get()));
        EXPECT_TRUE(look.whole);
        EXPECT_EQ(look.sequence, guint64(frames - 1));
    }
    const auto kept = lastSample(pipeline, "two");
    pipeline.stop();
    EXPECT_FALSE(lastSample(pipeline, "two"));
    EXPECT_TRUE(lookAt(gst_sample_get_buffer(kept.get())).whole);
    expectConservation(pipeline, "src");
    EXPECT_EQ(pipeline.stat("src", "frames-out"), guint64(frames));
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
}

TEST(PitfallLastSample, SetFreeWithTheSinkTheSlabIsHomeBeforeTheSourceStops)
{
    Pipeline pipeline(source("pacing=off slabs=8 num-buffers=50") + "! slabqueue ! fakesink name=one");
    pipeline.runToEnd();
    EXPECT_EQ(pipeline.stat("src", "slabs-held"), 1u);
    pipeline.stop();
    expectAllHome(pipeline);
}

class StateMatrix : public testing::TestWithParam<const char *>
{
};

TEST_P(StateMatrix, UpAndDownThroughAllStatesAgainAndAgain)
{
    const Footprint before = Footprint::now();
    {
        Pipeline pipeline(GetParam());
        const GstState paths[][7] = {
            {GST_STATE_READY, GST_STATE_NULL, GST_STATE_PAUSED, GST_STATE_READY, GST_STATE_PLAYING,
             GST_STATE_PAUSED, GST_STATE_NULL},
            {GST_STATE_PLAYING, GST_STATE_NULL, GST_STATE_PLAYING, GST_STATE_READY, GST_STATE_PAUSED,
             GST_STATE_PLAYING, GST_STATE_NULL},
            {GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_PAUSED,
             GST_STATE_READY, GST_STATE_NULL},
        };
        for (int round = 0; round < 4; ++round) {
            for (const auto &path : paths) {
                for (const GstState state : path) {
                    ASSERT_NE(gst_element_set_state(pipeline.get(), state), GST_STATE_CHANGE_FAILURE);
                    if (round % 2) { // every other time the next change overtakes this one
                        const auto reached =
                            gst_element_get_state(pipeline.get(), nullptr, nullptr, 30 * GST_SECOND);
                        ASSERT_TRUE(reached == GST_STATE_CHANGE_SUCCESS ||
                                    reached == GST_STATE_CHANGE_NO_PREROLL)
                            << gst_element_state_change_return_get_name(reached) << " on the way to "
                            << gst_element_state_get_name(state) << " with "
                            << pipeline.stat("src", "slabs-free") << " slabs free";
                    }
                }
            }
        }
        EXPECT_EQ(pipeline.countMessages(GST_MESSAGE_ERROR), 0);
        expectAllHome(pipeline);
    }
    EXPECT_EQ(Footprint::now().mappings, before.mappings);
}

std::string lineName(const testing::TestParamInfo<const char *> &line)
{
    const char *names[] = {"LiveSource", "FreeSource", "LiveTee", "FreeQueue"};
    return names[line.index];
}

INSTANTIATE_TEST_SUITE_P(
    Elements, StateMatrix,
    testing::Values(
        "dmaslabsrc name=src backend=test ! video/x-raw,format=GRAY8,width=64,height=48,"
        "framerate=1000/1 ! fakesink",
        "dmaslabsrc name=src backend=test pacing=off ! "
        "video/x-raw,format=GRAY8,width=64,height=48 ! fakesink",
        "dmaslabsrc name=src backend=test ! "
        "video/x-raw,format=GRAY8,width=64,height=48,framerate=1000/1 ! "
        "tee name=t t. ! slabqueue ! fakesink t. ! slabqueue leaky=downstream ! fakesink sync=true",
        "dmaslabsrc name=src backend=test pacing=off slabs=4 ! "
        "video/x-raw,format=GRAY8,width=64,height=48 ! slabqueue max-held=2 ! fakesink"),
    lineName);

TEST(StateMatrixOfOneElement, EveryStateWithoutAnythingLinked)
{
    for (const char *name : {"dmaslabsrc", "slabqueue"}) {
        const ObjectPtr<GstElement> element(
            GST_ELEMENT(gst_object_ref_sink(gst_element_factory_make(name, nullptr))));
        if (std::string(name) == "dmaslabsrc")
            gst_util_set_object_arg(G_OBJECT(element.get()), "backend", "test");
        for (int round = 0; round < 3; ++round) {
            for (const GstState state :
                 {GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_PAUSED, GST_STATE_READY,
                  GST_STATE_NULL, GST_STATE_PLAYING, GST_STATE_NULL})
                EXPECT_NE(gst_element_set_state(element.get(), state), GST_STATE_CHANGE_FAILURE) << name;
        }
    }
}

TEST(Placement, APipelineStartedAfterOursRunsUnpinnedAtNormalPriority)
{
    const auto normal = Scheduling::mine();
    const std::string where = std::string("cpu=0 rt-priority=") + (mayUseRealTime() ? "10" : "0");
    for (int round = 0; round < 20; ++round) {
        {
            Pipeline ours(source(where + " pacing=off slabs=8 num-buffers=20") + "! slabqueue " + where +
                          " ! fakesink name=all");
            std::atomic<int> pinned{0};
            PadWatch all(ours, "all", "sink", [&](GstBuffer *) { pinned += Scheduling::mine().cpus == 1; });
            PadWatch made(ours, "src", "src", [&](GstBuffer *) { pinned += Scheduling::mine().cpus == 1; });
            ours.runToEnd();
            EXPECT_EQ(pinned, 40); // or the rest of this test says nothing
        }
        // GStreamer serves this one with the same threads.
        Pipeline other("fakesrc num-buffers=20 name=src ! queue ! fakesink name=all");
        std::atomic<int> strange{0};
        const auto look = [&](GstBuffer *) { strange += Scheduling::mine() != normal; };
        PadWatch all(other, "all", "sink", look);
        PadWatch made(other, "src", "src", look);
        other.runToEnd();
        EXPECT_EQ(strange, 0) << "round " << round;
    }
}
