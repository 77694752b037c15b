// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/pacing/frame_rate.h"

#include <gtest/gtest.h>

#include "dmaslab/pacing/early_wake.h"
#include "soak.h"

namespace dmaslab {
namespace {

TEST(FrameRate, DoesNotDriftOverABillionFrames)
{
    const FrameRate ntsc = *FrameRate::make(30000, 1001);
    EXPECT_EQ(ntsc.offsetNs(30000), 1001 * INT64_C(1'000'000'000));
    EXPECT_EQ(ntsc.offsetNs(1'000'000'000), INT64_C(33'366'666'666'666'666));
    // A whole number of cycles, further still: exact to the nanosecond.
    EXPECT_EQ(ntsc.offsetNs(UINT64_C(30000) * 1'000'000), INT64_C(1001) * 1'000'000 * 1'000'000'000);

    const FrameRate kilo = *FrameRate::make(1000, 1);
    EXPECT_EQ(kilo.offsetNs(1'000'000'000), INT64_C(1'000'000'000'000'000));
}

TEST(FrameRate, StepsByThePeriodRoundedEitherWay)
{
    const FrameRate ntsc = *FrameRate::make(30000, 1001);
    for (uint64_t n = 999'900'000; n < 1'000'000'000; ++n) {
        const int64_t step = ntsc.offsetNs(n + 1) - ntsc.offsetNs(n);
        ASSERT_TRUE(step == 33'366'666 || step == 33'366'667) << n << ": " << step;
    }
}

TEST(FrameRate, FindsTheFrameOfAnyMoment)
{
    std::mt19937_64 random(test::soakSeed());
    const int64_t rates[][2] = {{1, 1},     {30000, 1001}, {24000, 1001}, {1000, 1},
                                {10000, 1}, {7, 3},        {1, 3600}};
    for (const auto &[numerator, denominator] : rates) {
        const FrameRate rate = *FrameRate::make(numerator, denominator);
        for (int i = 0; i < 10'000; ++i) {
            const uint64_t n = 1 + random() % 1'000'000;
            ASSERT_EQ(rate.firstAtOrAfter(rate.offsetNs(n)), n);
            ASSERT_EQ(rate.firstAtOrAfter(rate.offsetNs(n) + 1), n + 1);
            ASSERT_EQ(rate.firstAtOrAfter(rate.offsetNs(n) - 1), n);
        }
        EXPECT_EQ(rate.firstAtOrAfter(0), 0u);
        EXPECT_EQ(rate.firstAtOrAfter(-1), 0u);
    }
}

TEST(FrameRate, StaysAtTheEndOfTimeInsteadOfOverflowing)
{
    EXPECT_EQ(FrameRate::make(1, INT32_MAX)->offsetNs(UINT64_MAX), INT64_MAX);
}

TEST(FrameRate, RefusesARateWithoutDeadlines)
{
    for (const auto &[numerator, denominator] : {std::pair{0, 1}, {1, 0}, {-5, 1}, {5, -1}}) {
        const auto rate = FrameRate::make(numerator, denominator);
        ASSERT_FALSE(rate);
        EXPECT_EQ(rate.error().code, Errc::InvalidArgument);
        EXPECT_NE(rate.error().message.find(std::to_string(numerator) + "/" + std::to_string(denominator)),
                  std::string::npos);
    }
}

TEST(EarlyWake, SettlesWhereNinetyNineOfHundredWakesAreInTime)
{
    EarlyWake early(-1, 10'000'000, 2);
    std::mt19937_64 random(test::soakSeed());
    // Lateness spread evenly over 0..100 µs: the 99th percentile is 99 µs.
    for (int i = 0; i < 200'000; ++i)
        early.note(int64_t(random() % 100'000));
    EXPECT_NEAR(double(early.ns()), 99'000, 6'000);
}

TEST(EarlyWake, StaysBetweenItsBoundsAndUnderATenthOfThePeriod)
{
    EarlyWake slow(-1, 10'000'000, 2);
    EarlyWake kilo(-1, 1'000'000, 2);
    for (int i = 0; i < 20'000; ++i) {
        slow.note(5'000'000);
        kilo.note(5'000'000);
    }
    EXPECT_EQ(slow.ns(), 200'000);
    EXPECT_EQ(kilo.ns(), 100'000);
    for (int i = 0; i < 20'000; ++i)
        kilo.note(0);
    EXPECT_EQ(kilo.ns(), 20'000);
}

TEST(EarlyWake, IsOffOnOneCpuAndAtShortPeriods)
{
    EXPECT_EQ(EarlyWake(-1, 1'000'000, 1).ns(), 0);
    EXPECT_EQ(EarlyWake(-1, 100'000, 2).ns(), 0);
    EarlyWake off(0, 1'000'000, 2);
    off.note(50'000);
    EXPECT_EQ(off.ns(), 0);
}

TEST(EarlyWake, KeepsAFixedTime)
{
    EarlyWake fixed(60, 1'000'000, 1);
    fixed.note(500'000);
    EXPECT_EQ(fixed.ns(), 60'000);
}

} // namespace
} // namespace dmaslab
