// SPDX-License-Identifier: LGPL-2.1-or-later
// What a slab's GstMemory tells, and how it is mapped, written, copied and shared.
#include <gst/allocators/gstdmabuf.h>
#include <gst/allocators/gstfdmemory.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "call_counters.h"
#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

constexpr guint kSize = 3000; // not a multiple of pages: the frame is shorter than its slab

struct SlabMemory : testing::Test
{
    PoolObject pool = activePool(3, kSize);
    BufferPtr buffer = take(pool);

    GstMemory *memory() { return gst_buffer_peek_memory(buffer.get(), 0); }
};

} // namespace

TEST_F(SlabMemory, IsToldFromOtherMemory)
{
    EXPECT_TRUE(gst_dma_slab_is_memory(memory()));
    const MemoryPtr other(gst_allocator_alloc(nullptr, 100, nullptr));
    EXPECT_FALSE(gst_dma_slab_is_memory(other.get()));
}

TEST_F(SlabMemory, OtherMemoryLeavesTheInfoUntouched)
{
    const MemoryPtr other(gst_allocator_alloc(nullptr, 100, nullptr));
    GstDmaSlabInfo info{};
    info.index = 77;
    EXPECT_FALSE(gst_dma_slab_memory_get_info(other.get(), &info));
    EXPECT_EQ(info.index, 77u);
}

TEST_F(SlabMemory, InfoNamesArenaAndCount)
{
    const GstDmaSlabInfo info = infoOf(buffer.get());
    const Arena &arena = slabBankOf(pool.get())->arena();
    EXPECT_EQ(info.arena, arena.id());
    EXPECT_EQ(info.slabs, 3u);
    EXPECT_EQ(info.stride, arena.stride());
}

TEST_F(SlabMemory, InfoFindsThePixelsByDescriptorAndOffset)
{
    const BufferPtr second = take(pool);
    paint(second.get(), 0x5a);
    const GstDmaSlabInfo info = infoOf(second.get());
    guint8 pixels[kSize];
    ASSERT_EQ(pread(info.fd, pixels, kSize, static_cast<off_t>(info.fd_offset)), kSize);
    EXPECT_EQ(colour(pixels, kSize), 0x5a);
}

TEST_F(SlabMemory, InfoPointsAtTheStandingMapping)
{
    GstMapInfo map;
    ASSERT_TRUE(gst_buffer_map(buffer.get(), &map, GST_MAP_READ));
    EXPECT_EQ(infoOf(buffer.get()).data, map.data);
    gst_buffer_unmap(buffer.get(), &map);
}

TEST_F(SlabMemory, AnotherUseHasAnotherGeneration)
{
    const GstDmaSlabInfo before = infoOf(buffer.get());
    buffer.reset();
    buffer = take(pool);
    const GstDmaSlabInfo after = infoOf(buffer.get());
    EXPECT_EQ(after.index, before.index) << "lifo: the same slab again";
    EXPECT_NE(after.generation, before.generation);
}

TEST_F(SlabMemory, ABufferOfTwoMemoriesIsNotOneSlab)
{
    gst_buffer_append_memory(buffer.get(), gst_allocator_alloc(nullptr, 10, nullptr));
    GstDmaSlabInfo info;
    EXPECT_FALSE(gst_dma_slab_buffer_get_info(buffer.get(), &info));
}

TEST_F(SlabMemory, StockChecksKnowItAsADescriptor)
{
    ASSERT_TRUE(gst_is_fd_memory(memory()));
    EXPECT_EQ(gst_fd_memory_get_fd(memory()), infoOf(buffer.get()).fd);
    EXPECT_EQ(gst_is_dmabuf_memory(memory()), infoOf(buffer.get()).is_dmabuf);
}

TEST_F(SlabMemory, ItsSizeIsTheFrameAndItsRoomTheSlab)
{
    gsize offset = 0, room = 0;
    EXPECT_EQ(gst_memory_get_sizes(memory(), &offset, &room), kSize);
    EXPECT_EQ(offset, infoOf(buffer.get()).fd_offset);
    EXPECT_EQ(room, offset + infoOf(buffer.get()).stride);
}

TEST_F(SlabMemory, MapsInTurnsOfAnyKindStayInPlace)
{
    for (const GstMapFlags flags : {GST_MAP_READ, GST_MAP_READWRITE, GST_MAP_READ, GST_MAP_WRITE}) {
        GstMapInfo map;
        ASSERT_TRUE(gst_buffer_map(buffer.get(), &map, flags));
        EXPECT_EQ(map.data, infoOf(buffer.get()).data);
        gst_buffer_unmap(buffer.get(), &map);
    }
    EXPECT_EQ(copied(pool), 0u);
}

