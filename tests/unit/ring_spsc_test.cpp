// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/ring/spsc_ring.h"

#include <algorithm>
#include <deque>
#include <numeric>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "soak.h"

namespace dmaslab {
namespace {

TEST(SpscRing, KeepsTheExactCapacityAskedFor)
{
    for (const std::size_t capacity : {1, 2, 3, 5, 8, 200}) {
        SpscRing<uint32_t> ring(capacity);
        for (uint32_t i = 0; i < capacity; ++i)
            EXPECT_TRUE(ring.push(i));
        EXPECT_FALSE(ring.push(99));
        EXPECT_TRUE(ring.full());
        EXPECT_EQ(ring.size(), capacity);
    }
}

TEST(SpscRing, RefusesAnImpossibleCapacityByName)
{
    for (const std::size_t capacity : {std::size_t(0), kMaxRingCapacity + 1}) {
        const auto ring = SpscRing<uint32_t>::create(capacity);
        ASSERT_FALSE(ring);
        EXPECT_EQ(ring.error().code, Errc::InvalidArgument);
        EXPECT_NE(ring.error().message.find(std::to_string(capacity)), std::string::npos);
    }
    EXPECT_TRUE(SpscRing<uint32_t>::create(1));
}

TEST(SpscRing, PopsInTheOrderPushedOverManyWraps)
{
    SpscRing<uint64_t> ring(3);
    uint64_t next = 0;
    for (uint64_t i = 0; i < 1000; ++i) {
        ASSERT_TRUE(ring.push(i));
        if (ring.full() || i % 7 == 0) {
            uint64_t value = 0;
            ASSERT_TRUE(ring.pop(value));
            ASSERT_EQ(value, next++);
        }
    }
}

TEST(SpscRing, IsEmptyAtFirstAndAfterTheLastPop)
{
    SpscRing<uint32_t> ring(4);
    uint32_t value = 0;
    EXPECT_TRUE(ring.empty());
    EXPECT_FALSE(ring.pop(value));
    ASSERT_TRUE(ring.push(1));
    EXPECT_FALSE(ring.empty());
    ASSERT_TRUE(ring.pop(value));
    EXPECT_TRUE(ring.empty());
    EXPECT_FALSE(ring.pop(value));
    EXPECT_EQ(ring.headPosition(), 1u);
    EXPECT_EQ(ring.tailPosition(), 1u);
}

TEST(SpscRing, BurstsTakeWhatFitsAndGiveWhatIsThere)
{
    SpscRing<uint32_t> ring(5);
    std::vector<uint32_t> in(8);
    std::iota(in.begin(), in.end(), 10);
    EXPECT_EQ(ring.pushBurst(in), 5u);
    EXPECT_EQ(ring.pushBurst(in), 0u);

    std::vector<uint32_t> out(3);
    EXPECT_EQ(ring.popBurst(out), 3u);
    EXPECT_EQ(out, (std::vector<uint32_t>{10, 11, 12}));
    EXPECT_EQ(ring.pushBurst(std::span(in).last(2)), 2u);

    out.assign(9, 0);
    EXPECT_EQ(ring.popBurst(out), 4u);
    EXPECT_EQ(out[0], 13u);
    EXPECT_EQ(out[3], 17u);
    EXPECT_EQ(ring.popBurst(out), 0u);
}

TEST(SpscRing, CarriesElementsOfAnyTrivialSize)
{
    struct Wide
    {
        uint64_t words[20];
    };
    SpscRing<Wide> wide(2);
    Wide in{};
    in.words[19] = 7;
    ASSERT_TRUE(wide.push(in));
    Wide out{};
    ASSERT_TRUE(wide.pop(out));
    EXPECT_EQ(out.words[19], 7u);

    SpscRing<uint8_t> narrow(300);
    for (int i = 0; i < 300; ++i)
        ASSERT_TRUE(narrow.push(uint8_t(i)));
    uint8_t byte = 1;
    ASSERT_TRUE(narrow.pop(byte));
    EXPECT_EQ(byte, 0);
}

TEST(SpscRing, AgreesWithADequeOverRandomOperations)
{
    std::mt19937_64 random(test::soakSeed());
    for (uint64_t round = 0; round < test::soakCount(200, 20'000); ++round) {
        const std::size_t capacity = 1 + random() % 20;
        SpscRing<uint64_t> ring(capacity);
        std::deque<uint64_t> model;
        uint64_t next = 0;
        for (int step = 0; step < 500; ++step) {
            std::vector<uint64_t> some(random() % 12);
            switch (random() % 4) {
            case 0: {
                const bool fits = model.size() < capacity;
                ASSERT_EQ(ring.push(next), fits);
                if (fits)
                    model.push_back(next++);
                break;
            }
            case 1: {
                uint64_t value = 0;
                ASSERT_EQ(ring.pop(value), !model.empty());
                if (!model.empty()) {
                    ASSERT_EQ(value, model.front());
                    model.pop_front();
                }
                break;
            }
            case 2: {
                std::iota(some.begin(), some.end(), next);
                const std::size_t fit = std::min(some.size(), capacity - model.size());
                ASSERT_EQ(ring.pushBurst(some), fit);
                model.insert(model.end(), some.begin(), some.begin() + long(fit));
                next += fit;
                break;
            }
            default: {
                const std::size_t there = std::min(some.size(), model.size());
                ASSERT_EQ(ring.popBurst(some), there);
                for (std::size_t i = 0; i < there; ++i) {
                    ASSERT_EQ(some[i], model.front());
                    model.pop_front();
                }
            }
            }
            ASSERT_EQ(ring.size(), model.size());
            ASSERT_EQ(ring.empty(), model.empty());
            ASSERT_EQ(ring.full(), model.size() == capacity);
        }
    }
}

/** Two threads, random mixture of single and burst operations; the payload is wide enough to tear. */
TEST(SpscRing, LosesAndTearsNothingBetweenTwoThreads)
{
    struct Payload
    {
        uint64_t number, check;
    };
    const uint64_t seed = test::soakSeed();
    const uint64_t total = test::soakCount(300'000, 50'000'000);
    for (const std::size_t capacity : {1, 3, 64}) {
        SpscRing<Payload> ring(capacity);
        std::thread producer([&] {
            std::mt19937_64 random(seed);
            for (uint64_t i = 0; i < total;) {
                std::vector<Payload> some(1 + random() % 5);
                for (std::size_t k = 0; k < some.size(); ++k)
                    some[k] = {i + k, ~(i + k)};
                const std::size_t wanted = std::min<uint64_t>(some.size(), total - i);
                const std::size_t done = wanted == 1 ? std::size_t(ring.push(some[0]))
                                                     : ring.pushBurst(std::span(some).first(wanted));
                if (done == 0)
                    std::this_thread::yield();
                i += done;
            }
        });
        std::mt19937_64 random(seed + 1);
        uint64_t wrong = 0;
        for (uint64_t i = 0; i < total;) {
            Payload some[7];
            const std::size_t wanted = 1 + random() % 7;
            const std::size_t got =
                wanted == 1 ? std::size_t(ring.pop(some[0])) : ring.popBurst(std::span(some).first(wanted));
            if (got == 0)
                std::this_thread::yield();
            for (std::size_t k = 0; k < got; ++k, ++i)
                wrong += some[k].number != i || some[k].check != ~i;
            if (ring.size() > capacity)
                ++wrong;
        }
        producer.join();
        EXPECT_EQ(wrong, 0u) << "capacity " << capacity;
        EXPECT_TRUE(ring.empty());
    }
}

} // namespace
} // namespace dmaslab
