// SPDX-License-Identifier: LGPL-2.1-or-later
// Which frames are in a recording, under which numbers, and what it says about those that are not.
#include <filesystem>

#include "archive_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;
using Numbers = std::vector<std::uint64_t>;
using Lines = std::vector<std::string>;

TEST(UringArchiveFrames, EveryFrameIsThereWithItsNumberTimeAndBytes)
{
    ArchiveBench bench;
    bench.start();
    bench.pushAll(5, 14);
    bench.eos();
    const Recorded recorded = bench.recorded();
    ASSERT_EQ(recorded.index.size(), 10u);
    for (std::size_t i = 0; i < 10; ++i) {
        EXPECT_EQ(recorded.index[i].sequence, i + 5);
        EXPECT_EQ(recorded.index[i].pts, std::int64_t((i + 5) * 10 * GST_MSECOND));
        EXPECT_EQ(recorded.index[i].length, ArchiveBench::frameBytes);
        EXPECT_GT(recorded.index[i].utc, std::int64_t{1'600'000'000} * 1'000'000'000);
        EXPECT_EQ(recorded.index[i].capture, kNoTime);
        EXPECT_EQ(recorded.index[i].flags, 0);
        const std::vector<std::byte> expected(ArchiveBench::frameBytes,
                                              std::byte(ArchiveBench::colour(i + 5)));
        EXPECT_EQ(recorded.frames[i], expected) << i;
    }
    EXPECT_TRUE(recorded.losses.empty());
    EXPECT_EQ(bench.stat("frames-archived"), 10u);
    EXPECT_EQ(bench.stat("bytes"), 10 * ArchiveBench::frameBytes);
    EXPECT_EQ(bench.stat("gaps"), 0u);
    bench.expectConservation();
}

TEST(UringArchiveFrames, EveryNthIsChosenByNumberNotByArrival)
{
    ArchiveBench bench("every-nth=5 nth-phase=2");
    bench.start();
    bench.pushAll(0, 10);
    bench.pushAll(16, 30);
    bench.eos();
    EXPECT_EQ(bench.recorded().sequences(), (Numbers{2, 7, 17, 22, 27}));
    EXPECT_EQ(bench.stat("skipped"), 21u);
    EXPECT_EQ(bench.stat("frames-in"), 5u);
    EXPECT_EQ(bench.stat("gaps"), 5u);
    EXPECT_TRUE(bench.recorded().manifestHas("\"every_nth\": 5"));
    EXPECT_TRUE(bench.texts(GST_MESSAGE_WARNING).empty());
}

TEST(UringArchiveFrames, EveryNthOfZeroRecordsNothingAndDoesNotComplain)
{
    ArchiveBench bench("every-nth=0");
    bench.start();
    bench.pushAll(0, 9);
    bench.eos();
    EXPECT_EQ(bench.stat("skipped"), 10u);
    EXPECT_EQ(bench.stat("frames-in"), 0u);
    EXPECT_FALSE(std::filesystem::exists(bench.location())); // it would be a recording of nothing
    EXPECT_TRUE(bench.texts(GST_MESSAGE_WARNING).empty());
}

TEST(UringArchiveFrames, APhaseThatMatchesNothingWarnsOnce)
{
    ArchiveBench bench("every-nth=3 nth-phase=1");
    bench.start();
    for (std::uint64_t i = 0; i < 40; ++i)
        bench.push(i * 3);
    const auto warnings = bench.texts(GST_MESSAGE_WARNING);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("every-nth=3 nth-phase=1: none of the last 12 frames"), std::string::npos)
        << warnings[0];
}

TEST(UringArchiveFrames, AStreamWithoutNumbersIsCounted)
{
    ArchiveBench bench;
    bench.start();
    for (int i = 0; i < 3; ++i) {
        BufferPtr buffer = ArchiveBench::frame(0);
        GST_BUFFER_OFFSET(buffer.get()) = GST_BUFFER_OFFSET_END(buffer.get()) = GST_BUFFER_OFFSET_NONE;
        bench.push(std::move(buffer));
    }
    bench.eos();
    EXPECT_EQ(bench.recorded().sequences(), (Numbers{0, 1, 2}));
}

