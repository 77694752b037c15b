// SPDX-License-Identifier: LGPL-2.1-or-later
// Numbers grow strictly, and every number that is not there is explained, whatever the source does.
#include <string>

#include <gtest/gtest.h>

#include "uringarchive/frame_numbers.h"

using namespace dmaslab;

namespace {

Loss loss(std::uint64_t first, std::uint64_t last, LossReason reason = LossReason::Starved)
{
    return {first, last, last - first + 1, reason, GST_CLOCK_TIME_NONE, "camera"};
}

std::string missingOf(const FrameNumbers &numbers)
{
    std::string text;
    for (const AnnouncedGap &missing : numbers.missing())
        text += (text.empty() ? "" : ", ") + std::to_string(missing.loss.first) + "-" +
                std::to_string(missing.loss.last) + " x" + std::to_string(missing.loss.count) + " " +
                (missing.kind == LossKind::Skip ? "skip" : std::string(toString(missing.loss.reason)));
    return text;
}

/** The number the frame gets, and what is missing before it. */
std::string next(FrameNumbers &numbers, std::optional<std::uint64_t> number)
{
    const auto frame = numbers.next(number, GST_CLOCK_TIME_NONE);
    const std::string missing = missingOf(numbers);
    return std::to_string(frame.sequence) + (frame.epoch ? "e" + std::to_string(frame.epoch) : "") +
           (missing.empty() ? "" : " after " + missing);
}

} // namespace

TEST(FrameNumbers, TakesTheSourcesNumbers)
{
    FrameNumbers numbers;
    EXPECT_EQ(next(numbers, 100), "100");
    EXPECT_EQ(next(numbers, 101), "101");
}

TEST(FrameNumbers, CountsWhereTheSourceDoesNot)
{
    FrameNumbers numbers;
    EXPECT_EQ(next(numbers, std::nullopt), "0");
    EXPECT_EQ(next(numbers, std::nullopt), "1");
    numbers.announceLoss(loss(2, 4));
    EXPECT_EQ(next(numbers, std::nullopt), "5 after 2-4 x3 starved");
}

TEST(FrameNumbers, AJumpThatNobodyAnnouncedIsALossOfTheDevice)
{
    FrameNumbers numbers;
    next(numbers, 0);
    EXPECT_EQ(next(numbers, 4), "4 after 1-3 x3 device");
    EXPECT_EQ(numbers.missing()[0].loss.element, "upstream");
}

TEST(FrameNumbers, OnlyWhatNobodyAnnouncedIsTheDevices)
{
    FrameNumbers numbers;
    next(numbers, 0);
    numbers.announceLoss(loss(5, 6, LossReason::Queue));
    numbers.announceLoss(loss(2, 3));
    EXPECT_EQ(next(numbers, 9),
              "9 after 1-1 x1 device, 2-3 x2 starved, 4-4 x1 device, 5-6 x2 queue, 7-8 x2 device");
}

TEST(FrameNumbers, SkippedOnesAreNoLoss)
{
    FrameNumbers numbers;
    next(numbers, 0);
    numbers.announceSkip({1, 9, 9, GST_CLOCK_TIME_NONE, "source"});
    EXPECT_EQ(next(numbers, 10), "10 after 1-9 x9 skip");
}

TEST(FrameNumbers, LossesBetweenSkippedOnesKeepTheirRangeAndCount)
{
    FrameNumbers numbers;
    next(numbers, 0);
    numbers.announceSkip({1, 9, 5, GST_CLOCK_TIME_NONE, "source"});
    Loss between = loss(2, 8);
    between.count = 4;
    numbers.announceLoss(between);
    EXPECT_EQ(next(numbers, 10), "10 after 1-9 x5 skip, 2-8 x4 starved");
}

TEST(FrameNumbers, WhatIsAnnouncedTwiceIsMissingOnce)
{
    FrameNumbers numbers;
    next(numbers, 0);
    numbers.announceLoss(loss(1, 3));
    numbers.announceLoss(loss(1, 3));
    EXPECT_EQ(next(numbers, 4), "4 after 1-3 x3 starved");
    numbers.announceLoss(loss(1, 3));
    EXPECT_EQ(next(numbers, 5), "5");
}

TEST(FrameNumbers, NumbersThatGoBackBeginAnEpochBehindTheLastNumber)
{
    FrameNumbers numbers;
    next(numbers, 50);
    EXPECT_EQ(next(numbers, 0), "51e1");
    EXPECT_EQ(next(numbers, 1), "52e1");
    EXPECT_EQ(next(numbers, 5), "56e1 after 53-55 x3 device");
    EXPECT_EQ(next(numbers, 5), "57e2");
}

TEST(FrameNumbers, LossesAroundABeginningBelongToTheirOwnEpoch)
{
    FrameNumbers numbers;
    next(numbers, 50);
    numbers.announceLoss(loss(51, 52, LossReason::Device));
    numbers.announceLoss(loss(0, 1));
    EXPECT_EQ(next(numbers, 2), "55e1 after 51-52 x2 device, 53-54 x2 starved");
}

TEST(FrameNumbers, LossesAtTheEndAreSettledWithoutAFrame)
{
    FrameNumbers numbers;
    next(numbers, 0);
    numbers.announceLoss(loss(1, 2));
    numbers.settle();
    EXPECT_EQ(missingOf(numbers), "1-2 x2 starved");
    numbers.announceLoss(loss(1, 2));
    EXPECT_EQ(next(numbers, 3), "3");
}

TEST(FrameNumbers, AFrameTakenBackIsMissing)
{
    FrameNumbers numbers;
    next(numbers, 0);
    next(numbers, 1);
    numbers.takeBack();
    numbers.announceLoss(loss(1, 1, LossReason::Flush));
    EXPECT_EQ(next(numbers, 2), "2 after 1-1 x1 flush");
}
