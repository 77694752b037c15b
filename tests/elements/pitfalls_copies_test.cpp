// SPDX-License-Identifier: LGPL-2.1-or-later
// What stock elements do to a frame that several branches share: shallow copies, filters in place, writers.
// Whoever wants to change pixels gets pixels of his own, counted to the byte; nobody else's frame changes.
#include <algorithm>

#include "pipeline_bench.h"
#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

constexpr int width = 64, height = 48;
const std::string limits = " max-size-buffers=2 max-size-bytes=0 max-size-time=0 ";

std::string source(int frames, int slabs, const std::string &format = "GRAY8")
{
    return "dmaslabsrc name=src backend=test pattern=counter pacing=off slabs=" + std::to_string(slabs) +
           " num-buffers=" + std::to_string(frames) + " ! video/x-raw,format=" + format +
           ",width=" + std::to_string(width) + ",height=" + std::to_string(height) + ",framerate=1000/1 ";
}

std::string sink(const std::string &name)
{
    return "fakesink async=false enable-last-sample=false name=" + name + " ";
}

/** A tee with a branch of its own for `what`, beside one that wants to see every frame as it was. */
std::string beside(const std::string &what, int frames, int slabs)
{
    return source(frames, slabs) + "! tee name=t " + "t. ! slabqueue name=all_queue ! " + sink("all") +
           "t. ! " + what + " ! " + sink("other");
}

/** What applications do in a probe: make writable, map, change. */
void addDarkener(GstPad *pad)
{
    gst_pad_add_probe(
        pad, GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad *, GstPadProbeInfo *info, gpointer) {
            GstBuffer *buffer = gst_buffer_make_writable(GST_PAD_PROBE_INFO_BUFFER(info));
            GST_PAD_PROBE_INFO_DATA(info) = buffer;
            paint(buffer, 0);
            return GST_PAD_PROBE_OK;
        },
        nullptr, nullptr);
}

} // namespace

struct Neighbour
{
    const char *name;
    const char *branch;
};

class BesideANeighbour : public testing::TestWithParam<Neighbour>
{
};

TEST_P(BesideANeighbour, EveryFrameArrivesWholeAndEverySlabComesHome)
{
    const Footprint before = Footprint::now();
    constexpr int frames = 2000;
    {
        Pipeline pipeline(beside(GetParam().branch, frames, 12));
        PadWatch all(pipeline, "all");
        PadWatch other(pipeline, "other");
        other.ignoreNumbers(); // videorate's are its own
        pipeline.runToEnd();
        all.expectEveryFrame(frames);
        EXPECT_EQ(other.wrong(), 0u);
        EXPECT_GT(other.count(), 0u);
        EXPECT_EQ(other.slabs(), other.count());
        expectConservation(pipeline, "all_queue");
        EXPECT_LE(pipeline.stat("src", "slabs-held"), 1u); // videorate keeps the last frame
        pipeline.stop();
        expectAllHome(pipeline);
        EXPECT_EQ(pipeline.stat("src", "frames-out"), guint64(frames));
        EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
    }
    EXPECT_EQ(Footprint::now().mappings, before.mappings);
}

INSTANTIATE_TEST_SUITE_P(
    PitfallShallowCopy, BesideANeighbour,
    testing::Values(Neighbour{"Videorate",
                              "queue max-size-buffers=2 ! videorate ! video/x-raw,framerate=300/1"},
                    Neighbour{"VideorateThatRepeats",
                              "queue max-size-buffers=2 ! videorate ! video/x-raw,framerate=1300/1"},
                    Neighbour{"VideorateInTheSameThread", "videorate ! video/x-raw,framerate=300/1"},
                    Neighbour{"SingleSegment", "queue max-size-buffers=2 ! identity single-segment=true"},
                    Neighbour{"LeakyQueueUpstream", "queue leaky=upstream max-size-buffers=1"},
                    Neighbour{"LeakyQueueDownstream", "queue leaky=downstream max-size-buffers=1"},
                    Neighbour{"Multiqueue", "multiqueue max-size-buffers=2 max-size-bytes=0 max-size-time=0"},
                    Neighbour{"Queue2", "queue2 max-size-buffers=2 max-size-bytes=0 max-size-time=0"},
                    Neighbour{"Slabqueue", "slabqueue leaky=downstream max-size-buffers=1"},
                    Neighbour{"MaxHeld", "slabqueue leaky=downstream max-held=2"},
                    Neighbour{"DropAllocation", "queue max-size-buffers=2 ! identity drop-allocation=true"}),
    [](const auto &given) { return std::string(given.param.name); });

