// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/stats.h"

#include <atomic>
#include <string>
#include <thread>

#include <gtest/gtest.h>

using namespace dmaslab;

namespace {

guint64 field(const StructurePtr &stats, const char *name)
{
    guint64 value = G_MAXUINT64;
    EXPECT_TRUE(gst_structure_get_uint64(stats.get(), name, &value)) << name;
    return value;
}

} // namespace

TEST(LossReason, NicksAreTheContract)
{
    std::string all;
    for (std::size_t i = 0; i < lossReasonCount; ++i)
        all += std::string(toString(LossReason(i))) + " ";
    EXPECT_EQ(
        all,
        "starved device overrun queue full disk-full io-error corrupt slow-consumer reclaimed flush error ");
}

TEST(LossReason, EveryNickReadsBack)
{
    for (std::size_t i = 0; i < lossReasonCount; ++i)
        EXPECT_EQ(lossReasonFromString(toString(LossReason(i))), LossReason(i));
    EXPECT_EQ(lossReasonFromString("gone"), std::nullopt);
}

TEST(FrameCounters, ConservationHoldsInEachSnapshot)
{
    FrameCounters counters{LossReason::Queue};
    counters.countIn(10);
    counters.countOut(600, 6);
    counters.countDropped(LossReason::Queue, 3);
    const auto now = counters.snapshot();
    EXPECT_EQ(now.in, now.out + now.dropped + now.inFlight());
    EXPECT_EQ(now.inFlight(), 1u);
}

TEST(FrameCounters, InFlightIsNeverNegativeWhileTwoThreadsCount)
{
    FrameCounters counters{LossReason::Queue};
    std::atomic<std::uint64_t> handedOver{0};
    std::atomic<bool> done{false};
    std::thread producer([&] {
        for (int i = 0; i < 200000; ++i) {
            counters.countIn();
            handedOver.fetch_add(1, std::memory_order_release);
        }
        done = true;
    });
    std::thread consumer([&] {
        std::uint64_t taken = 0;
        while (!done || taken < handedOver.load(std::memory_order_acquire)) {
            if (taken == handedOver.load(std::memory_order_acquire))
                continue;
            if (++taken % 3 == 0)
                counters.countDropped(LossReason::Queue);
            else
                counters.countOut(8);
        }
    });
    while (!done)
        ASSERT_LE(counters.framesInFlight(), 200000u);
    producer.join();
    consumer.join();
    EXPECT_EQ(counters.framesInFlight(), 0u);
}

TEST(FrameCounters, StructureHasTheCommonVocabulary)
{
    FrameCounters counters{LossReason::Queue, LossReason::SlowConsumer};
    counters.countIn(5);
    counters.countOut(300, 3);
    counters.countDropped(LossReason::SlowConsumer);
    counters.countSkipped(7);
    counters.countCopied(64);
    const auto stats = counters.toStructure();
    EXPECT_TRUE(gst_structure_has_name(stats.get(), "dmaslab-stats"));
    EXPECT_EQ(field(stats, "frames-in"), 5u);
    EXPECT_EQ(field(stats, "frames-out"), 3u);
    EXPECT_EQ(field(stats, "frames-in-flight"), 1u);
    EXPECT_EQ(field(stats, "dropped"), 1u);
    EXPECT_EQ(field(stats, "dropped-queue"), 0u);
    EXPECT_EQ(field(stats, "dropped-slow-consumer"), 1u);
    EXPECT_EQ(field(stats, "skipped"), 7u);
    EXPECT_EQ(field(stats, "bytes"), 300u);
    EXPECT_EQ(field(stats, "bytes-copied"), 64u);
    EXPECT_EQ(field(stats, "elapsed"), 0u);
    EXPECT_TRUE(gst_structure_has_field_typed(stats.get(), "rate", G_TYPE_DOUBLE));
    EXPECT_TRUE(gst_structure_has_field_typed(stats.get(), "throughput", G_TYPE_DOUBLE));
}

TEST(FrameCounters, AReasonNobodyAnnouncedIsNotHidden)
{
    FrameCounters counters{LossReason::Queue};
    EXPECT_FALSE(gst_structure_has_field(counters.toStructure().get(), "dropped-corrupt"));
    counters.countDropped(LossReason::Corrupt);
    EXPECT_EQ(field(counters.toStructure(), "dropped-corrupt"), 1u);
}

TEST(FrameCounters, ElapsedStandsStillAfterStopAndCountsRemain)
{
    FrameCounters counters{LossReason::Queue};
    counters.start();
    counters.countIn();
    counters.countOut(10);
    counters.stop();
    const auto first = counters.snapshot();
    EXPECT_GT(first.elapsed, 0u);
    EXPECT_EQ(counters.snapshot().elapsed, first.elapsed);
    EXPECT_EQ(first.out, 1u);
}

TEST(FrameCounters, StartBeginsFromZero)
{
    FrameCounters counters{LossReason::Queue};
    counters.countIn(3);
    counters.countOut(30, 2);
    counters.countDropped(LossReason::Queue);
    counters.countSkipped();
    counters.countCopied(1);
    counters.start();
    const auto now = counters.snapshot();
    EXPECT_EQ(now.in + now.out + now.dropped + now.skipped + now.bytes + now.bytesCopied, 0u);
}

TEST(FrameCounters, RateIsFramesOverElapsed)
{
    FrameCounters counters{LossReason::Queue};
    counters.start();
    counters.countIn(1000);
    counters.countOut(5000, 1000);
    counters.stop();
    const auto stats = counters.toStructure();
    double rate = 0, throughput = 0;
    gst_structure_get_double(stats.get(), "rate", &rate);
    gst_structure_get_double(stats.get(), "throughput", &throughput);
    EXPECT_DOUBLE_EQ(rate, 1000.0 / (double(field(stats, "elapsed")) / 1e9));
    EXPECT_NEAR(throughput, 5 * rate, rate * 1e-6);
}
