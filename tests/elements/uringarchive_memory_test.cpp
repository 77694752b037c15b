// SPDX-License-Identifier: LGPL-2.1-or-later
// From where the frames are written: held as they are, not copied where the disk can take them, and whatever
// memory they come in, the bytes in the recording are theirs.
#include <cstring>

#include <gst/video/video.h>

#include "archive_bench.h"
#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

/** Pixels that tell row and column. */
guint8 pixel(std::uint64_t sequence, std::size_t row, std::size_t column)
{
    return guint8(sequence + row * 31 + column * 3 + 1);
}

/** A grey picture of 60 x 48 with rows `stride` apart from `offset` on, described by its meta. */
BufferPtr picture(std::uint64_t sequence, gsize offset, gint stride, bool twoMemories = false)
{
    constexpr gint width = 60, height = 48;
    const gsize size = offset + gsize(stride) * height;
    BufferPtr buffer(gst_buffer_new());
    std::vector<guint8> bytes(size, 0xEE);
    for (gint row = 0; row < height; ++row) {
        for (gint column = 0; column < width; ++column)
            bytes[offset + gsize(row * stride + column)] = pixel(sequence, row, column);
    }
    const gsize cut = twoMemories ? size / 2 + 7 : size;
    gst_buffer_append_memory(buffer.get(), gst_allocator_alloc(nullptr, cut, nullptr));
    if (cut < size)
        gst_buffer_append_memory(buffer.get(), gst_allocator_alloc(nullptr, size - cut, nullptr));
    gst_buffer_fill(buffer.get(), 0, bytes.data(), size);
    gsize offsets[GST_VIDEO_MAX_PLANES] = {offset};
    gint strides[GST_VIDEO_MAX_PLANES] = {stride};
    gst_buffer_add_video_meta_full(buffer.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY8, width,
                                   height, 1, offsets, strides);
    GST_BUFFER_OFFSET(buffer.get()) = sequence;
    return buffer;
}

void expectPicture(const std::vector<std::byte> &frame, std::uint64_t sequence, std::size_t stride)
{
    ASSERT_EQ(frame.size(), stride * 48);
    for (std::size_t row = 0; row < 48; ++row) {
        for (std::size_t column = 0; column < 60; ++column)
            ASSERT_EQ(guint8(frame[row * stride + column]), pixel(sequence, row, column))
                << row << "," << column;
    }
}

constexpr const char *smallCaps = "video/x-raw,format=GRAY8,width=60,height=48,framerate=100/1";

PoolObject slabs(guint count, guint size = ArchiveBench::frameBytes)
{
    return activePool(count, size);
}

BufferPtr slabFrame(const PoolObject &pool, std::uint64_t sequence)
{
    BufferPtr buffer = take(pool);
    paint(buffer.get(), ArchiveBench::colour(sequence));
    GST_BUFFER_OFFSET(buffer.get()) = sequence;
    return buffer;
}

struct Answer
{
    bool answered = false;
    guint minimum = 0, size = 0;
    bool pool = false, videoMeta = false;
    gsize padding = 0, align = 0;
};

Answer ask(GstPad *pad, const char *text, bool wantsPool)
{
    const CapsPtr caps(gst_caps_from_string(text));
    const QueryPtr query(gst_query_new_allocation(caps.get(), wantsPool));
    Answer answer;
    answer.answered = gst_pad_peer_query(pad, query.get());
    if (gst_query_get_n_allocation_pools(query.get()) > 0) {
        GstBufferPool *pool = nullptr;
        gst_query_parse_nth_allocation_pool(query.get(), 0, &pool, &answer.size, &answer.minimum, nullptr);
        const ObjectPtr<GstBufferPool> guard(pool);
        answer.pool = pool && G_OBJECT_TYPE(pool) == GST_TYPE_DMA_SLAB_BUFFER_POOL;
    }
    if (gst_query_get_n_allocation_params(query.get()) > 0) {
        GstAllocationParams params;
        gst_query_parse_nth_allocation_param(query.get(), 0, nullptr, &params);
        answer.padding = params.padding;
        answer.align = params.align;
    }
    answer.videoMeta = gst_query_find_allocation_meta(query.get(), GST_VIDEO_META_API_TYPE, nullptr);
    return answer;
}

} // namespace

TEST(UringArchiveMemory, FramesInSlabsAreWrittenFromWhereTheyLie)
{
    const PoolObject pool = slabs(40);
    ArchiveBench bench;
    bench.start();
    for (std::uint64_t i = 0; i < 20; ++i)
        bench.push(slabFrame(pool, i));
    bench.eos();
    const Recorded recorded = bench.recorded();
    ASSERT_EQ(recorded.frames.size(), 20u);
    for (std::size_t i = 0; i < 20; ++i)
        EXPECT_EQ(recorded.frames[i],
                  std::vector<std::byte>(ArchiveBench::frameBytes, std::byte(ArchiveBench::colour(i))));
    if (bench.ioOf().find("direct") == std::string::npos)
        GTEST_SKIP() << "this file system takes no direct writes";
    EXPECT_EQ(bench.stat("bytes-copied"), 0u);
    EXPECT_EQ(copied(pool), 0u);
}