TEST(PitfallLeakyQueue, ALeakingStockQueueLosesNoSlab)
{
    // The queue leaks for certain: its sink takes a frame only when the other branch is ten frames further.
    constexpr guint64 frames = 3000;
    for (const char *leaky : {"upstream", "downstream"}) {
        Pipeline pipeline(
            beside("queue name=q " + limits + "leaky=" + leaky + " ! identity name=lag", int(frames), 8));
        PadWatch *behind = nullptr;
        PadWatch all(pipeline, "all", "sink", [&](GstBuffer *buffer) {
            // It starts early and goes on before the end, however busy the machine: so it leaks in between.
            if (GST_BUFFER_OFFSET(buffer) == 50)
                behind->waitFor(1);
            else if (GST_BUFFER_OFFSET(buffer) == 2000)
                behind->waitFor(2);
        });
        PadWatch lag(pipeline, "lag", "sink", [&](GstBuffer *buffer) {
            const guint64 until = std::min(GST_BUFFER_OFFSET(buffer) + 10, frames - 1);
            all.waitFor(until + 1);
        });
        behind = &lag;
        pipeline.runToEnd();
        all.expectEveryFrame(frames);
        EXPECT_LT(lag.count(), frames / 2) << leaky;
        EXPECT_GT(lag.disconts(), 1u) << leaky; // each one is a shallow copy made by the queue
        EXPECT_EQ(lag.wrong(), 0u) << leaky;
        EXPECT_EQ(lag.slabs(), lag.count()) << leaky;
        expectAllHome(pipeline);
        EXPECT_EQ(pipeline.stat("src", "dropped"), 0u);
        EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
    }
}

class InPlaceFilter : public testing::TestWithParam<std::pair<const char *, const char *>>
{
protected:
    /** The filter's branch; `format` without a stock filter gets an application's probe. */
    [[nodiscard]] std::string filter() const { return GetParam().second; }
    [[nodiscard]] std::string format() const { return GetParam().first; }
    void install(Pipeline &pipeline) const
    {
        if (filter() == "identity name=filter")
            addDarkener(pipeline.pad("filter", "src").get());
    }
};

TEST_P(InPlaceFilter, BesideAHolderOfTheFrameGetsACopyThatIsCounted)
{
    constexpr int frames = 50;
    Pipeline pipeline(source(frames, frames + 8, format()) + "! tee name=t t. ! " + sink("kept") +
                      "t. ! queue max-size-buffers=4 ! " + filter() + " ! " + sink("filtered"));
    std::vector<BufferPtr> kept;
    PadWatch holder(pipeline, "kept", "sink",
                    [&](GstBuffer *buffer) { kept.emplace_back(gst_buffer_ref(buffer)); });
    PadWatch filtered(pipeline, "filtered");
    install(pipeline);
    pipeline.runToEnd();
    ASSERT_EQ(kept.size(), std::size_t(frames));
    const guint64 size = gst_buffer_get_size(kept.front().get());
    int changed = 0;
    for (const auto &buffer : kept)
        changed += !lookAt(buffer.get()).whole;
    EXPECT_EQ(changed, 0);
    EXPECT_EQ(filtered.wrong(), std::size_t(frames)); // the filter did filter
    EXPECT_EQ(filtered.slabs(), 0u);
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), frames * size);
    EXPECT_EQ(pipeline.stat("src", "slabs-held"), guint64(frames));
    kept.clear();
    expectAllHome(pipeline);
}

TEST_P(InPlaceFilter, BesideAHolderOfTheBareMemoryGetsACopyThatIsCounted)
{
    // The core counts buffers that hold a memory, not references to it: to the filter this frame is its own.
    constexpr int frames = 50;
    Pipeline pipeline(source(frames, frames + 8, format()) + "! tee name=t t. ! " + sink("kept") +
                      "t. ! queue max-size-buffers=4 ! " + filter() + " ! " + sink("filtered"));
    std::vector<MemoryPtr> kept;
    PadWatch holder(pipeline, "kept", "sink", [&](GstBuffer *buffer) {
        kept.emplace_back(gst_memory_ref(gst_buffer_peek_memory(buffer, 0)));
    });
    PadWatch filtered(pipeline, "filtered");
    install(pipeline);
    pipeline.runToEnd();
    ASSERT_EQ(kept.size(), std::size_t(frames));
    const guint64 size = kept.front()->size;
    int changed = 0;
    for (const auto &memory : kept)
        changed += !lookAt(memory.get()).whole;
    EXPECT_EQ(changed, 0);
    EXPECT_EQ(filtered.wrong(), std::size_t(frames));
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), frames * size);
    kept.clear();
    expectAllHome(pipeline);
}

