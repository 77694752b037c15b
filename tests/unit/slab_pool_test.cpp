// SPDX-License-Identifier: LGPL-2.1-or-later
#include <chrono>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;

TEST(SlabPool, HandsOutEverySlabOnceAndThenIsStarved)
{
    auto pool = makePool(8);
    std::vector<SlabRef> held;
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 8; ++i) {
        held.push_back(*pool->tryAcquire());
        seen.insert(held.back().index());
    }
    EXPECT_EQ(seen.size(), 8u);
    EXPECT_EQ(pool->tryAcquire().error(), AcquireError::Starved);
    EXPECT_EQ(pool->levels().starved, 1u);
    EXPECT_EQ(pool->levels().low, 0u);
}

TEST(SlabPool, LifoGivesBackTheSlabReleasedLast)
{
    auto pool = makePool(4);
    SlabRef a = *pool->tryAcquire();
    SlabRef b = *pool->tryAcquire();
    const auto last = b.index();
    a.reset();
    b.reset();
    EXPECT_EQ(pool->tryAcquire()->index(), last);
}

TEST(SlabPool, FifoGivesBackTheSlabReleasedFirst)
{
    auto pool = makePool(3, Reuse::Fifo);
    std::vector<std::uint32_t> order;
    for (int i = 0; i < 9; ++i)
        order.push_back(pool->tryAcquire()->index());
    EXPECT_EQ(order, (std::vector<std::uint32_t>{0, 1, 2, 0, 1, 2, 0, 1, 2}));
}

TEST(SlabPool, SlabReturnsOnlyAfterItsLastHolder)
{
    auto pool = makePool(1);
    SlabRef first = *pool->tryAcquire();
    SlabRef second = first;
    first.reset();
    EXPECT_FALSE(pool->tryAcquire().has_value());
    second.reset();
    EXPECT_TRUE(pool->tryAcquire().has_value());
}

TEST(SlabPool, EveryUseHasAGenerationOfItsOwn)
{
    auto pool = makePool(1);
    const auto before = pool->tryAcquire()->generation();
    EXPECT_NE(pool->tryAcquire()->generation(), before);
}

TEST(SlabPool, SecondReleaseOfAHandleIsRefusedAndCounted)
{
    auto pool = makePool(2);
    const SlabHandle handle = pool->tryAcquire()->detach();
    EXPECT_EQ(pool->release(handle), ReleaseStatus::Ok);
    EXPECT_EQ(pool->release(handle), ReleaseStatus::Stale);
    EXPECT_EQ(pool->levels().staleHandles, 1u);
    EXPECT_EQ(pool->levels().free, 2u);
}

TEST(SlabPool, HandleOfAnEarlierUseCannotReleaseTheNext)
{
    auto pool = makePool(1);
    const SlabHandle old = pool->tryAcquire()->detach();
    ASSERT_EQ(pool->release(old), ReleaseStatus::Ok);
    SlabRef next = *pool->tryAcquire();
    ASSERT_EQ(next.index(), old.index);
    EXPECT_EQ(pool->release(old), ReleaseStatus::Stale);
    EXPECT_FALSE(pool->adopt(old));
    EXPECT_EQ(pool->levels().held, 1u);
    EXPECT_EQ(pool->levels().staleHandles, 2u);
}

TEST(SlabPool, HandleOfAnotherArenaIsStale)
{
    auto pool = makePool(1);
    auto other = makePool(1);
    const SlabHandle handle = pool->tryAcquire()->detach();
    EXPECT_EQ(other->release(handle), ReleaseStatus::Stale);
    EXPECT_EQ(pool->release({handle.arena, 77, handle.generation}), ReleaseStatus::Stale);
    EXPECT_EQ(pool->release(handle), ReleaseStatus::Ok);
}

TEST(SlabPool, AdoptTakesOverADetachedHold)
{
    auto pool = makePool(1);
    SlabRef slab = *pool->tryAcquire();
    SlabRef again = pool->adopt(slab.detach());
    ASSERT_TRUE(again);
    EXPECT_EQ(pool->levels().held, 1u);
    again.reset();
    EXPECT_EQ(pool->levels().free, 1u);
}

