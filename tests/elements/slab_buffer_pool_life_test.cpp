// SPDX-License-Identifier: LGPL-2.1-or-later
// Configuring, starting, waiting, flushing and stopping the pool, and pools over slabs of somebody else.
#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dmaslab/ring/futex.h"
#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

constexpr guint kSize = 3000;

/** Slabs laid out beforehand, as a source does. */
struct GivenPool : testing::Test
{
    ObjectPtr<GstAllocator> allocator;
    PoolObject pool;
    SlabBank *bank = nullptr;

    void SetUp() override { open(Reuse::Lifo); }

    void open(Reuse reuse)
    {
        pool.reset();
        ArenaRequest request;
        request.slabSize = kSize;
        request.slabs = 3;
        auto arena = Arena::create(request);
        ASSERT_TRUE(arena) << arena.error().message;
        auto core = Pool::create(std::move(*arena), reuse);
        ASSERT_TRUE(core);
        allocator.reset(SlabBank::newAllocator(std::move(*core), kSize));
        bank = SlabBank::of(allocator.get());
        BufferLayout layout;
        layout.size = kSize;
        pool.reset(newSlabBufferPool(allocator.get(), layout));
        ASSERT_TRUE(configure(pool.get(), nullptr, kSize, 0, 0));
        ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));
    }
    void TearDown() override
    {
        if (pool)
            gst_buffer_pool_set_active(pool.get(), FALSE);
    }
    BufferPtr wrap(SlabRef slab, GstFlowReturn expected = GST_FLOW_OK)
    {
        GstBuffer *buffer = nullptr;
        EXPECT_EQ(wrapSlab(pool.get(), std::move(slab), &buffer), expected);
        return BufferPtr(buffer);
    }
};

/** Waits until somebody sleeps in the core pool. */
void awaitWaiter(const PoolObject &pool)
{
    while (!slabBankOf(pool.get())->pool().hasWaiter())
        std::this_thread::yield();
}

} // namespace

TEST(SlabPoolConfig, NeedsASize)
{
    const PoolObject pool(gst_dma_slab_buffer_pool_new());
    EXPECT_FALSE(configure(pool.get(), nullptr, 0, 0, 2));
    EXPECT_FALSE(gst_buffer_pool_set_active(pool.get(), TRUE));
}

TEST(SlabPoolConfig, MaximumIsTheNumberOfSlabs)
{
    const PoolObject pool = activePool(3);
    std::vector<BufferPtr> all;
    for (int i = 0; i < 3; ++i)
        all.push_back(take(pool));
    BufferPtr more;
    EXPECT_EQ(tryAcquire(pool.get(), more), GST_FLOW_EOS);
    EXPECT_EQ(levels(pool).slabs, 3u);
}

TEST(SlabPoolConfig, WithoutAMaximumTheMinimumAndMoreAreThere)
{
    const PoolObject pool(gst_dma_slab_buffer_pool_new());
    ASSERT_TRUE(configure(pool.get(), nullptr, 100, 5, 0));
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));
    EXPECT_GT(levels(pool).slabs, 5u);
}

TEST(SlabPoolConfig, MoreMemoryThanThereIsFailsToStart)
{
    const PoolObject pool(gst_dma_slab_buffer_pool_new());
    ASSERT_TRUE(configure(pool.get(), nullptr, 0x7fffffff, 0, 30000));
    EXPECT_FALSE(gst_buffer_pool_set_active(pool.get(), TRUE));
}

TEST(SlabPoolConfig, CopiedBytesOfAPoolThatNeverRanAreZero)
{
    const PoolObject pool(gst_dma_slab_buffer_pool_new());
    EXPECT_EQ(copied(pool), 0u);
    EXPECT_EQ(slabBankOf(pool.get()), nullptr);
}

TEST(SlabPoolLife, AnotherSizeAfterReactivation)
{
    const Footprint before = Footprint::now();
    PoolObject pool = activePool(2, 1000);
    const guint32 firstArena = infoOf(take(pool).get()).arena;
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), FALSE));
    ASSERT_TRUE(configure(pool.get(), nullptr, 20000, 0, 4));
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));
    {
        const BufferPtr buffer = take(pool);
        EXPECT_EQ(gst_buffer_get_size(buffer.get()), 20000u);
        EXPECT_NE(infoOf(buffer.get()).arena, firstArena);
        EXPECT_EQ(levels(pool).slabs, 4u);
    }
    pool.reset();
    EXPECT_EQ(Footprint::now(), before);
}