TEST(UringArchiveMemory, TheTailOfARecordIsWrittenFromTheSlabToo)
{
    const PoolObject pool = slabs(8, 2880);
    ArchiveBench bench;
    bench.start(smallCaps);
    for (std::uint64_t i = 0; i < 5; ++i)
        bench.push(slabFrame(pool, i));
    bench.eos();
    EXPECT_EQ(bench.recorded().descrs[0], "[('pixels', '|u1', (48, 60)), ('', '|V1216')]");
    if (bench.ioOf().find("direct") == std::string::npos)
        GTEST_SKIP() << "this file system takes no direct writes";
    EXPECT_EQ(bench.stat("bytes-copied"), 0u);
}

TEST(UringArchiveMemory, AHeldSlabIsTheDisksAndNobodyMayWriteIt)
{
    const PoolObject pool = slabs(4);
    Gate gate;
    ArchiveBench bench;
    bench.start();
    gate.shut();
    bench.push(gate.frame(0));
    gate.waitBlocked();

    BufferPtr kept = slabFrame(pool, 1);
    GstMemory *memory = gst_buffer_peek_memory(kept.get(), 0);
    bench.push(BufferPtr(gst_buffer_ref(kept.get())));
    EXPECT_EQ(slabBankOf(pool.get())->pool().holders(infoOf(kept.get()).index), 2u);
    GstMapInfo map;
    EXPECT_FALSE(gst_memory_map(memory, &map, GST_MAP_WRITE));
    EXPECT_FALSE(gst_buffer_is_writable(kept.get()));
    // What an in-place filter in another branch does: it gets a copy.
    BufferPtr other(gst_buffer_make_writable(kept.release()));
    paint(other.get(), 0);
    other.reset();
    EXPECT_EQ(levels(pool).held, 1u);

    gate.open();
    bench.drain();
    EXPECT_EQ(levels(pool).held, 0u);
    bench.eos();
    EXPECT_EQ(bench.recorded().frames[1],
              std::vector<std::byte>(ArchiveBench::frameBytes, std::byte(ArchiveBench::colour(1))));
}

TEST(UringArchiveMemory, AFrameIsLetGoOnceItIsWritten)
{
    ArchiveBench bench;
    bench.start();
    BufferPtr buffer = ArchiveBench::frame(0);
    bench.push(BufferPtr(gst_buffer_ref(buffer.get())));
    bench.drain();
    EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(buffer.get()), 1);
    EXPECT_TRUE(gst_buffer_is_all_memory_writable(buffer.get()));
}

TEST(UringArchiveMemory, RowsAreStoredAsTheyLieAndTheCropSaysWhatIsPicture)
{
    ArchiveBench bench("layout=record");
    bench.start(smallCaps);
    bench.push(picture(0, 0, 72));
    bench.push(picture(1, 0, 72));
    bench.eos();
    const Recorded recorded = bench.recorded();
    ASSERT_EQ(recorded.frames.size(), 2u);
    EXPECT_EQ(recorded.descrs[0].find("[('pixels', '|u1', (48, 72))"), 0u) << recorded.descrs[0];
    expectPicture(recorded.frames[1], 1, 72);
}

TEST(UringArchiveMemory, AFrameWithOtherRowsThanTheFirstIsBroughtIntoThem)
{
    ArchiveBench bench;
    bench.start(smallCaps);
    bench.push(picture(0, 0, 64));
    bench.push(picture(1, 0, 100));
    bench.push(picture(2, 24, 64));
    bench.eos();
    const Recorded recorded = bench.recorded();
    ASSERT_EQ(recorded.frames.size(), 3u);
    for (std::uint64_t i = 0; i < 3; ++i)
        expectPicture(recorded.frames[i], i, 64);
    EXPECT_GE(bench.stat("bytes-copied"), 2 * 64 * 48u);
}

TEST(UringArchiveMemory, APictureCutOutOfALargerOneIsRecordedWithoutItsSurroundings)
{
    ArchiveBench bench;
    bench.start(smallCaps);
    bench.push(picture(0, 1000, 1024));
    bench.push(picture(1, 0, 1024));
    bench.eos();
    expectPicture(bench.recorded().frames[0], 0, 60);
    expectPicture(bench.recorded().frames[1], 1, 60);
}