TEST_F(SlabMemory, AReaderInsideAWriterSeesTheSamePixels)
{
    GstMapInfo writer, reader;
    ASSERT_TRUE(gst_buffer_map(buffer.get(), &writer, GST_MAP_READWRITE));
    ASSERT_TRUE(gst_buffer_map(buffer.get(), &reader, GST_MAP_READ));
    EXPECT_EQ(reader.data, writer.data);
    gst_buffer_unmap(buffer.get(), &reader);
    gst_buffer_unmap(buffer.get(), &writer);
    EXPECT_EQ(copied(pool), 0u);
}

TEST_F(SlabMemory, AWriterInsideAWriterOfTheSameHolderStaysInPlace)
{
    GstMapInfo outer, inner, innermost;
    ASSERT_TRUE(gst_buffer_map(buffer.get(), &outer, GST_MAP_READWRITE));
    ASSERT_TRUE(gst_buffer_map(buffer.get(), &inner, GST_MAP_READWRITE));
    ASSERT_TRUE(gst_buffer_map(buffer.get(), &innermost, GST_MAP_WRITE));
    EXPECT_EQ(inner.data, outer.data);
    EXPECT_EQ(innermost.data, outer.data);
    gst_buffer_unmap(buffer.get(), &innermost);
    gst_buffer_unmap(buffer.get(), &inner);
    gst_buffer_unmap(buffer.get(), &outer);
    EXPECT_EQ(copied(pool), 0u);
}

TEST_F(SlabMemory, AWriterInsideAReaderInsideAWriterStaysInPlace)
{
    GstMapInfo outer, reader, inner;
    ASSERT_TRUE(gst_buffer_map(buffer.get(), &outer, GST_MAP_READWRITE));
    ASSERT_TRUE(gst_buffer_map(buffer.get(), &reader, GST_MAP_READ));
    ASSERT_TRUE(gst_buffer_map(buffer.get(), &inner, GST_MAP_READWRITE));
    EXPECT_EQ(inner.data, outer.data);
    gst_buffer_unmap(buffer.get(), &inner);
    gst_buffer_unmap(buffer.get(), &reader);
    gst_buffer_unmap(buffer.get(), &outer);
    EXPECT_EQ(copied(pool), 0u);
}

// GStreamer's own lock lets no map ask for more than the first one did, before any allocator hears of it.
TEST_F(SlabMemory, AWriterInsideAReaderGetsACountedCopy)
{
    paint(buffer.get(), 1);
    GstMapInfo reader, writer;
    ASSERT_TRUE(gst_buffer_map(buffer.get(), &reader, GST_MAP_READ));
    ASSERT_TRUE(gst_buffer_map(buffer.get(), &writer, GST_MAP_READWRITE));
    std::memset(writer.data, 2, writer.size);
    EXPECT_EQ(colour(reader.data, reader.size), 1);
    gst_buffer_unmap(buffer.get(), &writer);
    gst_buffer_unmap(buffer.get(), &reader);
    EXPECT_EQ(copied(pool), kSize);
}

TEST_F(SlabMemory, AWriterBesideAShallowCopyGetsACountedCopy)
{
    paint(buffer.get(), 1);
    BufferPtr copy(gst_buffer_copy(buffer.get()));
    paint(copy.get(), 2);
    EXPECT_FALSE(gst_dma_slab_is_memory(gst_buffer_peek_memory(copy.get(), 0)));
    EXPECT_EQ(colour(copy.get()), 2);
    EXPECT_EQ(colour(buffer.get()), 1);
    EXPECT_EQ(copied(pool), kSize);
}

TEST_F(SlabMemory, TheLastOfSeveralShallowCopiesWritesInPlace)
{
    BufferPtr copy(gst_buffer_copy(buffer.get()));
    buffer.reset();
    paint(copy.get(), 3);
    EXPECT_TRUE(gst_dma_slab_is_memory(gst_buffer_peek_memory(copy.get(), 0)));
    EXPECT_EQ(copied(pool), 0u);
}

TEST_F(SlabMemory, PixelsOfABareHolderNeverChange)
{
    paint(buffer.get(), 1);
    const MemoryPtr bare(gst_buffer_get_memory(buffer.get(), 0));
    paint(buffer.get(), 2);
    EXPECT_EQ(colour(bare.get()), 1);
    EXPECT_EQ(colour(buffer.get()), 2);
    EXPECT_EQ(copied(pool), kSize);
}

