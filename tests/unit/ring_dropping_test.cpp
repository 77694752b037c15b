// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/ring/dropping_ring.h"

#include <algorithm>
#include <deque>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "soak.h"

namespace dmaslab {
namespace {

using Ring = DroppingRing<uint64_t>;

TEST(DroppingRing, DropsExactlyTheOldestWhenFull)
{
    Ring ring(3);
    Ring::Element dropped;
    for (uint64_t i = 0; i < 3; ++i)
        EXPECT_FALSE(ring.pushDroppingOldest(100 + i, dropped));
    EXPECT_TRUE(ring.full());
    ASSERT_TRUE(ring.pushDroppingOldest(103, dropped));
    EXPECT_EQ(dropped.value, 100u);
    EXPECT_EQ(dropped.position, 0u);

    Ring::Element element;
    for (uint64_t i = 1; i <= 3; ++i) {
        ASSERT_TRUE(ring.pop(element));
        EXPECT_EQ(element.value, 100 + i);
        EXPECT_EQ(element.position, i);
    }
    EXPECT_FALSE(ring.pop(element));
}

TEST(DroppingRing, RefusesAPlainPushWhenFull)
{
    Ring ring(2);
    EXPECT_TRUE(ring.push(1));
    EXPECT_TRUE(ring.push(2));
    EXPECT_FALSE(ring.push(3));
    uint64_t value = 0;
    EXPECT_TRUE(ring.pop(value));
    EXPECT_EQ(value, 1u);
    EXPECT_TRUE(ring.push(3));
}

TEST(DroppingRing, TakesBackTheOldestOnRequestUntilNothingIsLeft)
{
    Ring ring(4);
    ASSERT_TRUE(ring.push(7));
    ASSERT_TRUE(ring.push(8));
    Ring::Element dropped;
    ASSERT_TRUE(ring.dropOldest(dropped));
    EXPECT_EQ(dropped.value, 7u);
    ASSERT_TRUE(ring.dropOldest(dropped));
    EXPECT_EQ(dropped.value, 8u);
    EXPECT_EQ(dropped.position, 1u);
    EXPECT_FALSE(ring.dropOldest(dropped));
    EXPECT_TRUE(ring.empty());
}

TEST(DroppingRing, CountsPositionsThroughPopsAndDrops)
{
    Ring ring(2);
    Ring::Element out;
    EXPECT_EQ(ring.tailPosition(), 0u);
    ASSERT_TRUE(ring.push(1));
    ASSERT_TRUE(ring.push(2));
    ASSERT_TRUE(ring.pushDroppingOldest(3, out));
    EXPECT_EQ(ring.tailPosition(), 3u);
    EXPECT_EQ(ring.peekPosition(), 1u);
    ASSERT_TRUE(ring.pop(out));
    EXPECT_EQ(ring.peekPosition(), 2u);
}

TEST(DroppingRing, GivesBurstsOfConsecutivePositions)
{
    Ring ring(4);
    Ring::Element dropped;
    for (uint64_t i = 0; i < 7; ++i)
        (void)ring.pushDroppingOldest(i, dropped);
    uint64_t values[3], first = 0;
    ASSERT_EQ(ring.popBurst(values, first), 3u);
    EXPECT_EQ(first, 3u);
    EXPECT_EQ(values[0], 3u);
    EXPECT_EQ(values[2], 5u);
    ASSERT_EQ(ring.popBurst(values, first), 1u);
    EXPECT_EQ(first, 6u);
    EXPECT_EQ(ring.popBurst(values, first), 0u);
}

TEST(DroppingRing, RefusesAnImpossibleCapacityByName)
{
    const auto ring = Ring::create(0);
    ASSERT_FALSE(ring);
    EXPECT_EQ(ring.error().code, Errc::InvalidArgument);
    EXPECT_TRUE(Ring::create(9));
}

TEST(DroppingRing, AgreesWithADequeOverRandomOperations)
{
    std::mt19937_64 random(test::soakSeed());
    for (uint64_t round = 0; round < test::soakCount(200, 20'000); ++round) {
        const std::size_t capacity = 1 + random() % 20;
        Ring ring(capacity);
        std::deque<uint64_t> model; // value == position
        uint64_t next = 0;
        for (int step = 0; step < 500; ++step) {
            Ring::Element element;
            switch (random() % 5) {
            case 0:
                ASSERT_EQ(ring.push(next), model.size() < capacity);
                if (model.size() < capacity)
                    model.push_back(next++);
                break;
            case 1:
                ASSERT_EQ(ring.pushDroppingOldest(next, element), model.size() == capacity);
                model.push_back(next++);
                if (model.size() > capacity) {
                    ASSERT_EQ(element.position, model.front());
                    ASSERT_EQ(element.value, model.front());
                    model.pop_front();
                }
                break;
            case 2:
                ASSERT_EQ(ring.dropOldest(element), !model.empty());
                if (!model.empty()) {
                    ASSERT_EQ(element.value, model.front());
                    model.pop_front();
                }
                break;
            case 3:
                ASSERT_EQ(ring.pop(element), !model.empty());
                if (!model.empty()) {
                    ASSERT_EQ(element.position, model.front());
                    model.pop_front();
                }
                break;
            default: {
                std::vector<uint64_t> some(random() % 6);
                uint64_t first = 0;
                const std::size_t there = std::min(some.size(), model.size());
                ASSERT_EQ(ring.popBurst(some, first), there);
                for (std::size_t i = 0; i < there; ++i) {
                    ASSERT_EQ(some[i], model.front());
                    ASSERT_EQ(first + i, model.front());
                    model.pop_front();
                }
            }
            }
            ASSERT_EQ(ring.size(), model.size());
            ASSERT_EQ(ring.peekPosition(), next - model.size());
        }
    }
}

/** Every number is popped or dropped, exactly once, and a drop always takes the oldest of a full ring. */
void conserve(std::size_t capacity, bool bursts, uint64_t seed, uint64_t total)
{
    Ring ring(capacity);
    std::vector<uint64_t> popped;
    std::vector<uint64_t> dropped;
    std::atomic<bool> done{false};
    uint64_t wrong = 0;
    std::thread producer([&] {
        std::mt19937_64 random(seed);
        uint64_t notTheOldest = 0;
        for (uint64_t i = 0; i < total; ++i) {
            Ring::Element lost;
            if (ring.pushDroppingOldest(i, lost)) {
                notTheOldest += lost.position != i - capacity || lost.value != lost.position;
                dropped.push_back(lost.position);
            } else if (random() % 64 == 0 && ring.dropOldest(lost)) {
                notTheOldest += lost.value != lost.position;
                dropped.push_back(lost.position);
            }
            if (random() % 256 == 0)
                std::this_thread::yield();
        }
        done.store(true, std::memory_order_release);
        EXPECT_EQ(notTheOldest, 0u);
    });
    std::mt19937_64 random(seed + 1);
    for (;;) {
        const bool last = done.load(std::memory_order_acquire);
        uint64_t values[8];
        uint64_t first = 0;
        std::size_t got = 0;
        if (bursts) {
            got = ring.popBurst(std::span(values).first(1 + random() % 8), first);
        } else {
            Ring::Element element;
            got = ring.pop(element);
            values[0] = element.value;
            first = element.position;
        }
        for (std::size_t i = 0; i < got; ++i) {
            wrong += values[i] != first + i;
            popped.push_back(values[i]);
        }
        if (got == 0) {
            if (last)
                break;
            std::this_thread::yield();
        }
    }
    producer.join();
    EXPECT_EQ(wrong, 0u);
    EXPECT_TRUE(std::is_sorted(popped.begin(), popped.end()));
    EXPECT_TRUE(std::is_sorted(dropped.begin(), dropped.end()));
    ASSERT_EQ(popped.size() + dropped.size(), total);
    std::vector<uint64_t> all(total);
    std::merge(popped.begin(), popped.end(), dropped.begin(), dropped.end(), all.begin());
    for (uint64_t i = 0; i < total; ++i)
        ASSERT_EQ(all[i], i);
}

TEST(DroppingRing, ConservesEveryElementBetweenTwoThreads)
{
    const uint64_t seed = test::soakSeed();
    for (const std::size_t capacity : {1, 2, 5, 64})
        conserve(capacity, false, seed, test::soakCount(200'000, 20'000'000));
}

TEST(DroppingRing, ConservesEveryElementBetweenTwoThreadsWithBursts)
{
    const uint64_t seed = test::soakSeed();
    for (const std::size_t capacity : {1, 2, 5, 64})
        conserve(capacity, true, seed, test::soakCount(200'000, 20'000'000));
}

} // namespace
} // namespace dmaslab
