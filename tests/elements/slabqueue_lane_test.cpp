// SPDX-License-Identifier: LGPL-2.1-or-later
#include "slabqueue/side_lane.h"

#include <gtest/gtest.h>

using namespace dmaslab;

namespace {

EventPtr gap(guint64 number)
{
    return EventPtr(gst_event_new_gap(number, 1));
}

Loss lost(std::uint64_t number)
{
    return {number, number, 1, LossReason::Queue, GST_CLOCK_TIME_NONE, {}};
}

std::string drain(SideLane &lane, std::uint64_t position)
{
    std::string text;
    while (auto item = lane.take(position)) {
        if (item->loss) {
            text += "loss" + std::to_string(item->loss->first) + "-" + std::to_string(item->loss->last) + " ";
        } else if (item->event) {
            GstClockTime number = 0;
            gst_event_parse_gap(item->event.get(), &number, nullptr);
            text += "e" + std::to_string(number) + " ";
        } else {
            text += "q ";
        }
    }
    return text;
}

} // namespace

TEST(SideLane, GivesOnlyWhatPrecedesThePosition)
{
    SideLane lane;
    EXPECT_EQ(lane.next(), SideLane::nothing);
    lane.append(3, gap(1));
    lane.append(5, gap(2));
    EXPECT_EQ(lane.next(), 3u);
    EXPECT_EQ(drain(lane, 2), "");
    EXPECT_EQ(drain(lane, 4), "e1 ");
    EXPECT_EQ(drain(lane, 5), "e2 ");
}

TEST(SideLane, TheLossOfAQueuedFrameGoesAheadOfWhatCameAfterIt)
{
    SideLane lane;
    lane.append(3, gap(1)); // before frame 3
    lane.append(4, gap(2)); // after frame 3
    lane.insertLossOf(3, lost(3));
    EXPECT_EQ(drain(lane, 9), "e1 loss3-3 e2 ");
}

TEST(SideLane, NeighboursMergeOnlyIfNothingLiesBetween)
{
    SideLane lane;
    lane.insertLossOf(1, lost(1));
    lane.insertLossOf(2, lost(2));
    lane.append(4, gap(1));
    lane.insertLossOf(3, lost(3));
    lane.insertLossOf(4, lost(4));
    EXPECT_EQ(drain(lane, 9), "loss1-3 e1 loss4-4 ");
}

TEST(SideLane, NumbersCountTheFramesThatNeverHadAPosition)
{
    SideLane lane;
    lane.appendLoss(2, lost(2));
    lane.appendLoss(2, lost(3));
    EXPECT_EQ(lane.numberAt(1), 1u);
    EXPECT_EQ(lane.numberAt(2), 4u);
    drain(lane, 2);
    EXPECT_EQ(lane.numberAt(5), 7u);
    lane.restart();
    EXPECT_EQ(lane.numberAt(5), 5u);
}

TEST(SideLane, FindsWhereAStreamGoesOn)
{
    SideLane lane;
    lane.append(2, gap(1));
    EXPECT_EQ(lane.nextRestart(), std::nullopt);
    lane.append(6, EventPtr(gst_event_new_eos()));
    EXPECT_EQ(lane.nextRestart(), 6u);
}

TEST(SideLane, AQueryIsTakenOrRemovedNeverBoth)
{
    SideLane lane;
    PendingQuery query;
    lane.append(1, &query);
    EXPECT_TRUE(lane.remove(&query));
    EXPECT_FALSE(lane.remove(&query));
    EXPECT_EQ(drain(lane, 9), "");
}
