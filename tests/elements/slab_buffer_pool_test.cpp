// SPDX-License-Identifier: LGPL-2.1-or-later
// What comes out of the pool again, whatever happened to a buffer before it came home.
#include <vector>

#include <gtest/gtest.h>

#include "call_counters.h"
#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

constexpr guint kSize = 3000;

struct SlabBufferPool : testing::Test
{
    PoolObject pool = activePool(2, kSize);

    /** Every slab is home, and each can be acquired whole, exactly once. */
    void expectAllHome()
    {
        EXPECT_EQ(levels(pool).free, 2u);
        const BufferPtr first = take(pool);
        const BufferPtr second = take(pool);
        ASSERT_TRUE(first && second);
        EXPECT_NE(infoOf(first.get()).index, infoOf(second.get()).index);
        EXPECT_EQ(gst_buffer_get_size(first.get()), kSize);
        EXPECT_EQ(gst_buffer_get_size(second.get()), kSize);
        BufferPtr third;
        EXPECT_EQ(tryAcquire(pool.get(), third), GST_FLOW_EOS);
    }
};

PoolObject videoPool(const char *format, int width, int height, const GstVideoAlignment *align = nullptr)
{
    PoolObject pool(gst_dma_slab_buffer_pool_new());
    const CapsPtr caps(gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, format, "width",
                                           G_TYPE_INT, width, "height", G_TYPE_INT, height, "framerate",
                                           GST_TYPE_FRACTION, 30, 1, nullptr));
    GstStructure *config = gst_buffer_pool_get_config(pool.get());
    gst_buffer_pool_config_set_params(config, caps.get(), 0, 2, 2);
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    if (align) {
        gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
        gst_buffer_pool_config_set_video_alignment(config, const_cast<GstVideoAlignment *>(align));
    }
    EXPECT_TRUE(gst_buffer_pool_set_config(pool.get(), config));
    EXPECT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));
    return pool;
}

} // namespace

TEST_F(SlabBufferPool, ReusesBufferAndMemory)
{
    BufferPtr buffer = take(pool);
    const GstBuffer *const object = buffer.get();
    const GstMemory *const memory = gst_buffer_peek_memory(buffer.get(), 0);
    buffer.reset();
    buffer = take(pool);
    EXPECT_EQ(buffer.get(), object);
    EXPECT_EQ(gst_buffer_peek_memory(buffer.get(), 0), memory);
}

TEST_F(SlabBufferPool, TenThousandCyclesAllocateNothing)
{
    if (!allocationsAreCounted())
        GTEST_SKIP() << "needs G_SLICE=always-malloc and no sanitizer, which hides the calls";
    take(pool); // the first use makes the buffer
    const CallCounts before = CallCounts::now();
    for (int i = 0; i < 10000; ++i) {
        BufferPtr buffer;
        tryAcquire(pool.get(), buffer);
    }
    EXPECT_EQ(CallCounts::now(), before);
}

TEST_F(SlabBufferPool, ShallowCopiesThatStayAllocateNoMemoryOfSlabs)
{
    for (int i = 0; i < 10000; ++i) {
        BufferPtr buffer = take(pool);
        const BufferPtr copy(gst_buffer_copy(buffer.get()));
        buffer.reset();
    }
    EXPECT_EQ(copied(pool), 0u);
    expectAllHome();
}

TEST_F(SlabBufferPool, AShallowCopyKeepsTheSlabAndBringsItHomeOnce)
{
    BufferPtr buffer = take(pool);
    paint(buffer.get(), 5);
    BufferPtr copy(gst_buffer_copy(buffer.get()));
    buffer.reset();
    EXPECT_EQ(levels(pool).free, 1u);
    {
        const BufferPtr other = take(pool);
        paint(other.get(), 6);
    }
    EXPECT_EQ(colour(copy.get()), 5);
    copy.reset();
    expectAllHome();
    EXPECT_EQ(levels(pool).staleHandles, 0u);
}

