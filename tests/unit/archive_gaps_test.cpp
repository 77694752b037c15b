// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/gaps.h"

#include <random>
#include <set>

#include <gtest/gtest.h>

namespace dmaslab {

namespace {

LossRecord lost(std::uint64_t first, std::uint64_t last, std::uint64_t count)
{
    LossRecord loss;
    loss.first = first;
    loss.last = last;
    loss.count = count;
    return loss;
}

using Missing = std::vector<MissingFrames>;

Missing missing(const std::vector<LossRecord> &ledger, const std::vector<std::uint64_t> &there,
                std::uint32_t everyNth = 1, std::uint32_t nthPhase = 0)
{
    GapAccount account(ledger, everyNth, nthPhase);
    for (std::size_t i = 1; i < there.size(); ++i)
        account.add(there[i - 1], there[i]);
    return account.finish();
}

constexpr std::uint64_t kMost = ~std::uint64_t{0};

TEST(ArchiveGaps, WithoutALedgerEveryAbsentNumberIsMissing)
{
    EXPECT_EQ(missing({}, {0, 1, 2}), Missing{});
    EXPECT_EQ(missing({}, {0, 2, 7}), (Missing{{1, 1, 1}, {3, 6, 4}}));
    EXPECT_EQ(missing({}, {0, kMost}), (Missing{{1, kMost - 1, kMost - 1}}));
}

TEST(ArchiveGaps, EveryNthLeavesOutTheOthers)
{
    EXPECT_EQ(missing({}, {2, 7, 12}, 5, 2), Missing{});
    EXPECT_EQ(missing({}, {2, 12, 32}, 5, 2), (Missing{{3, 11, 1}, {13, 31, 3}}));
    EXPECT_EQ(missing({}, {0, kMost}, kMost >> 32, 1), (Missing{{1, kMost - 1, (kMost >> 32) + 2}}));
}

TEST(ArchiveGaps, AWholeEntryExplainsItsNumbersOnly)
{
    EXPECT_EQ(missing({lost(1, 3, 3)}, {0, 4}), Missing{});
    EXPECT_EQ(missing({lost(2, 3, 2), lost(3, 4, 2)}, {0, 6}), (Missing{{1, 1, 1}, {5, 5, 1}}));
    EXPECT_EQ(missing({lost(0, kMost, kMost)}, {0, 6}), Missing{});
    EXPECT_EQ(missing({lost(9, 1, 100), lost(1, 9, 0)}, {0, 2}), (Missing{{1, 1, 1}}));
}

TEST(ArchiveGaps, AnEntryOfFewerExplainsAsMany)
{
    EXPECT_EQ(missing({lost(0, 100, 3)}, {0, 2, 4, 6}), Missing{});
    EXPECT_EQ(missing({lost(0, 100, 3)}, {0, 2, 4, 7}), (Missing{{0, 100, 1}}));
    EXPECT_EQ(missing({lost(5, 7, 1), lost(6, 20, 1)}, {0, 1, 10}), (Missing{{2, 4, 3}, {5, 20, 3}}));
}

TEST(ArchiveGaps, AgreesWithCountingOneByOne)
{
    std::mt19937 random(20261126);
    for (int round = 0; round < 3000; ++round) {
        const auto upTo = [&](std::uint64_t most) { return std::uint64_t(random() % (most + 1)); };
        const auto n = std::uint32_t(1 + upTo(3));
        const auto phase = std::uint32_t(upTo(n - 1));
        std::set<std::uint64_t> explained;
        std::vector<LossRecord> ledger;
        for (std::uint64_t i = upTo(4); i > 0; --i) {
            const std::uint64_t first = upTo(40);
            const std::uint64_t last = first + upTo(10);
            ledger.push_back(lost(first, last, last - first + 1));
            for (std::uint64_t number = first; number <= last; ++number)
                explained.insert(number);
        }
        std::vector<std::uint64_t> there;
        std::uint64_t expected = 0;
        std::uint64_t since = 0;
        for (std::uint64_t number = 0; number < 60; ++number) {
            if (upTo(2) == 0) {
                there.push_back(number);
                expected += since;
                since = 0;
            } else if (!there.empty() && number % n == phase && !explained.contains(number)) {
                ++since;
            }
        }
        std::uint64_t found = 0;
        for (const MissingFrames &gap : missing(ledger, there, n, phase))
            found += gap.count;
        ASSERT_EQ(found, expected) << "round " << round;
    }
}

} // namespace

} // namespace dmaslab