TEST(UringArchiveFrames, ASourceThatBeginsAnewGetsAnEpoch)
{
    ArchiveBench bench;
    bench.start();
    bench.pushAll(10, 12);
    bench.pushAll(0, 1);
    bench.eos();
    const Recorded recorded = bench.recorded();
    EXPECT_EQ(recorded.sequences(), (Numbers{10, 11, 12, 13, 14}));
    EXPECT_EQ(recorded.index[2].epoch, 0);
    EXPECT_EQ(recorded.index[3].epoch, 1);
    EXPECT_EQ(recorded.index[3].dropsBefore, 0u);
}

TEST(UringArchiveFrames, AnnouncedLossesAreInTheLedgerAndBeforeTheFrameBehindThem)
{
    ArchiveBench bench;
    bench.start();
    bench.pushAll(0, 2);
    bench.loss(3, 5);
    bench.loss(6, 6, LossReason::Queue);
    bench.pushAll(7, 8);
    bench.eos();
    const Recorded recorded = bench.recorded();
    EXPECT_EQ(recorded.ledger(), (Lines{"3-5 x3 starved camera", "6-6 x1 queue camera"}));
    EXPECT_EQ(recorded.losses[0].time, std::int64_t(3 * GST_MSECOND));
    EXPECT_EQ(recorded.sequences(), (Numbers{0, 1, 2, 7, 8}));
    EXPECT_EQ(recorded.index[3].dropsBefore, 4u);
    EXPECT_EQ(recorded.index[3].flags, kFrameDiscont);
    EXPECT_EQ(recorded.index[4].dropsBefore, 0u);
    EXPECT_EQ(bench.stat("gaps"), 4u);
    EXPECT_EQ(bench.stat("dropped"), 0u);
}

TEST(UringArchiveFrames, AJumpThatNobodyExplainsIsInTheLedgerToo)
{
    ArchiveBench bench;
    bench.start();
    bench.push(0);
    bench.push(4);
    bench.eos();
    EXPECT_EQ(bench.recorded().ledger(), (Lines{"1-3 x3 device upstream"}));
    EXPECT_EQ(bench.recorded().index[1].dropsBefore, 3u);
    EXPECT_EQ(bench.stat("gaps"), 3u);
}

TEST(UringArchiveFrames, SkippedFramesAreInTheLedgerAndNoLoss)
{
    ArchiveBench bench;
    bench.start();
    bench.push(0);
    auto event = newSkipEvent(nullptr, {1, 9, 9, 0, {}});
    gst_structure_set(gst_event_writable_structure(event.get()), "element", G_TYPE_STRING, "src", nullptr);
    bench.pushEvent(event.release());
    bench.push(10);
    bench.eos();
    const Recorded recorded = bench.recorded();
    EXPECT_EQ(recorded.ledger(), (Lines{"1-9 x9 skip src"}));
    EXPECT_EQ(recorded.index[1].dropsBefore, 0u);
    EXPECT_EQ(recorded.index[1].flags, 0);
    EXPECT_EQ(bench.stat("gaps"), 0u);
}

TEST(UringArchiveFrames, LossesAtTheEndAreInTheLedger)
{
    ArchiveBench bench;
    bench.start();
    bench.push(0);
    bench.loss(1, 2);
    bench.eos();
    EXPECT_EQ(bench.recorded().ledger(), (Lines{"1-2 x2 starved camera"}));
}

TEST(UringArchiveFrames, LossesWithoutAFrameAreInTheLedgerOfARecordingOfNone)
{
    ArchiveBench bench;
    bench.start();
    bench.loss(1, 2);
    bench.eos();
    bench.stop();
    EXPECT_EQ(bench.recorded().ledger(), (Lines{"1-2 x2 starved camera"}));
    EXPECT_EQ(bench.stat("gaps"), 2u);
}