TEST_F(SlabBufferPool, AShallowCopyThatGoesFirstChangesNothing)
{
    BufferPtr buffer = take(pool);
    const GstBuffer *const object = buffer.get();
    BufferPtr(gst_buffer_copy(buffer.get())).reset();
    EXPECT_EQ(levels(pool).free, 1u);
    buffer.reset();
    EXPECT_EQ(take(pool).get(), object);
    expectAllHome();
}

TEST_F(SlabBufferPool, AMemoryMovedToAnotherBufferComesHome)
{
    BufferPtr buffer = take(pool);
    BufferPtr other(gst_buffer_new());
    gst_buffer_append_memory(other.get(), gst_buffer_get_memory(buffer.get(), 0));
    gst_buffer_remove_all_memory(buffer.get());
    buffer.reset();
    EXPECT_EQ(levels(pool).free, 1u);
    other.reset();
    expectAllHome();
}

TEST_F(SlabBufferPool, MemoriesSwappedBetweenItsBuffersComeHome)
{
    BufferPtr first = take(pool);
    BufferPtr second = take(pool);
    GstMemory *one = gst_buffer_get_memory(first.get(), 0);
    GstMemory *two = gst_buffer_get_memory(second.get(), 0);
    gst_buffer_remove_all_memory(first.get());
    gst_buffer_remove_all_memory(second.get());
    gst_buffer_append_memory(first.get(), two);
    gst_buffer_append_memory(second.get(), one);
    first.reset();
    second.reset();
    expectAllHome();
}

TEST_F(SlabBufferPool, AMemoryInTwoOfItsBuffersComesHomeOnce)
{
    BufferPtr first = take(pool);
    BufferPtr second = take(pool);
    gst_buffer_replace_all_memory(second.get(), gst_buffer_get_memory(first.get(), 0));
    first.reset();
    second.reset();
    expectAllHome();
}

TEST_F(SlabBufferPool, MemoriesOfTwoSlabsInOneBufferComeHome)
{
    BufferPtr first = take(pool);
    BufferPtr second = take(pool);
    gst_buffer_append_memory(first.get(), gst_buffer_get_memory(second.get(), 0));
    second.reset();
    EXPECT_EQ(levels(pool).free, 0u);
    first.reset();
    expectAllHome();
}

TEST_F(SlabBufferPool, AMemoryOfAnotherPoolGoesHomeToThatOne)
{
    const PoolObject other = activePool(1, kSize);
    BufferPtr buffer = take(pool);
    gst_buffer_replace_all_memory(buffer.get(), gst_buffer_get_memory(take(other).get(), 0));
    EXPECT_EQ(levels(other).free, 0u);
    buffer.reset();
    EXPECT_EQ(levels(other).free, 1u);
    expectAllHome();
}

TEST_F(SlabBufferPool, ATrimmedBufferComesBackWhole)
{
    BufferPtr buffer = take(pool);
    gst_buffer_resize(buffer.get(), 100, 50);
    const GstDmaSlabInfo info = infoOf(buffer.get());
    buffer.reset();
    buffer = take(pool);
    GstMapInfo map;
    ASSERT_TRUE(gst_buffer_map(buffer.get(), &map, GST_MAP_READ));
    EXPECT_EQ(map.data, info.data);
    EXPECT_EQ(map.size, kSize);
    gst_buffer_unmap(buffer.get(), &map);
}

TEST_F(SlabBufferPool, ATrimmedMemoryOfAShallowCopyComesBackWhole)
{
    BufferPtr buffer = take(pool);
    const BufferPtr second = take(pool);
    {
        const BufferPtr copy(gst_buffer_copy(buffer.get()));
        buffer.reset();
        gst_memory_resize(gst_buffer_peek_memory(copy.get(), 0), 10, 20);
    }
    buffer = take(pool);
    gsize offset = 0;
    EXPECT_EQ(gst_buffer_get_sizes(buffer.get(), &offset, nullptr), kSize);
    EXPECT_EQ(offset, infoOf(buffer.get()).fd_offset);
}