TEST(SlabPool, DeclaredHolderKindsDoNotMix)
{
    auto pool = makePool(1);
    SlabRef slab = *pool->tryAcquire();
    EXPECT_EQ(pool->release(slab.handle(), Holder::Disk), ReleaseStatus::Stale);
    SlabRef disk = slab.holdAs(Holder::Disk);
    slab.reset();
    EXPECT_EQ(pool->release(disk.handle(), Holder::Processing), ReleaseStatus::Stale);
    EXPECT_EQ(pool->levels().held, 1u);
}

TEST(SlabPool, TemperatureFollowsTheHolders)
{
    auto pool = makePool(2, Reuse::Fifo);
    EXPECT_EQ(pool->levels().cold, 0u);
    SlabRef slab = *pool->tryAcquire();
    slab.publish(7);
    EXPECT_EQ(pool->levels().hot, 1u);
    SlabRef disk = slab.holdAs(Holder::Disk);
    SlabRef remote = slab.holdAs(Holder::Remote);
    EXPECT_EQ(pool->levels().hot, 1u);
    slab.reset();
    EXPECT_EQ(pool->levels().hot, 0u);
    EXPECT_EQ(pool->levels().warm, 1u);
    disk.reset();
    remote.reset();
    const PoolLevels levels = pool->levels();
    EXPECT_EQ(levels.warm, 0u);
    EXPECT_EQ(levels.cold, 1u);
    EXPECT_EQ(levels.free, 2u);
}

TEST(SlabPool, FindGivesAHeldFrame)
{
    auto pool = makePool(2, Reuse::Fifo);
    SlabRef slab = *pool->tryAcquire();
    EXPECT_FALSE(pool->find(11));
    slab.publish(11);
    SlabRef found = pool->find(11);
    ASSERT_TRUE(found);
    EXPECT_EQ(found.index(), slab.index());
    slab.reset();
    EXPECT_EQ(pool->levels().held, 1u);
}

TEST(SlabPool, FifoKeepsTheNewestUnheldFramesFindable)
{
    auto pool = makePool(4, Reuse::Fifo);
    for (std::uint64_t sequence = 0; sequence < 10; ++sequence)
        pool->tryAcquire()->publish(sequence);
    EXPECT_FALSE(pool->find(5));
    for (std::uint64_t sequence = 6; sequence < 10; ++sequence)
        EXPECT_TRUE(pool->find(sequence)) << sequence;
}

TEST(SlabPool, FoundFrameIsNotHandedOutWhileItIsHeld)
{
    auto pool = makePool(3, Reuse::Fifo);
    for (std::uint64_t sequence = 0; sequence < 3; ++sequence)
        pool->tryAcquire()->publish(sequence);
    SlabRef oldest = pool->find(0);
    ASSERT_TRUE(oldest);
    std::vector<SlabRef> rest;
    rest.push_back(*pool->tryAcquire());
    rest.push_back(*pool->tryAcquire());
    EXPECT_FALSE(pool->tryAcquire().has_value());
    for (const SlabRef &slab : rest)
        EXPECT_NE(slab.index(), oldest.index());
    oldest.reset();
    EXPECT_TRUE(pool->tryAcquire().has_value());
}

TEST(SlabPool, NothingIsFoundBeforeTheFirstFrame)
{
    auto pool = makePool(2, Reuse::Fifo);
    EXPECT_FALSE(pool->find(0));
}

TEST(SlabPool, LifoDoesNotFindFrames)
{
    auto pool = makePool(2);
    SlabRef slab = *pool->tryAcquire();
    slab.publish(3);
    EXPECT_FALSE(pool->find(3));
}

TEST(SlabPool, AcquireReturnsStarvedAtItsDeadline)
{
    auto pool = makePool(1);
    SlabRef only = *pool->tryAcquire();
    const std::int64_t deadline = monotonicNowNs() + 2'000'000;
    EXPECT_EQ(pool->acquire(deadline).error(), AcquireError::Starved);
    EXPECT_GE(monotonicNowNs(), deadline);
}