TEST_P(InPlaceFilter, AloneWritesIntoTheSlab)
{
    constexpr int frames = 200;
    Pipeline pipeline(source(frames, 8, format()) + "! slabqueue ! " + filter() + " ! " + sink("filtered"));
    PadWatch filtered(pipeline, "filtered");
    install(pipeline);
    pipeline.runToEnd();
    EXPECT_EQ(filtered.wrong(), std::size_t(frames));
    EXPECT_EQ(filtered.slabs(), std::size_t(frames));
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
    expectAllHome(pipeline);
}

TEST_P(InPlaceFilter, ChangesNoFrameOfTheOtherBranchWhoeverIsFirst)
{
    // Unordered: now the filter is the last holder and writes in place, now it is not and gets a copy.
    constexpr int frames = 3000;
    Pipeline pipeline(source(frames, 12, format()) + "! tee name=t " + "t. ! slabqueue ! " + sink("all") +
                      "t. ! slabqueue ! " + filter() + " ! " + sink("filtered"));
    PadWatch all(pipeline, "all");
    PadWatch filtered(pipeline, "filtered");
    install(pipeline);
    pipeline.runToEnd();
    all.expectEveryFrame(frames);
    EXPECT_EQ(filtered.wrong(), std::size_t(frames));
    const guint64 copied = pipeline.stat("src", "bytes-copied");
    const guint64 bytes = pipeline.stat("src", "bytes") / frames;
    EXPECT_EQ(copied, (frames - filtered.slabs()) * bytes);
    expectAllHome(pipeline);
}

INSTANTIATE_TEST_SUITE_P(Pitfall, InPlaceFilter,
                         testing::Values(std::pair("GRAY8", "identity name=filter"),
                                         std::pair("GRAY16_LE", "identity name=filter"),
                                         std::pair("NV12", "videobalance brightness=-0.5"),
                                         std::pair("I420", "videobalance brightness=-0.5"),
                                         std::pair("AYUV", "videobalance brightness=-0.5")),
                         [](const auto &given) { return std::string(given.param.first); });

TEST(PitfallWriteMap, AWriterOfAShallowCopyNeverShowsInAnotherBranch)
{
    constexpr int frames = 300;
    Pipeline pipeline(source(frames, 8) + "! tee name=t t. ! " + sink("writer") + "t. ! slabqueue ! " +
                      sink("all"));
    guint64 written = 0;
    PadWatch writer(pipeline, "writer", "sink", [&](GstBuffer *buffer) {
        const BufferPtr copy(gst_buffer_copy(buffer));
        GstDmaSlabInfo slab;
        EXPECT_TRUE(gst_dma_slab_buffer_get_info(copy.get(), &slab));
        paint(copy.get(), 0x55);
        EXPECT_FALSE(gst_dma_slab_buffer_get_info(copy.get(), &slab));
        EXPECT_EQ(colour(copy.get()), 0x55);
        written += gst_buffer_get_size(buffer);
    });
    PadWatch all(pipeline, "all");
    pipeline.runToEnd();
    all.expectEveryFrame(frames);
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), written);
    expectAllHome(pipeline);
}

TEST(PitfallDeepCopy, IsCountedToTheByte)
{
    constexpr int frames = 40;
    Pipeline pipeline(source(frames, 6) + "! " + sink("all"));
    std::vector<BufferPtr> copies;
    PadWatch all(pipeline, "all", "sink",
                 [&](GstBuffer *buffer) { copies.emplace_back(gst_buffer_copy_deep(buffer)); });
    pipeline.runToEnd();
    all.expectEveryFrame(frames);
    for (const auto &copy : copies)
        EXPECT_TRUE(lookAt(copy.get()).whole);
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), guint64(frames) * width * height);
    expectAllHome(pipeline);
}

TEST(PitfallSubBuffer, APartHoldsItsSlabAndItsPixels)
{
    constexpr int frames = 30, rows = 8;
    Pipeline pipeline(source(frames, frames + 6) + "! tee name=t t. ! " + sink("kept") +
                      "t. ! queue max-size-buffers=4 ! identity name=filter ! " + sink("filtered"));
    std::vector<BufferPtr> parts;
    std::vector<std::vector<guint8>> expected;
    PadWatch kept(pipeline, "kept", "sink", [&](GstBuffer *buffer) {
        auto &bytes = expected.emplace_back(rows * width);
        EXPECT_EQ(gst_buffer_extract(buffer, 2 * width, bytes.data(), bytes.size()), bytes.size());
        parts.emplace_back(gst_buffer_copy_region(buffer, GST_BUFFER_COPY_MEMORY, 2 * width, rows * width));
    });
    PadWatch filtered(pipeline, "filtered");
    addDarkener(pipeline.pad("filter", "src").get());
    pipeline.runToEnd();
    ASSERT_EQ(parts.size(), std::size_t(frames));
    for (int i = 0; i < frames; ++i)
        EXPECT_EQ(gst_buffer_memcmp(parts[i].get(), 0, expected[i].data(), expected[i].size()), 0) << i;
    EXPECT_EQ(filtered.wrong(), std::size_t(frames));
    EXPECT_EQ(pipeline.stat("src", "slabs-held"), guint64(frames));
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), guint64(frames) * width * height); // the filter's
    parts.clear();
    expectAllHome(pipeline);
}