TEST_F(SlabBufferPool, AForeignMemoryDoesNotStay)
{
    BufferPtr buffer = take(pool);
    gst_buffer_append_memory(buffer.get(), gst_allocator_alloc(nullptr, 10, nullptr));
    buffer.reset();
    expectAllHome();
    EXPECT_EQ(gst_buffer_n_memory(take(pool).get()), 1u);
}

TEST_F(SlabBufferPool, AMemoryPutBeforeOursDoesNotStay)
{
    BufferPtr buffer = take(pool);
    gst_buffer_prepend_memory(buffer.get(), gst_allocator_alloc(nullptr, 10, nullptr));
    buffer.reset();
    expectAllHome();
}

TEST_F(SlabBufferPool, ABufferThatLostItsMemoryIsReplaced)
{
    BufferPtr buffer = take(pool);
    gst_buffer_remove_all_memory(buffer.get());
    EXPECT_EQ(levels(pool).free, 2u) << "the memory is home before its buffer";
    buffer.reset();
    expectAllHome();
}

TEST_F(SlabBufferPool, ACopyOnWriteSendsTheSlabHome)
{
    BufferPtr buffer = take(pool);
    const MemoryPtr bare(gst_buffer_get_memory(buffer.get(), 0));
    paint(buffer.get(), 1); // the buffer has a system memory now
    buffer.reset();
    EXPECT_EQ(levels(pool).free, 1u);
    const BufferPtr other = take(pool);
    EXPECT_TRUE(gst_dma_slab_is_memory(gst_buffer_peek_memory(other.get(), 0)));
}

TEST_F(SlabBufferPool, NothingOfTheLastUseStays)
{
    BufferPtr buffer = take(pool);
    GST_BUFFER_PTS(buffer.get()) = 1;
    GST_BUFFER_OFFSET(buffer.get()) = 2;
    GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_DISCONT);
    GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_TAG_MEMORY);
    gst_buffer_add_reference_timestamp_meta(buffer.get(), CapsPtr(gst_caps_new_any()).get(), 1, 1);
    buffer.reset();
    buffer = take(pool);
    EXPECT_FALSE(GST_BUFFER_PTS_IS_VALID(buffer.get()));
    EXPECT_EQ(GST_BUFFER_OFFSET(buffer.get()), GST_BUFFER_OFFSET_NONE);
    EXPECT_EQ(GST_BUFFER_FLAGS(buffer.get()), 0u);
    EXPECT_EQ(gst_buffer_get_n_meta(buffer.get(), GST_REFERENCE_TIMESTAMP_META_API_TYPE), 0u);
}

TEST_F(SlabBufferPool, AFreshBufferHasNoFlags)
{
    EXPECT_EQ(GST_BUFFER_FLAGS(take(pool).get()), 0u);
}

TEST(SlabVideoPool, TheVideoMetaStaysOverUses)
{
    const PoolObject pool = videoPool("GRAY8", 64, 48);
    BufferPtr buffer = take(pool);
    const GstVideoMeta *const meta = gst_buffer_get_video_meta(buffer.get());
    ASSERT_TRUE(meta);
    buffer.reset();
    buffer = take(pool);
    EXPECT_EQ(gst_buffer_get_video_meta(buffer.get()), meta);
    EXPECT_EQ(gst_buffer_get_n_meta(buffer.get(), GST_VIDEO_META_API_TYPE), 1u);
}

TEST(SlabVideoPool, WithoutTheOptionThereIsNoMeta)
{
    PoolObject pool(gst_dma_slab_buffer_pool_new());
    const CapsPtr caps(gst_caps_from_string("video/x-raw,format=GRAY8,width=64,height=48,framerate=1/1"));
    ASSERT_TRUE(configure(pool.get(), caps.get(), 64 * 48, 0, 1));
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));
    EXPECT_FALSE(gst_buffer_get_video_meta(take(pool).get()));
}

