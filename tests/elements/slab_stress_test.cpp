// SPDX-License-Identifier: LGPL-2.1-or-later
// Many threads do everything that can be done to slabs, in random order. Every holder knows what its pixels
// must be and looks again and again.
#include <algorithm>
#include <mutex>
#include <random>
#include <thread>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "slab_test_support.h"
#include "soak.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

constexpr guint kSize = 512;
constexpr guint kSlabs = 16;
using Random = std::mt19937_64;

// Bare references are only taken to slabs: stock memory does not protect their holder.

/** One holder, and the stamp that all words of its pixels bear. */
struct Held
{
    std::variant<BufferPtr, MemoryPtr> what;
    std::uint64_t stamp = 0;

    GstBuffer *buffer() const
    {
        auto *owned = std::get_if<BufferPtr>(&what);
        return owned ? owned->get() : nullptr;
    }
    GstMemory *memory() const
    {
        return buffer() ? gst_buffer_peek_memory(buffer(), 0) : std::get<MemoryPtr>(what).get();
    }
    bool intact() const
    {
        GstMapInfo map;
        const bool whole = buffer() != nullptr;
        if (!(whole ? gst_buffer_map(buffer(), &map, GST_MAP_READ)
                    : gst_memory_map(memory(), &map, GST_MAP_READ)))
            return true; // a writer of a shared memory has it locked: it must have got a copy of its own
        const auto *words = reinterpret_cast<const std::uint64_t *>(map.data);
        const bool same =
            std::all_of(words, words + map.size / 8, [&](std::uint64_t word) { return word == stamp; });
        whole ? gst_buffer_unmap(buffer(), &map) : gst_memory_unmap(memory(), &map);
        return same;
    }
};

bool write(GstBuffer *buffer, std::uint64_t stamp, GstMapFlags flags)
{
    GstMapInfo map;
    if (!gst_buffer_map(buffer, &map, flags))
        return false;
    auto *words = reinterpret_cast<std::uint64_t *>(map.data);
    std::fill(words, words + map.size / 8, stamp);
    gst_buffer_unmap(buffer, &map);
    return true;
}

/** Where threads leave holders for each other. */
class Exchange
{
public:
    void give(Held held)
    {
        Held dropped;
        const std::lock_guard lock(mutex_);
        held_.push_back(std::move(held));
        if (held_.size() > 4) {
            dropped = std::move(held_.front()); // destroyed after the lock
            held_.erase(held_.begin());
        }
    }
    bool take(Held &held)
    {
        const std::lock_guard lock(mutex_);
        if (held_.empty())
            return false;
        held = std::move(held_.back());
        held_.pop_back();
        return true;
    }
    void clear() { held_.clear(); }

private:
    std::mutex mutex_;
    std::vector<Held> held_;
};

class Worker
{
public:
    Worker(GstBufferPool *pool, Exchange &exchange, std::uint64_t id, std::uint64_t seed)
        : pool_(pool), exchange_(exchange), stamp_(id << 56), random_(seed + id)
    {
    }

    void step()
    {
        const unsigned action = random_() % 9;
        if (action <= 1 || held_.empty()) {
            acquire();
            return;
        }
        std::swap(held_[random_() % held_.size()], held_.back());
        Held &held = held_.back();
        wrong += !held.intact();
        if (action == 2 && held.buffer())
            keep(BufferPtr(gst_buffer_copy(held.buffer())), held.stamp);
        else if (action == 3 && gst_dma_slab_is_memory(held.memory()))
            keep(MemoryPtr(gst_memory_ref(held.memory())), held.stamp);
        else if (action == 4)
            share(held);
        else if (action == 5 && held.buffer())
            overwrite(held);
        else if (action == 6)
            swapOver();
        else
            held_.pop_back();
        if (held_.size() > 6)
            held_.erase(held_.begin());
    }

    std::uint64_t acquired = 0, wrong = 0;

private:
    void acquire()
    {
        BufferPtr buffer;
        if (tryAcquire(pool_, buffer) != GST_FLOW_OK) {
            if (Held other; !held_.empty())
                held_.pop_back();
            else if (exchange_.take(other))
                held_.push_back(std::move(other));
            return;
        }
        ++acquired;
        wrong += !write(buffer.get(), ++stamp_, GST_MAP_WRITE);
        wrong += !gst_dma_slab_is_memory(gst_buffer_peek_memory(buffer.get(), 0));
        keep(std::move(buffer), stamp_);
    }
    void share(const Held &held)
    {
        const auto size = static_cast<gssize>(held.memory()->size);
        if (size < 64)
            return;
        // No part while a writer has the memory locked.
        if (GstMemory *part = gst_memory_share(held.memory(), size / 4, size / 2))
            keep(MemoryPtr(part), held.stamp);
    }
    void overwrite(Held &held)
    {
        if (write(held.buffer(), ++stamp_, random_() % 2 ? GST_MAP_WRITE : GST_MAP_READWRITE))
            held.stamp = stamp_;
        else
            ++wrong;
    }
    void swapOver()
    {
        Held other;
        const bool got = exchange_.take(other);
        exchange_.give(std::move(held_.back()));
        held_.pop_back();
        if (got)
            held_.push_back(std::move(other));
    }
    template <typename Pointer>
    void keep(Pointer what, std::uint64_t stamp)
    {
        held_.push_back({std::move(what), stamp});
    }

