// SPDX-License-Identifier: LGPL-2.1-or-later
// Threads acquire, copy, hand over, declare, find and release at random; the model is what each slab says
// about itself in plain memory, so a race on pixels is seen by the checks and by the thread sanitizer.
#include <array>
#include <mutex>
#include <random>

#include <gtest/gtest.h>

#include "slab_test_support.h"
#include "soak.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

struct Content
{
    std::uint64_t sequence;
    std::uint64_t mirrored;
};

Content &contentOf(const SlabRef &slab)
{
    return *reinterpret_cast<Content *>(slab.data());
}

class Exchange
{
public:
    /** Puts one in, gets another (or none) out: holders end up on other threads than they began. */
    SlabRef swap(std::size_t place, SlabRef slab)
    {
        std::lock_guard lock(mutex_);
        places_[place % places_.size()].swap(slab);
        return slab;
    }
    void clear()
    {
        for (SlabRef &slab : places_)
            slab.reset();
    }

private:
    std::mutex mutex_;
    std::array<SlabRef, 3> places_;
};

struct Run
{
    PoolPtr pool;
    Exchange exchange;
    std::atomic<std::uint64_t> sequence{1};
    std::atomic<std::uint64_t> wrong{0};
    std::atomic<std::uint64_t> found{0};
    std::atomic<std::uint64_t> acquired{0};
};

void check(Run &run, const SlabRef &slab)
{
    if (slab && contentOf(slab).mirrored != ~contentOf(slab).sequence)
        run.wrong.fetch_add(1);
}

void worker(Run &run, unsigned seed, std::uint64_t rounds)
{
    std::minstd_rand random(seed);
    for (std::uint64_t i = 0; i < rounds; ++i) {
        SlabRef slab;
        if (random() % 4 == 0) {
            const std::uint64_t wanted = run.sequence.load() - 1 - random() % 6;
            slab = run.pool->find(wanted);
            if (slab) {
                run.found.fetch_add(1, std::memory_order_relaxed);
                if (contentOf(slab).sequence != wanted)
                    run.wrong.fetch_add(1);
            }
        } else if (auto taken = run.pool->tryAcquire()) {
            slab = std::move(*taken);
            run.acquired.fetch_add(1, std::memory_order_relaxed);
            const std::uint64_t mine = run.sequence.fetch_add(1);
            contentOf(slab) = {mine, ~mine};
            slab.publish(mine);
        }
        check(run, slab);
        SlabRef disk = random() % 3 == 0 ? slab.holdAs(Holder::Disk) : SlabRef{};
        if (random() % 2 == 0)
            slab = run.exchange.swap(random(), std::move(slab));
        check(run, slab);
        check(run, disk);
    }
}

void stress(Reuse reuse, std::uint32_t slabs, unsigned threads, std::uint64_t rounds)
{
    const auto seed = static_cast<unsigned>(soakSeed());
    Run run;
    run.pool = makePool(slabs, reuse);
    std::vector<std::thread> workers;
    for (unsigned t = 0; t < threads; ++t)
        workers.emplace_back(worker, std::ref(run), seed + t, rounds);
    for (std::thread &thread : workers)
        thread.join();
    run.exchange.clear();

    EXPECT_EQ(run.wrong.load(), 0u);
    EXPECT_GT(run.acquired.load(), 0u);
    EXPECT_EQ(run.found.load() > 0, reuse == Reuse::Fifo);
    EXPECT_EQ(run.pool->levels().staleHandles, 0u);
    EXPECT_EQ(run.pool->levels().free, slabs);
    std::vector<SlabRef> all;
    while (auto slab = run.pool->tryAcquire())
        all.push_back(std::move(*slab));
    EXPECT_EQ(all.size(), slabs) << "the free list and the states disagree";
}

} // namespace

TEST(SlabStress, LifoKeepsEveryFrameWhole)
{
    stress(Reuse::Lifo, 5, 4, soakCount(600'000, 5'000'000));
}

TEST(SlabStress, FifoKeepsEveryFrameWholeWhileFramesAreFoundAndRevived)
{
    stress(Reuse::Fifo, 5, 4, soakCount(600'000, 5'000'000));
}

TEST(SlabStress, OneSlabBetweenFourThreads)
{
    stress(Reuse::Fifo, 1, 4, soakCount(300'000, 2'000'000));
    stress(Reuse::Lifo, 1, 4, soakCount(300'000, 2'000'000));
}

TEST(SlabStress, RacingDoubleReleasesFreeASlabOnce)
{
    auto pool = makePool(2);
    const std::uint64_t rounds = soakCount(2'000, 200'000);
    for (std::uint64_t i = 0; i < rounds; ++i) {
        const SlabHandle handle = pool->tryAcquire()->detach();
        std::atomic<int> ok{0};
        auto release = [&] { ok += pool->release(handle) == ReleaseStatus::Ok; };
        std::thread other(release);
        release();
        other.join();
        ASSERT_EQ(ok.load(), 1);
    }
    EXPECT_EQ(pool->levels().staleHandles, rounds);
    EXPECT_EQ(pool->levels().free, 2u);
}

TEST(SlabStress, WaitersAndReleasersNeverMissEachOther)
{
    const std::uint64_t rounds = soakCount(200'000, 2'000'000);
    for (const Reuse reuse : {Reuse::Lifo, Reuse::Fifo}) {
        auto pool = makePool(1, reuse);
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; ++t)
            threads.emplace_back([&] {
                for (std::uint64_t i = 0; i < rounds; ++i)
                    ASSERT_TRUE(pool->acquire(kFarDeadline).has_value());
            });
        for (std::thread &thread : threads)
            thread.join();
        EXPECT_EQ(pool->levels().starved, 0u);
    }
}

TEST(SlabStress, OwnerLeavesWhileSlabsComeHome)
{
    const std::uint64_t rounds = soakCount(500, 50'000);
    for (std::uint64_t i = 0; i < rounds; ++i) {
        auto arena = makeArena(3);
        std::weak_ptr<Arena> watch = arena;
        PoolPtr pool = *Pool::create(std::move(arena), i % 2 ? Reuse::Fifo : Reuse::Lifo);
        std::vector<std::thread> holders;
        for (int t = 0; t < 3; ++t)
            holders.emplace_back([slab = *pool->tryAcquire()]() mutable { slab.reset(); });
        pool.reset();
        for (std::thread &holder : holders)
            holder.join();
        ASSERT_TRUE(watch.expired());
    }
}