TEST(SlabVideoPool, RawCapsAloneSayTheSize)
{
    EXPECT_EQ(gst_buffer_get_size(take(videoPool("NV12", 64, 48)).get()), 64u * 48 * 3 / 2);
}

TEST(SlabVideoPool, AlignmentPadsThePlanesAndTellsTheMeta)
{
    GstVideoAlignment align;
    gst_video_alignment_reset(&align);
    align.padding_left = 8;
    align.padding_top = 2;
    align.padding_bottom = 4;
    for (auto &stride : align.stride_align)
        stride = 127;
    const PoolObject pool = videoPool("NV12", 100, 50, &align);
    const BufferPtr buffer = take(pool);
    const GstVideoMeta *meta = gst_buffer_get_video_meta(buffer.get());
    ASSERT_TRUE(meta);
    GstVideoInfo info;
    gst_video_info_set_format(&info, GST_VIDEO_FORMAT_NV12, 100, 50);
    ASSERT_TRUE(gst_video_info_align(&info, &align));
    for (guint plane = 0; plane < 2; ++plane) {
        EXPECT_EQ(meta->stride[plane] % 128, 0);
        EXPECT_EQ(meta->stride[plane], GST_VIDEO_INFO_PLANE_STRIDE(&info, plane));
        EXPECT_EQ(meta->offset[plane], GST_VIDEO_INFO_PLANE_OFFSET(&info, plane));
    }
    EXPECT_EQ(gst_buffer_get_size(buffer.get()), GST_VIDEO_INFO_SIZE(&info));
}

TEST(SlabVideoPool, AFrameMapsWithThePoolsStrides)
{
    GstVideoAlignment align;
    gst_video_alignment_reset(&align);
    align.stride_align[0] = 255;
    const PoolObject pool = videoPool("GRAY8", 100, 50, &align);
    const BufferPtr buffer = take(pool);
    GstVideoInfo info;
    gst_video_info_set_format(&info, GST_VIDEO_FORMAT_GRAY8, 100, 50);
    GstVideoFrame frame;
    ASSERT_TRUE(gst_video_frame_map(&frame, &info, buffer.get(), GST_MAP_READWRITE));
    EXPECT_EQ(GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0), 256);
    EXPECT_EQ(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0), infoOf(buffer.get()).data);
    gst_video_frame_unmap(&frame);
    EXPECT_EQ(copied(pool), 0u);
}

TEST(SlabVideoPool, AllPlanesOfAFrameMapForWritingWithoutACopy)
{
    const PoolObject pool = videoPool("I420", 64, 48);
    const BufferPtr buffer = take(pool);
    GstVideoInfo info;
    gst_video_info_set_format(&info, GST_VIDEO_FORMAT_I420, 64, 48);
    GstVideoFrame frame;
    ASSERT_TRUE(gst_video_frame_map(&frame, &info, buffer.get(), GST_MAP_READWRITE));
    EXPECT_EQ(GST_VIDEO_FRAME_PLANE_DATA(&frame, 2),
              static_cast<guint8 *>(infoOf(buffer.get()).data) + 64 * 48 + 32 * 24);
    gst_video_frame_unmap(&frame);
    EXPECT_EQ(copied(pool), 0u);
}

TEST(SlabPoolPadding, ThePaddingThatWasConfiguredLiesBehindEachFrame)
{
    const PoolObject pool(gst_dma_slab_buffer_pool_new());
    GstStructure *config = gst_buffer_pool_get_config(pool.get());
    gst_buffer_pool_config_set_params(config, nullptr, 10000, 0, 2);
    GstAllocationParams params;
    gst_allocation_params_init(&params);
    params.padding = 6384; // to the end of the fourth page
    gst_buffer_pool_config_set_allocator(config, nullptr, &params);
    ASSERT_TRUE(gst_buffer_pool_set_config(pool.get(), config));
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));
    const BufferPtr buffer = take(pool);
    EXPECT_EQ(gst_buffer_get_size(buffer.get()), 10000u);
    EXPECT_EQ(infoOf(buffer.get()).stride, 16384u);
}
