// SPDX-License-Identifier: LGPL-2.1-or-later
// How long a slab's memory lives: parts of it, the pool, the arena, holders outside of GStreamer.
#include <vector>

#include <gst/allocators/gstdmabuf.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "call_counters.h"
#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

constexpr guint kSize = 3000;

/** Every byte says where it is. */
void number(GstBuffer *buffer)
{
    GstMapInfo map;
    ASSERT_TRUE(gst_buffer_map(buffer, &map, GST_MAP_WRITE));
    for (gsize i = 0; i < map.size; ++i)
        map.data[i] = static_cast<guint8>(i % 251);
    gst_buffer_unmap(buffer, &map);
}

struct SlabPart : testing::Test
{
    PoolObject pool = activePool(2, kSize);
    BufferPtr first = take(pool); // the part under test is not in the slab at offset 0
    BufferPtr buffer = take(pool);

    void SetUp() override { number(buffer.get()); }
    GstMemory *memory() { return gst_buffer_peek_memory(buffer.get(), 0); }
};

} // namespace

TEST_F(SlabPart, MapsTheRightBytes)
{
    const MemoryPtr part(gst_memory_share(memory(), 600, 100));
    GstMapInfo map;
    ASSERT_TRUE(gst_memory_map(part.get(), &map, GST_MAP_READ));
    EXPECT_EQ(map.size, 100u);
    EXPECT_EQ(map.data, static_cast<guint8 *>(infoOf(buffer.get()).data) + 600);
    EXPECT_EQ(map.data[0], 600 % 251);
    gst_memory_unmap(part.get(), &map);
}

TEST_F(SlabPart, ToTheEndEndsWithTheFrame)
{
    const MemoryPtr part(gst_memory_share(memory(), 600, -1));
    EXPECT_EQ(part->size, kSize - 600);
}

TEST_F(SlabPart, OfAPartMapsTheRightBytes)
{
    const MemoryPtr part(gst_memory_share(memory(), 600, 100));
    const MemoryPtr inner(gst_memory_share(part.get(), 10, -1));
    GstMapInfo map;
    ASSERT_TRUE(gst_memory_map(inner.get(), &map, GST_MAP_READ));
    EXPECT_EQ(map.size, 90u);
    EXPECT_EQ(map.data[0], 610 % 251);
    gst_memory_unmap(inner.get(), &map);
}

TEST_F(SlabPart, KnowsItsSlab)
{
    const MemoryPtr part(gst_memory_share(memory(), 600, 100));
    GstDmaSlabInfo info{};
    ASSERT_TRUE(gst_dma_slab_memory_get_info(part.get(), &info));
    EXPECT_EQ(info.index, infoOf(buffer.get()).index);
    EXPECT_EQ(info.generation, infoOf(buffer.get()).generation);
}

TEST_F(SlabPart, KeepsTheSlabUntilItGoes)
{
    MemoryPtr part(gst_memory_share(memory(), 600, 100));
    buffer.reset();
    EXPECT_EQ(levels(pool).free, 0u);
    part.reset();
    EXPECT_EQ(levels(pool).free, 1u);
}

TEST_F(SlabPart, IsReadOnly)
{
    const MemoryPtr part(gst_memory_share(memory(), 600, 100));
    GstMapInfo map;
    EXPECT_FALSE(gst_memory_map(part.get(), &map, GST_MAP_WRITE));
}

TEST_F(SlabPart, KeepsItsPixelsWhenTheWholeIsWritten)
{
    const MemoryPtr part(gst_memory_share(memory(), 0, 100));
    paint(buffer.get(), 255);
    GstMapInfo map;
    ASSERT_TRUE(gst_memory_map(part.get(), &map, GST_MAP_READ));
    EXPECT_EQ(map.data[99], 99);
    gst_memory_unmap(part.get(), &map);
}

TEST_F(SlabPart, ARegionOfABufferIsAPartAndNoCopy)
{
    const BufferPtr region(gst_buffer_copy_region(buffer.get(), GST_BUFFER_COPY_ALL, 500, 20));
    GstMapInfo map;
    ASSERT_TRUE(gst_buffer_map(region.get(), &map, GST_MAP_READ));
    EXPECT_EQ(map.data, static_cast<guint8 *>(infoOf(buffer.get()).data) + 500);
    gst_buffer_unmap(region.get(), &map);
    EXPECT_EQ(copied(pool), 0u);
}

TEST(SlabLife, MemoryOutlivesDeactivationAndPool)
{
    const Footprint before = Footprint::now();
    PoolObject pool = activePool(3, kSize);
    MemoryPtr memory;
    {
        BufferPtr buffer = take(pool);
        paint(buffer.get(), 9);
        memory.reset(gst_buffer_get_memory(buffer.get(), 0));
    }
    gst_buffer_pool_set_active(pool.get(), FALSE);
    pool.reset();
    EXPECT_EQ(colour(memory.get()), 9);
    GstMapInfo map;
    ASSERT_TRUE(gst_memory_map(memory.get(), &map, GST_MAP_READWRITE));
    map.data[kSize - 1] = 1;
    gst_memory_unmap(memory.get(), &map);
    EXPECT_GT(Footprint::now().mappings, before.mappings);
    memory.reset();
    EXPECT_EQ(Footprint::now(), before);
}