TEST(UringArchiveFrames, GapsAreThoseThatALedgerHas)
{
    ArchiveBench bench("recording=false");
    bench.start();
    bench.push(0);
    bench.loss(1, 2);
    bench.push(9);
    EXPECT_EQ(bench.stat("gaps"), 0u);
    g_object_set(bench.element(), "recording", TRUE, nullptr);
    bench.pushAll(10, 10);
    bench.push(12);
    g_object_set(bench.element(), "recording", FALSE, nullptr);
    bench.push(13);
    bench.push(20);
    bench.eos();
    EXPECT_EQ(bench.stat("gaps"), 1u);
    EXPECT_EQ(bench.recorded().ledger(), (Lines{"11-11 x1 device upstream"}));
}

TEST(UringArchiveFrames, LossesOfFramesThatNobodyWantedStillCount)
{
    ArchiveBench bench("every-nth=4");
    bench.start();
    bench.pushAll(0, 1);
    bench.loss(2, 3);
    bench.pushAll(4, 4);
    bench.eos();
    EXPECT_EQ(bench.recorded().index[1].dropsBefore, 2u);
}

TEST(UringArchiveFrames, AFrameOfTheWrongSizeIsLostAsCorrupt)
{
    ArchiveBench bench;
    bench.start();
    bench.push(0);
    EXPECT_EQ(bench.push(ArchiveBench::frame(1, 100)), GST_FLOW_OK);
    bench.push(2);
    bench.eos();
    const Recorded recorded = bench.recorded();
    EXPECT_EQ(recorded.sequences(), (Numbers{0, 2}));
    EXPECT_EQ(recorded.ledger(), (Lines{"1-1 x1 corrupt archive"}));
    EXPECT_EQ(recorded.index[1].dropsBefore, 1u);
    EXPECT_EQ(bench.stat("dropped-corrupt"), 1u);
    EXPECT_EQ(bench.stat("gaps"), 0u);
    EXPECT_EQ(bench.countMessages(GST_MESSAGE_QOS), 1);
    bench.expectConservation();
}

TEST(UringArchiveFrames, TheDevicesTimeAndTheMarksOfAFrameAreInTheIndex)
{
    ArchiveBench bench;
    bench.start("image/jpeg");
    BufferPtr buffer = ArchiveBench::frame(0, 1000);
    const CapsPtr other(gst_caps_new_empty_simple("timestamp/x-ntp"));
    const CapsPtr monotonic(gst_caps_new_empty_simple("timestamp/x-device-monotonic"));
    gst_buffer_add_reference_timestamp_meta(buffer.get(), other.get(), 7, GST_CLOCK_TIME_NONE);
    gst_buffer_add_reference_timestamp_meta(buffer.get(), monotonic.get(), 8, GST_CLOCK_TIME_NONE);
    GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_CORRUPTED | GST_BUFFER_FLAG_DELTA_UNIT);
    bench.push(std::move(buffer));
    buffer = ArchiveBench::frame(1, 10);
    GST_BUFFER_PTS(buffer.get()) = GST_CLOCK_TIME_NONE;
    GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_HEADER | GST_BUFFER_FLAG_DISCONT);
    bench.push(std::move(buffer));
    bench.eos();
    const Recorded recorded = bench.recorded();
    EXPECT_EQ(recorded.index[0].capture, 8);
    EXPECT_EQ(recorded.index[0].flags, kFrameCorrupted | kFrameDelta);
    EXPECT_EQ(recorded.index[1].pts, kNoTime);
    EXPECT_EQ(recorded.index[1].flags, kFrameHeader | kFrameDiscont);
}

TEST(UringArchiveFrames, EncodedFramesKeepTheirOwnLengths)
{
    ArchiveBench bench;
    bench.start("image/jpeg,width=64,height=64");
    for (const std::uint64_t bytes : {1u, 5000u, 4096u, 12345u})
        EXPECT_EQ(bench.push(ArchiveBench::frame(bytes, bytes)), GST_FLOW_OK);
    bench.eos();
    const Recorded recorded = bench.recorded();
    ASSERT_EQ(recorded.frames.size(), 4u);
    EXPECT_EQ(recorded.frames[3], std::vector<std::byte>(12345, std::byte(ArchiveBench::colour(12345))));
    EXPECT_EQ(recorded.frames[0].size(), 1u);
    EXPECT_TRUE(recorded.manifestHas("\"layout\": \"blob\""));
}
