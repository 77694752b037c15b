// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/pacing/lateness_histogram.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "soak.h"

namespace dmaslab {
namespace {

TEST(LatenessHistogram, AnswersZeroWhenEmpty)
{
    LatenessHistogram histogram;
    EXPECT_EQ(histogram.count(), 0u);
    EXPECT_EQ(histogram.percentile(0.5), 0);
    EXPECT_EQ(histogram.max(), 0);
}

TEST(LatenessHistogram, IsExactForSmallValues)
{
    LatenessHistogram histogram;
    for (int64_t ns = 0; ns < 64; ++ns)
        histogram.record(ns);
    for (int i = 1; i <= 64; ++i)
        EXPECT_EQ(histogram.percentile(i / 64.0), i - 1);
}

TEST(LatenessHistogram, AgreesWithASortedVectorWithinAThirtySecond)
{
    std::mt19937_64 random(test::soakSeed());
    for (int round = 0; round < 20; ++round) {
        auto histogram = std::make_unique<LatenessHistogram>();
        std::vector<int64_t> all(1 + random() % 5000);
        for (int64_t &ns : all) {
            ns = int64_t(random() >> (25 + random() % 39)); // every magnitude up to 2^39
            histogram->record(ns);
        }
        std::sort(all.begin(), all.end());
        for (const double share : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
            const auto rank = std::max<std::size_t>(1, std::size_t(std::ceil(share * double(all.size()))));
            const int64_t exact = all[rank - 1];
            EXPECT_GE(histogram->percentile(share), exact) << share;
            EXPECT_LE(histogram->percentile(share), exact + exact / 32) << share;
        }
        EXPECT_EQ(histogram->max(), all.back());
        EXPECT_EQ(histogram->count(), all.size());
    }
}

TEST(LatenessHistogram, KeepsTheMaximumOfValuesBeyondItsRange)
{
    LatenessHistogram histogram;
    histogram.record(INT64_MAX);
    histogram.record(-7);
    EXPECT_EQ(histogram.percentile(1.0), INT64_MAX);
    EXPECT_EQ(histogram.percentile(0.5), 0);
    EXPECT_EQ(histogram.summary().max, INT64_MAX);
}

TEST(LatenessHistogram, ForgetsEverythingOnReset)
{
    LatenessHistogram histogram;
    histogram.record(1000);
    histogram.reset();
    EXPECT_EQ(histogram.count(), 0u);
    EXPECT_EQ(histogram.max(), 0);
    histogram.record(5);
    EXPECT_EQ(histogram.summary().p99, 5);
}

TEST(LatenessHistogram, IsReadWhileItIsWritten)
{
    LatenessHistogram histogram;
    std::atomic<bool> stop{false};
    uint64_t backwards = 0, reads = 0;
    std::atomic<bool> reading{false};
    std::thread reader([&] {
        uint64_t last = 0;
        while (!stop.load()) {
            const uint64_t count = histogram.summary().count;
            backwards += count < last;
            last = count;
            ++reads;
            reading.store(true);
        }
    });
    while (!reading.load())
        std::this_thread::yield();
    for (int64_t i = 0; i < 200'000; ++i)
        histogram.record(i);
    stop.store(true);
    reader.join();
    EXPECT_EQ(backwards, 0u);
    EXPECT_EQ(histogram.count(), 200'000u);
}

} // namespace
} // namespace dmaslab