    GstBufferPool *pool_;
    Exchange &exchange_;
    std::uint64_t stamp_;
    Random random_;
    std::vector<Held> held_;
};

} // namespace

TEST(SlabStress, FourThreadsFindTheirPixelsAndAllSlabsComeHome)
{
    const std::uint64_t rounds = soakCount(400'000, 10'000'000);
    const std::uint64_t seed = soakSeed();
    const PoolObject pool = activePool(kSlabs, kSize);
    Exchange exchange;
    std::atomic<std::uint64_t> wrong{0}, acquired{0};
    std::vector<std::thread> threads;
    for (std::uint64_t id = 1; id <= 4; ++id) {
        threads.emplace_back([&, id] {
            Worker worker(pool.get(), exchange, id, seed);
            for (std::uint64_t i = 0; i < rounds; ++i)
                worker.step();
            wrong += worker.wrong;
            acquired += worker.acquired;
        });
    }
    for (std::thread &thread : threads)
        thread.join();
    exchange.clear();

    EXPECT_EQ(wrong, 0u);
    EXPECT_GT(acquired, rounds / 10) << "the pool starved: nothing was tested";
    EXPECT_EQ(levels(pool).free, kSlabs);
    EXPECT_EQ(levels(pool).staleHandles, 0u);
    std::vector<BufferPtr> all;
    std::vector<guint32> indices;
    for (guint i = 0; i < kSlabs; ++i) {
        all.push_back(take(pool));
        indices.push_back(infoOf(all.back().get()).index);
    }
    std::sort(indices.begin(), indices.end());
    for (guint i = 0; i < kSlabs; ++i)
        EXPECT_EQ(indices[i], i);
}

TEST(SlabStress, AReaderWithABareReferenceIsNeverWrittenUnder)
{
    const std::uint64_t rounds = soakCount(400'000, 10'000'000);
    const PoolObject pool = activePool(2, kSize);
    std::atomic<GstMemory *> target{nullptr};
    std::atomic<bool> looking{false}, done{false};
    std::thread reader([&] {
        while (!done) {
            looking = true;
            GstMapInfo map;
            // While the writer has it locked for a moment, this fails or counts as one more map.
            if (GstMemory *memory = target; memory && gst_memory_map(memory, &map, GST_MAP_READ))
                gst_memory_unmap(memory, &map);
            looking = false;
        }
    });
    std::uint64_t wrong = 0;
    for (std::uint64_t i = 0; i < rounds; ++i) {
        BufferPtr buffer = take(pool);
        write(buffer.get(), 1, GST_MAP_WRITE);
        const MemoryPtr bare(gst_buffer_get_memory(buffer.get(), 0));
        target = bare.get();
        write(buffer.get(), 2, GST_MAP_READWRITE);
        target = nullptr;
        while (looking) // the reader may still be at it
            std::this_thread::yield();
        GstDmaSlabInfo info;
        gst_dma_slab_memory_get_info(bare.get(), &info);
        wrong += *static_cast<std::uint64_t *>(info.data) != 1;
    }
    done = true;
    reader.join();
    EXPECT_EQ(wrong, 0u);
}

TEST(SlabStress, AClosingAtAnyMomentLeavesNothingBehind)
{
    const std::uint64_t rounds = soakCount(200, 3000);
    Random random(soakSeed());
    const Footprint before = Footprint::now();
    std::uint64_t wrong = 0;
    for (std::uint64_t round = 0; round < rounds; ++round) {
        PoolObject pool = activePool(kSlabs, kSize);
        Exchange exchange;
        std::atomic<bool> closed{false};
        std::atomic<std::uint64_t> steps{0}, wrongHere{0};
        std::vector<std::thread> threads;
        for (std::uint64_t id = 1; id <= 2; ++id) {
            threads.emplace_back([&, id, seed = random()] {
                Worker worker(pool.get(), exchange, id, seed);
                for (int after = 0; after < 20; after += closed) {
                    worker.step();
                    ++steps;
                }
                wrongHere += worker.wrong;
            });
        }
        const std::uint64_t moment = random() % 300;
        while (steps < moment)
            std::this_thread::yield();
        gst_buffer_pool_set_active(pool.get(), FALSE);
        closed = true;
        for (std::thread &thread : threads)
            thread.join();
        if (random() % 2)
            pool.reset();
        exchange.clear();
        wrong += wrongHere;
    }
    EXPECT_EQ(wrong, 0u);
    EXPECT_EQ(Footprint::now(), before);
}