TEST(SlabLife, ABufferOutlivesThePool)
{
    const Footprint before = Footprint::now();
    PoolObject pool = activePool(3, kSize);
    BufferPtr buffer = take(pool);
    gst_buffer_pool_set_active(pool.get(), FALSE);
    pool.reset();
    paint(buffer.get(), 9);
    EXPECT_EQ(colour(buffer.get()), 9);
    buffer.reset();
    EXPECT_EQ(Footprint::now(), before);
}

TEST(SlabLife, APartOutlivesThePool)
{
    const Footprint before = Footprint::now();
    PoolObject pool = activePool(3, kSize);
    BufferPtr buffer = take(pool);
    paint(buffer.get(), 9);
    MemoryPtr part(gst_memory_share(gst_buffer_peek_memory(buffer.get(), 0), 100, 100));
    buffer.reset();
    gst_buffer_pool_set_active(pool.get(), FALSE);
    pool.reset();
    EXPECT_EQ(colour(part.get()), 9);
    part.reset();
    EXPECT_EQ(Footprint::now(), before);
}

TEST(SlabLife, AShallowCopyComingHomeAfterTheCloseTakesItsEmptyBufferAlong)
{
    const Footprint before = Footprint::now();
    PoolObject pool = activePool(1, kSize);
    BufferPtr buffer = take(pool);
    bool emptyBufferFreed = false;
    gst_mini_object_weak_ref(
        GST_MINI_OBJECT_CAST(buffer.get()),
        [](gpointer freed, GstMiniObject *) { *static_cast<bool *>(freed) = true; }, &emptyBufferFreed);
    BufferPtr copy(gst_buffer_copy(buffer.get()));
    buffer.reset();
    gst_buffer_pool_set_active(pool.get(), FALSE);
    pool.reset();
    copy.reset();
    EXPECT_TRUE(emptyBufferFreed);
    EXPECT_EQ(Footprint::now(), before);
}

TEST(SlabLife, AHoldOfTheDiskOutlivesPoolAndMemory)
{
    const Footprint before = Footprint::now();
    PoolObject pool = activePool(2, kSize);
    BufferPtr buffer = take(pool);
    paint(buffer.get(), 7);
    SlabBank &bank = *slabBankOf(pool.get());
    SlabRef disk = bank.slot(bank.indexOf(gst_buffer_peek_memory(buffer.get(), 0))).hold.holdAs(Holder::Disk);
    buffer.reset();
    gst_buffer_pool_set_active(pool.get(), FALSE);
    pool.reset();
    EXPECT_EQ(std::to_integer<int>(disk.data()[kSize - 1]), 7);
    disk.reset();
    EXPECT_EQ(Footprint::now(), before);
}

TEST(SlabLife, ImportedSlabsAreDmabufsToEverybody)
{
    std::vector<UniqueFd> descriptors;
    for (int i = 0; i < 2; ++i) {
        // Stands in for a dma-buf: it has a size and can be mapped, which is all that is asked of it here.
        descriptors.emplace_back(memfd_create("dmaslab-imported", MFD_CLOEXEC));
        ASSERT_EQ(ftruncate(descriptors.back().get(), 4096), 0);
    }
    auto arena = Arena::import(std::move(descriptors), 4096);
    ASSERT_TRUE(arena) << arena.error().message;
    if ((*arena)->needsCpuSync())
        GTEST_SKIP() << "maps are bracketed on this machine, and a memfd cannot be";
    auto core = Pool::create(std::move(*arena));
    ASSERT_TRUE(core);
    const ObjectPtr<GstAllocator> allocator(SlabBank::newAllocator(std::move(*core), 4096));
    BufferLayout layout;
    layout.size = 4096;
    const PoolObject pool(newSlabBufferPool(allocator.get(), layout));
    ASSERT_TRUE(configure(pool.get(), nullptr, 4096, 0, 0));
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));

    const BufferPtr first = take(pool);
    const BufferPtr buffer = take(pool);
    const CallCounts before = CallCounts::now();
    paint(buffer.get(), 6);
    EXPECT_EQ(CallCounts::now().ioctls, before.ioctls) << "coherent memory needs no sync";
    const GstDmaSlabInfo info = infoOf(buffer.get());
    EXPECT_TRUE(info.is_dmabuf);
    EXPECT_EQ(info.fd_offset, 0u);
    GstMemory *memory = gst_buffer_peek_memory(buffer.get(), 0);
    ASSERT_TRUE(gst_is_dmabuf_memory(memory));
    EXPECT_EQ(gst_dmabuf_memory_get_fd(memory), info.fd);
    guint8 pixels[4096];
    ASSERT_EQ(pread(info.fd, pixels, 4096, 0), 4096);
    EXPECT_EQ(colour(pixels, 4096), 6);
}