TEST(UringArchiveMemory, AFrameInSeveralMemoriesIsGathered)
{
    ArchiveBench bench;
    bench.start(smallCaps);
    bench.push(picture(0, 0, 60, true));
    bench.push(picture(1, 0, 72, true));
    bench.eos();
    expectPicture(bench.recorded().frames[0], 0, 60);
    expectPicture(bench.recorded().frames[1], 1, 60);
    EXPECT_GE(bench.stat("bytes-copied"), 2 * 60 * 48u);
}

TEST(UringArchiveMemory, MemoryThatCannotBeMappedAnyMoreIsRecordedAsItWas)
{
    Gate gate;
    ArchiveBench bench("commit-interval=3600000000000 batch-time=1000000000");
    bench.start();
    bench.push(gate.frame(0));
    gate.refuseMaps();
    bench.eos();
    const Recorded recorded = bench.recorded();
    ASSERT_EQ(recorded.frames.size(), 1u);
    EXPECT_EQ(recorded.frames[0],
              std::vector<std::byte>(ArchiveBench::frameBytes, std::byte(ArchiveBench::colour(0))));
}

TEST(UringArchiveMemory, AFrameWhoseMemoryCannotBeMappedIsLostAndSaid)
{
    Gate gate;
    ArchiveBench bench;
    bench.start();
    BufferPtr unreadable = gate.frame(1);
    bench.push(0);
    gate.refuseMaps();
    EXPECT_EQ(bench.push(std::move(unreadable)), GST_FLOW_OK);
    bench.push(2);
    bench.eos();
    EXPECT_EQ(bench.stat("dropped-io-error"), 1u);
    EXPECT_EQ(bench.recorded().sequences(), (std::vector<std::uint64_t>{0, 2}));
    EXPECT_EQ(bench.recorded().ledger(), (std::vector<std::string>{"1-1 x1 io-error archive"}));
}

TEST(UringArchiveMemory, AnAllocationQueryWaitsForTheFramesButNotForTheirCommit)
{
    ArchiveBench bench("commit-interval=3600000000000");
    bench.start();
    BufferPtr buffer = ArchiveBench::frame(0);
    bench.push(BufferPtr(gst_buffer_ref(buffer.get())));
    EXPECT_TRUE(ask(bench.pad(), ArchiveBench::caps, true).answered);
    EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(buffer.get()), 1);
    EXPECT_EQ(bench.stat("frames-archived"), 0u);
    EXPECT_EQ(bench.stat("frames-pending"), 1u);
}

TEST(UringArchiveMemory, AMetaThatReachesBeyondItsBufferIsCorrupt)
{
    ArchiveBench bench;
    bench.start(smallCaps);
    bench.push(picture(0, 0, 60));
    BufferPtr bad = picture(1, 0, 60);
    gst_buffer_get_video_meta(bad.get())->stride[0] = 4000;
    EXPECT_EQ(bench.push(std::move(bad)), GST_FLOW_OK);
    bad = picture(2, 0, 60);
    gst_buffer_get_video_meta(bad.get())->offset[0] = 1u << 30;
    EXPECT_EQ(bench.push(std::move(bad)), GST_FLOW_OK);
    bench.eos();
    EXPECT_EQ(bench.stat("dropped-corrupt"), 2u);
    EXPECT_EQ(bench.recorded().index.size(), 1u);
}

TEST(UringArchiveMemory, APictureThatStandsOnItsHeadIsTurned)
{
    ArchiveBench bench;
    bench.start(smallCaps);
    BufferPtr buffer = picture(0, 0, 60);
    gst_buffer_get_video_meta(buffer.get())->offset[0] = 60 * 47;
    gst_buffer_get_video_meta(buffer.get())->stride[0] = -60;
    bench.push(std::move(buffer));
    bench.eos();
    const auto frames = bench.recorded().frames;
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(guint8(frames[0][0]), pixel(0, 47, 0));
    EXPECT_EQ(guint8(frames[0][47 * 60]), pixel(0, 0, 0));
}

TEST(UringArchiveMemory, TheAllocationAnswerSaysWhatIsHeldAndHowFramesShouldLie)
{
    ArchiveBench bench("queue-depth=8 batch-time=10000000");
    bench.start();
    const Answer answer =
        ask(bench.pad(), "video/x-raw,format=GRAY16_LE,width=300,height=300,framerate=1000/1", true);
    EXPECT_TRUE(answer.answered);
    EXPECT_EQ(answer.minimum, 8 + 60 + 4u); // depth, frames in 10 ms + 50 ms, hands
    EXPECT_EQ(answer.size, 180000u);
    EXPECT_TRUE(answer.pool);
    EXPECT_TRUE(answer.videoMeta);
    EXPECT_EQ(answer.align, 4095u);
    EXPECT_EQ(answer.padding, 180224 - 180000u);
    EXPECT_EQ(ask(bench.pad(), ArchiveBench::caps, false).padding, 0u);
    EXPECT_TRUE(ask(bench.pad(), "image/jpeg", true).answered);
}