TEST(SlabPoolLife, MemoriesOfTheLastActivationGoOnInTheirOwnArena)
{
    PoolObject pool = activePool(1, 1000);
    MemoryPtr old;
    {
        const BufferPtr buffer = take(pool);
        paint(buffer.get(), 3);
        old.reset(gst_buffer_get_memory(buffer.get(), 0));
    }
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), FALSE));
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));
    {
        const BufferPtr buffer = take(pool);
        paint(buffer.get(), 4);
    }
    EXPECT_EQ(colour(old.get()), 3);
    old.reset();
    EXPECT_EQ(levels(pool).free, 1u);
}

TEST(SlabPoolLife, DeactivationWithBuffersOutFreesAllWhenTheyComeHome)
{
    PoolObject pool = activePool(3);
    BufferPtr first = take(pool);
    BufferPtr second = take(pool);
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), FALSE));
    first.reset();
    EXPECT_GT(Footprint::now().mappings, 0);
    second.reset();
    EXPECT_EQ(Footprint::now().mappings, 0);
    EXPECT_EQ(slabBankOf(pool.get()), nullptr);
}

TEST(SlabPoolLife, ReactivationBeforeAllAreHomeGoesOnWithTheSameSlabs)
{
    PoolObject pool = activePool(2);
    BufferPtr out = take(pool);
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), FALSE));
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));
    {
        const BufferPtr other = take(pool);
        EXPECT_EQ(infoOf(other.get()).arena, infoOf(out.get()).arena);
    }
    out.reset();
    EXPECT_EQ(levels(pool).free, 2u);
}

TEST(SlabPoolLife, AnInactivePoolRefuses)
{
    PoolObject pool = activePool(2);
    gst_buffer_pool_set_active(pool.get(), FALSE);
    BufferPtr buffer;
    EXPECT_EQ(tryAcquire(pool.get(), buffer), GST_FLOW_FLUSHING);
}

TEST(SlabPoolWait, AFlushWakesTheWaiter)
{
    PoolObject pool = activePool(1);
    const BufferPtr out = take(pool);
    GstFlowReturn flow = GST_FLOW_OK;
    std::thread waiter([&] {
        GstBuffer *buffer = nullptr;
        flow = gst_buffer_pool_acquire_buffer(pool.get(), &buffer, nullptr);
    });
    awaitWaiter(pool);
    gst_buffer_pool_set_flushing(pool.get(), TRUE);
    waiter.join();
    EXPECT_EQ(flow, GST_FLOW_FLUSHING);
}

TEST(SlabPoolWait, DeactivationWakesTheWaiter)
{
    PoolObject pool = activePool(1);
    const BufferPtr out = take(pool);
    GstFlowReturn flow = GST_FLOW_OK;
    std::thread waiter([&] {
        GstBuffer *buffer = nullptr;
        flow = gst_buffer_pool_acquire_buffer(pool.get(), &buffer, nullptr);
    });
    awaitWaiter(pool);
    gst_buffer_pool_set_active(pool.get(), FALSE);
    waiter.join();
    EXPECT_EQ(flow, GST_FLOW_FLUSHING);
}

TEST(SlabPoolWait, AfterTheFlushItHandsOutAgain)
{
    const PoolObject pool = activePool(1);
    gst_buffer_pool_set_flushing(pool.get(), TRUE);
    BufferPtr buffer;
    EXPECT_EQ(tryAcquire(pool.get(), buffer), GST_FLOW_FLUSHING);
    gst_buffer_pool_set_flushing(pool.get(), FALSE);
    EXPECT_EQ(tryAcquire(pool.get(), buffer), GST_FLOW_OK);
}

TEST(SlabPoolWait, AReleaseOnAnotherThreadWakesTheWaiter)
{
    PoolObject pool = activePool(1);
    BufferPtr out = take(pool);
    BufferPtr got;
    std::thread waiter([&] {
        GstBuffer *buffer = nullptr;
        EXPECT_EQ(gst_buffer_pool_acquire_buffer(pool.get(), &buffer, nullptr), GST_FLOW_OK);
        got.reset(buffer);
    });
    awaitWaiter(pool);
    out.reset();
    waiter.join();
    EXPECT_TRUE(got);
}

TEST(SlabPoolWait, TheLastOfTwoHoldersOnAnotherThreadWakesTheWaiter)
{
    PoolObject pool = activePool(1);
    BufferPtr out = take(pool);
    BufferPtr copy(gst_buffer_copy(out.get()));
    out.reset();
    std::thread waiter([&] {
        GstBuffer *buffer = nullptr;
        EXPECT_EQ(gst_buffer_pool_acquire_buffer(pool.get(), &buffer, nullptr), GST_FLOW_OK);
        gst_clear_buffer(&buffer);
    });
    awaitWaiter(pool);
    copy.reset();
    waiter.join();
}

