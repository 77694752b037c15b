// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/slab/sizing.h"

#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

#include "dmaslab/slab/pool.h"

using namespace dmaslab;

namespace {

constexpr std::uint64_t kMs = 1'000'000;

TEST(SlabSizing, AddsWhatRateLatencySafetyDeviceAndBranchesNeed)
{
    const SizingRequest request{.rateNumerator = 1000,
                                .maxLatencyNs = 100 * kMs,
                                .safetyNs = 20 * kMs,
                                .driverMinimum = 4,
                                .declared = 3};
    EXPECT_EQ(slabsNeeded(request), 100u + 20u + 4u + 3u);
}

TEST(SlabSizing, RoundsEachSpanOfTimeUpToWholeFrames)
{
    // 59.94 frames per second: 100 ms are 5.99 frames, 1 ns is one begun.
    const SizingRequest request{
        .rateNumerator = 60000, .rateDenominator = 1001, .maxLatencyNs = 100 * kMs, .safetyNs = 1};
    EXPECT_EQ(slabsNeeded(request), 6u + 1u);
}

TEST(SlabSizing, DoesNotRoundUpWhatIsWhole)
{
    EXPECT_EQ(slabsNeeded({.rateNumerator = 30, .maxLatencyNs = 100 * kMs}), 3u);
}

TEST(SlabSizing, CountsOnlyDeviceAndBranchesWhenTheRateIsUnknown)
{
    const SizingRequest request{.maxLatencyNs = 100 * kMs, .driverMinimum = 2, .declared = 5};
    EXPECT_EQ(slabsNeeded(request), 7u);
    EXPECT_EQ(slabsNeeded({.rateNumerator = 30, .rateDenominator = 0, .maxLatencyNs = kMs}), 2u);
}

TEST(SlabSizing, NeverAsksForFewerThanTwo)
{
    EXPECT_EQ(slabsNeeded({}), 2u);
}

TEST(SlabSizing, EndsAtTheMostAPoolCanHold)
{
    SizingRequest request;
    request.rateNumerator = std::numeric_limits<std::uint32_t>::max();
    request.maxLatencyNs = std::numeric_limits<std::uint64_t>::max();
    request.safetyNs = request.maxLatencyNs;
    request.driverMinimum = request.declared = std::numeric_limits<std::uint32_t>::max();
    EXPECT_EQ(slabsNeeded(request), Pool::kMaxSlabs);
}

TEST(SlabSizing, ExplainsItselfWithItsNumbers)
{
    const SizingRequest request{.rateNumerator = 50,
                                .maxLatencyNs = 100 * kMs,
                                .safetyNs = 20 * kMs,
                                .driverMinimum = 2,
                                .declared = 7};
    const std::string text = explainSizing(request);
    EXPECT_EQ(text,
              "5 (rate x latency) + 1 (rate x safety) + 2 (device) + 7 (declared by the branches) = 15");
}

} // namespace