TEST(UringArchiveMemory, ThinningAndMaxHeldShowInTheAnswer)
{
    constexpr const char *fast = "video/x-raw,format=GRAY8,width=64,height=64,framerate=1000/1";
    ArchiveBench thinned("every-nth=5 queue-depth=8 batch-time=10000000");
    thinned.start();
    EXPECT_EQ(ask(thinned.pad(), fast, false).minimum, 8 + 12 + 4u);
    ArchiveBench fenced("max-held=5");
    fenced.start();
    EXPECT_EQ(ask(fenced.pad(), fast, false).minimum, 5u);
}

TEST(UringArchiveMemory, AStockSourceInFrontTakesTheSlabsAndNothingIsCopied)
{
    TemporaryDirectory directory;
    // Layout rows: the five rows below the picture end beyond the page that its last row ends in.
    const std::string line = "videotestsrc num-buffers=30 ! video/x-raw,format=GRAY8,width=1280,height=475 ! "
                             "uringarchive name=archive segment-bytes=8388608 location=" +
                             directory.path("rec");
    const ObjectPtr<GstElement> pipeline(
        GST_ELEMENT(gst_object_ref_sink(gst_parse_launch(line.c_str(), nullptr))));
    gst_element_set_state(pipeline.get(), GST_STATE_PLAYING);
    const ObjectPtr<GstBus> bus(gst_element_get_bus(pipeline.get()));
    const MessagePtr end(gst_bus_timed_pop_filtered(bus.get(), 60 * GST_SECOND,
                                                    GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
    ASSERT_TRUE(end);
    EXPECT_EQ(GST_MESSAGE_TYPE(end.get()), GST_MESSAGE_EOS);
    const ObjectPtr<GstElement> archive(gst_bin_get_by_name(GST_BIN(pipeline.get()), "archive"));
    GstStructure *stats = nullptr;
    g_object_get(archive.get(), "stats", &stats, nullptr);
    const StructurePtr guard(stats);
    gst_element_set_state(pipeline.get(), GST_STATE_NULL);
    guint64 archived = 0, copiedBytes = 1;
    gst_structure_get(stats, "frames-archived", G_TYPE_UINT64, &archived, "bytes-copied", G_TYPE_UINT64,
                      &copiedBytes, nullptr);
    EXPECT_EQ(archived, 30u);
    if (!std::strstr(gst_structure_get_string(stats, "io"), "direct"))
        GTEST_SKIP() << "this file system takes no direct writes";
    EXPECT_EQ(copiedBytes, 0u);
}

TEST(UringArchiveMemory, TheAnswerGoesThroughATee)
{
    const ObjectPtr<GstElement> bin(GST_ELEMENT(gst_object_ref_sink(gst_parse_bin_from_description(
        "tee name=t  t. ! uringarchive recording=false location=unused max-held=7  "
        "t. ! uringarchive recording=false location=unused max-held=3",
        FALSE, nullptr))));
    const ObjectPtr<GstElement> tee(gst_bin_get_by_name(GST_BIN(bin.get()), "t"));
    const ObjectPtr<GstPad> source(GST_PAD(gst_object_ref_sink(gst_pad_new("source", GST_PAD_SRC))));
    const ObjectPtr<GstPad> sink(gst_element_get_static_pad(tee.get(), "sink"));
    ASSERT_EQ(gst_pad_link_full(source.get(), sink.get(), GST_PAD_LINK_CHECK_NOTHING), GST_PAD_LINK_OK);
    gst_pad_set_active(source.get(), TRUE);
    gst_element_set_state(bin.get(), GST_STATE_PAUSED);
    const Answer answer =
        ask(source.get(), "video/x-raw,format=GRAY8,width=300,height=300,framerate=100/1", true);
    EXPECT_TRUE(answer.answered);
    EXPECT_GE(answer.minimum, 7u);
    EXPECT_EQ(answer.padding, 90112 - 90000u);
    EXPECT_TRUE(answer.videoMeta);
    gst_element_set_state(bin.get(), GST_STATE_NULL);
}

TEST(UringArchiveMemory, SlabsAreNotOfferedWhereTheyWouldTakeTheMachinesMemory)
{
    ArchiveBench bench("max-held=100");
    bench.start();
    constexpr const char *large = "video/x-raw,format=RGBx,width=3840,height=2160,framerate=60/1";
    const Answer answer = ask(bench.pad(), large, true);
    EXPECT_EQ(answer.minimum, 100u);
    EXPECT_FALSE(answer.pool);
    EXPECT_EQ(answer.align, 4095u);
}