TEST(SlabPool, ReleaseWakesAWaiter)
{
    auto pool = makePool(1);
    SlabRef only = *pool->tryAcquire();
    std::thread waiter([&] { EXPECT_TRUE(pool->acquire(kFarDeadline).has_value()); });
    untilAsleep(*pool);
    only.reset();
    waiter.join();
    EXPECT_EQ(pool->levels().starved, 0u);
}

TEST(SlabPool, EveryReleaseWakesSomebodyWhenSeveralWait)
{
    auto pool = makePool(3);
    std::vector<SlabRef> held{*pool->tryAcquire(), *pool->tryAcquire(), *pool->tryAcquire()};
    std::vector<std::thread> waiters;
    for (int i = 0; i < 3; ++i)
        waiters.emplace_back([&] {
            auto slab = pool->acquire(kFarDeadline);
            EXPECT_TRUE(slab.has_value());
        });
    untilAsleep(*pool);
    held.clear();
    for (std::thread &waiter : waiters)
        waiter.join();
    EXPECT_EQ(pool->levels().free, 3u);
}

TEST(SlabPool, InterruptWakesWaitersAndRefusesUntilCleared)
{
    auto pool = makePool(1);
    SlabRef only = *pool->tryAcquire();
    std::thread waiter([&] { EXPECT_EQ(pool->acquire(kFarDeadline).error(), AcquireError::Interrupted); });
    untilAsleep(*pool);
    pool->setInterrupted(true);
    waiter.join();
    only.reset();
    EXPECT_EQ(pool->acquire(kFarDeadline).error(), AcquireError::Interrupted);
    pool->setInterrupted(false);
    EXPECT_TRUE(pool->acquire(kFarDeadline).has_value());
}

TEST(SlabPool, MemoryOutlivesTheOwner)
{
    for (const Reuse reuse : {Reuse::Lifo, Reuse::Fifo}) {
        auto arena = makeArena(2);
        std::weak_ptr<Arena> watch = arena;
        PoolPtr pool = *Pool::create(std::move(arena), reuse);
        SlabRef slab = *pool->tryAcquire();
        pool.reset();
        ASSERT_FALSE(watch.expired());
        slab.data()[0] = std::byte{1};
        slab.reset();
        EXPECT_TRUE(watch.expired());
    }
}

TEST(SlabPool, NoHolderIsAddedBeyondWhatASlabCanCount)
{
    auto pool = makePool(1, Reuse::Fifo);
    std::vector<SlabRef> holders{*pool->tryAcquire()};
    holders.front().publish(1);
    const SlabRef last = holders.front();
    while (SlabRef found = pool->find(1))
        holders.push_back(std::move(found));
    EXPECT_EQ(pool->holders(last.index()), SlotState::kMostHolders);
    EXPECT_FALSE(SlabRef(last));
    EXPECT_FALSE(last.holdAs(Holder::Disk));
    holders.clear();
    EXPECT_EQ(pool->holders(last.index()), 1u);
}

TEST(SlabPool, DeclaredHoldersHaveABoundOfTheirOwn)
{
    auto pool = makePool(1);
    SlabRef slab = *pool->tryAcquire();
    std::vector<SlabRef> disk;
    while (SlabRef another = slab.holdAs(Holder::Disk))
        disk.push_back(std::move(another));
    EXPECT_EQ(disk.size(), SlotState::kMostDeclared);
    EXPECT_TRUE(SlabRef(slab)) << "processing holders are another matter";
    slab.reset();
    EXPECT_EQ(pool->levels().warm, 1u);
    disk.clear();
    EXPECT_EQ(pool->levels().free, 1u);
}

TEST(SlabPool, CopyOfAnEmptyRefIsEmpty)
{
    SlabRef none;
    SlabRef copy = none;
    EXPECT_FALSE(copy);
    EXPECT_FALSE(none.holdAs(Holder::Disk));
    EXPECT_TRUE(copy.bytes().empty());
}