TEST_F(SlabMemory, PixelsOfABareHolderNeverChangeWhileMappedByAnother)
{
    paint(buffer.get(), 1);
    const MemoryPtr bare(gst_buffer_get_memory(buffer.get(), 0));
    GstMapInfo reader;
    ASSERT_TRUE(gst_buffer_map(buffer.get(), &reader, GST_MAP_READ));
    paint(buffer.get(), 2);
    gst_buffer_unmap(buffer.get(), &reader);
    EXPECT_EQ(colour(bare.get()), 1);
}

TEST_F(SlabMemory, PixelsNeverChangeWhileTheDiskHoldsThem)
{
    paint(buffer.get(), 1);
    SlabBank &bank = *slabBankOf(pool.get());
    const std::uint32_t index = bank.indexOf(memory());
    const SlabRef disk = bank.slot(index).hold.holdAs(Holder::Disk);
    paint(buffer.get(), 2);
    EXPECT_EQ(std::to_integer<int>(disk.data()[0]), 1);
    EXPECT_EQ(copied(pool), kSize);
}

TEST_F(SlabMemory, AWriterAfterTheDiskStaysInPlace)
{
    SlabBank &bank = *slabBankOf(pool.get());
    bank.slot(bank.indexOf(memory())).hold.holdAs(Holder::Disk).reset();
    paint(buffer.get(), 2);
    EXPECT_TRUE(gst_dma_slab_is_memory(memory()));
    EXPECT_EQ(copied(pool), 0u);
}

TEST_F(SlabMemory, ACopyCountsItsBytes)
{
    const BufferPtr deep(gst_buffer_copy_deep(buffer.get()));
    EXPECT_EQ(copied(pool), kSize);
}

TEST_F(SlabMemory, APartialCopyHasTheRightBytesAndCountsThose)
{
    GstMapInfo map;
    ASSERT_TRUE(gst_buffer_map(buffer.get(), &map, GST_MAP_WRITE));
    for (gsize i = 0; i < map.size; ++i)
        map.data[i] = static_cast<guint8>(i * 7);
    gst_buffer_unmap(buffer.get(), &map);

    const MemoryPtr copy(gst_memory_copy(memory(), 100, 50));
    ASSERT_TRUE(gst_memory_map(copy.get(), &map, GST_MAP_READ));
    EXPECT_EQ(map.size, 50u);
    EXPECT_EQ(map.data[0], static_cast<guint8>(100 * 7));
    EXPECT_EQ(map.data[49], static_cast<guint8>(149 * 7));
    gst_memory_unmap(copy.get(), &map);
    EXPECT_EQ(copied(pool), 50u);
}

TEST_F(SlabMemory, ACopyToTheEndEndsWithTheFrame)
{
    const MemoryPtr copy(gst_memory_copy(memory(), 1000, -1));
    EXPECT_EQ(copy->size, kSize - 1000);
    EXPECT_EQ(copied(pool), kSize - 1000);
}

TEST_F(SlabMemory, CopiesOfEarlierActivationsStayCounted)
{
    const BufferPtr deep(gst_buffer_copy_deep(buffer.get()));
    buffer.reset();
    gst_buffer_pool_set_active(pool.get(), FALSE);
    EXPECT_EQ(copied(pool), kSize);
    gst_buffer_pool_set_active(pool.get(), TRUE);
    EXPECT_EQ(copied(pool), kSize);
}

TEST_F(SlabMemory, AMarkOfItsLastUserIsGoneOnReuse)
{
    GST_MINI_OBJECT_FLAG_SET(memory(), GST_MEMORY_FLAG_READONLY);
    buffer.reset();
    buffer = take(pool);
    EXPECT_FALSE(GST_MEMORY_IS_READONLY(memory()));
    paint(buffer.get(), 4);
    EXPECT_EQ(copied(pool), 0u);
}

TEST_F(SlabMemory, MapsCostNoSystemCalls)
{
    if (!allocationsAreCounted())
        GTEST_SKIP() << "needs G_SLICE=always-malloc and no sanitizer, which hides the calls";
    paint(buffer.get(), 1);
    const CallCounts before = CallCounts::now();
    for (int i = 0; i < 1000; ++i) {
        GstMapInfo map;
        gst_buffer_map(buffer.get(), &map, i % 2 ? GST_MAP_READ : GST_MAP_READWRITE);
        gst_buffer_unmap(buffer.get(), &map);
    }
    EXPECT_EQ(CallCounts::now(), before);
}