TEST(PitfallSixteenMemories, MergedByTheCoreTheFramesAreWholeAndTheSlabsHome)
{
    constexpr int frames = 40, gathered = 17; // one more than a buffer can have memories
    Pipeline pipeline(source(frames, gathered + 4) + "! " + sink("all"));
    BufferPtr heap(gst_buffer_new());
    int merged = 0;
    PadWatch all(pipeline, "all", "sink", [&](GstBuffer *buffer) {
        heap.reset(gst_buffer_append(heap.release(), gst_buffer_ref(buffer)));
        if (gst_buffer_get_size(heap.get()) < gsize(gathered) * width * height)
            return;
        EXPECT_LE(gst_buffer_n_memory(heap.get()), gst_buffer_get_max_memory());
        for (gsize i = 0; i < gathered; ++i) {
            const BufferPtr frame(gst_buffer_copy_region(heap.get(), GST_BUFFER_COPY_MEMORY,
                                                         i * width * height, width * height));
            EXPECT_TRUE(lookAt(frame.get()).whole) << i;
        }
        heap.reset(gst_buffer_new());
        ++merged;
    });
    pipeline.runToEnd();
    all.expectEveryFrame(frames);
    EXPECT_EQ(merged, frames / gathered);
    // The core merges with plain reads of the slabs: no allocator can see that copy, so it is not counted.
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
    EXPECT_EQ(pipeline.stat("src", "slabs-held"), guint64(frames % gathered));
    heap.reset();
    expectAllHome(pipeline);
}

TEST(PitfallForeignPool, ASlabInABufferOfAnotherPoolComesHome)
{
    constexpr int frames = 300;
    const PoolObject pool(gst_buffer_pool_new());
    ASSERT_TRUE(configure(pool.get(), nullptr, width * height, 2, 4));
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));
    Pipeline pipeline(source(frames, 6) + "! tee name=t t. ! " + sink("foreign") + "t. ! slabqueue ! " +
                      sink("all"));
    BufferPtr held;
    PadWatch foreign(pipeline, "foreign", "sink", [&](GstBuffer *buffer) {
        GstBuffer *other = nullptr;
        ASSERT_EQ(gst_buffer_pool_acquire_buffer(pool.get(), &other, nullptr), GST_FLOW_OK);
        gst_buffer_replace_all_memory(other, gst_buffer_get_memory(buffer, 0));
        held.reset(other); // beyond the life of our buffer, which goes home without its slab
    });
    PadWatch all(pipeline, "all");
    pipeline.runToEnd();
    all.expectEveryFrame(frames);
    held.reset();
    expectAllHome(pipeline);
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
    gst_buffer_pool_set_active(pool.get(), FALSE);
}

TEST(PitfallForeignPool, ABufferOfOursThatCarriesForeignMemoryIsMadeGoodAgain)
{
    constexpr int frames = 300;
    Pipeline pipeline(source(frames, 6) + "! identity name=thief ! " + sink("all"));
    const auto pad = pipeline.pad("thief", "src");
    gst_pad_add_probe(
        pad.get(), GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad *, GstPadProbeInfo *info, gpointer) {
            GstBuffer *buffer = gst_buffer_make_writable(GST_PAD_PROBE_INFO_BUFFER(info));
            GST_PAD_PROBE_INFO_DATA(info) = buffer;
            gst_buffer_replace_all_memory(buffer, gst_allocator_alloc(nullptr, 16, nullptr));
            return GST_PAD_PROBE_OK;
        },
        nullptr, nullptr);
    PadWatch before(pipeline, "thief");
    PadWatch after(pipeline, "all");
    pipeline.runToEnd();
    before.expectEveryFrame(frames);
    EXPECT_EQ(before.slabs(), std::size_t(frames));
    EXPECT_EQ(after.slabs(), 0u);
    expectAllHome(pipeline);
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
}
