// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "dmaslab/process/occupancy.h"

namespace dmaslab::test {

TEST(OccupancyThreshold, IsTheOriginalsForItsDefaults)
{
    const auto found = occupancyThreshold(10, 0.5, 1e-3);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->counts, 5u);
    EXPECT_NEAR(found->falsePositives, 1.721e-4, 5e-8);
    EXPECT_NEAR(found->falseNegatives, 2.925e-2, 5e-6);
}

TEST(OccupancyThreshold, KeepsFalsePositivesBelowTheTarget)
{
    for (const double target : {0.5, 1e-2, 1e-4, 1e-6}) {
        const auto found = occupancyThreshold(20, 2, target);
        ASSERT_TRUE(found) << target;
        EXPECT_LE(found->falsePositives, target);
    }
    EXPECT_GT(occupancyThreshold(20, 2, 1e-9)->counts, occupancyThreshold(20, 2, 1e-2)->counts);
}

TEST(OccupancyThreshold, WorksWhereExpUnderflows)
{
    const auto found = occupancyThreshold(50000, 40000, 1e-3);
    ASSERT_TRUE(found);
    EXPECT_GT(found->counts, 40000u);
    EXPECT_LT(found->counts, 50000u);
    EXPECT_LT(found->falseNegatives, 1e-3);
}

TEST(OccupancyThreshold, EmptyMayMeanNoCountsAtAll)
{
    const auto found = occupancyThreshold(10, 0, 1e-3);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->counts, 1u); // any count is an atom
}

TEST(OccupancyThreshold, RefusesWhatMakesNoSense)
{
    for (const auto &[occupied, empty, target] : {std::tuple{1.0, 2.0, 1e-3},
                                                  {10.0, 10.0, 1e-3},
                                                  {10.0, -1.0, 1e-3},
                                                  {10.0, 1.0, 0.0},
                                                  {10.0, 1.0, 1.0},
                                                  {1e9, 1.0, 1e-3}}) {
        const auto found = occupancyThreshold(occupied, empty, target);
        ASSERT_FALSE(found);
        EXPECT_NE(found.error().message.find("lambda-occupied"), std::string::npos);
    }
}

} // namespace dmaslab::test