TEST(SlabPoolWait, ADeadlineEndsTheWait)
{
    const PoolObject pool = activePool(1);
    const BufferPtr out = take(pool);
    GstBuffer *buffer = nullptr;
    const std::int64_t past = 1;
    EXPECT_EQ(acquireBuffer(pool.get(), past, &buffer), GST_FLOW_EOS);
    EXPECT_EQ(buffer, nullptr);
}

TEST(SlabPoolWait, ADeadlineInThePastStillTakesWhatIsFree)
{
    const PoolObject pool = activePool(1);
    GstBuffer *buffer = nullptr;
    ASSERT_EQ(acquireBuffer(pool.get(), 1, &buffer), GST_FLOW_OK);
    gst_buffer_unref(buffer);
}

TEST_F(GivenPool, WrapsASlabOfItsBank)
{
    auto slab = bank->pool().tryAcquire();
    ASSERT_TRUE(slab);
    const std::uint32_t index = slab->index();
    slab->bytes()[0] = std::byte{42};
    BufferPtr buffer = wrap(std::move(*slab));
    ASSERT_TRUE(buffer);
    EXPECT_EQ(infoOf(buffer.get()).index, index);
    GstMapInfo map;
    ASSERT_TRUE(gst_buffer_map(buffer.get(), &map, GST_MAP_READ));
    EXPECT_EQ(map.data[0], 42);
    gst_buffer_unmap(buffer.get(), &map);
    EXPECT_EQ(levels(pool).held, 1u);
    buffer.reset();
    EXPECT_EQ(levels(pool).free, 3u);
}

TEST_F(GivenPool, RefusesToWrapNothing)
{
    EXPECT_FALSE(wrap(SlabRef(), GST_FLOW_ERROR));
}

TEST_F(GivenPool, RefusesToWrapASlabThatIsInABufferAlready)
{
    const BufferPtr buffer = take(pool);
    SlabBank::Slot &slot = bank->slot(infoOf(buffer.get()).index);
    EXPECT_FALSE(wrap(slot.hold.holdAs(Holder::Processing), GST_FLOW_ERROR));
    EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(slot.memory), 1);
}

TEST_F(GivenPool, WrapsAFrameThatWasFoundAgain)
{
    open(Reuse::Fifo);
    {
        const BufferPtr buffer = take(pool);
        paint(buffer.get(), 8);
        bank->slot(infoOf(buffer.get()).index).hold.publish(17);
    }
    SlabRef found = bank->pool().find(17);
    ASSERT_TRUE(found);
    const BufferPtr again = wrap(std::move(found));
    ASSERT_TRUE(again);
    EXPECT_EQ(colour(again.get()), 8);
}

TEST_F(GivenPool, AWrapWhileFlushingGivesTheSlabBack)
{
    auto slab = bank->pool().tryAcquire();
    ASSERT_TRUE(slab);
    gst_buffer_pool_set_flushing(pool.get(), TRUE);
    EXPECT_FALSE(wrap(std::move(*slab), GST_FLOW_FLUSHING));
    EXPECT_EQ(levels(pool).free, 3u);
}

TEST_F(GivenPool, KeepsTheSizeOfItsSlabs)
{
    gst_buffer_pool_set_active(pool.get(), FALSE);
    ASSERT_TRUE(configure(pool.get(), nullptr, 99, 0, 0));
    guint size = 0;
    GstStructure *config = gst_buffer_pool_get_config(pool.get());
    gst_buffer_pool_config_get_params(config, nullptr, &size, nullptr, nullptr);
    gst_structure_free(config);
    EXPECT_EQ(size, kSize);
}

TEST_F(GivenPool, StopsForGood)
{
    gst_buffer_pool_set_active(pool.get(), FALSE);
    EXPECT_FALSE(gst_buffer_pool_set_active(pool.get(), TRUE));
}

TEST_F(GivenPool, LeavesNothingBehindWhileTheSourceStillHoldsASlab)
{
    const Footprint during = Footprint::now();
    auto slab = bank->pool().tryAcquire();
    ASSERT_TRUE(slab);
    gst_buffer_pool_set_active(pool.get(), FALSE);
    pool.reset();
    allocator.reset();
    slab->bytes()[0] = std::byte{1};
    slab->reset();
    EXPECT_LT(Footprint::now().mappings, during.mappings);
}
