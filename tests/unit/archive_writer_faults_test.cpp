// SPDX-License-Identifier: LGPL-2.1-or-later
// What the disk can say to a write, and what becomes of the frame.
#include <cerrno>

#include "archive_check.h"
#include "archive_faulty_io.h"
#include "archive_writer_support.h"

using namespace dmaslab;
using namespace dmaslab::testing;

namespace {

using Op = Faults::Op;

class ArchiveWriterFaults : public ::testing::Test
{
protected:
    ArchiveWriterFaults()
    {
        settings.segmentBytes = 4 << 20;
        settings.commitIntervalNs = 5'000'000;
        settings.queueDepth = 4;
    }
    std::unique_ptr<Recorder> start(const SeriesFormat &format = greyFormat(64, 64))
    {
        return std::make_unique<Recorder>(scratch.at("rec"), format, settings, FaultyIo::factory(faults));
    }
    /** The write of frames with this number ends so. */
    void failFrames(std::uint64_t number, std::int64_t end, std::uint64_t times = 1)
    {
        faults->instead = [=](const Faults::Asked &asked) -> std::optional<std::int64_t> {
            if (asked.op == Op::Frames && asked.number >= number && asked.number < number + times)
                return end;
            return std::nullopt;
        };
    }

    ScratchDirectory scratch;
    WriterSettings settings;
    std::shared_ptr<Faults> faults = std::make_shared<Faults>();
};

/** Frames too large to be joined: one write each. */
const SeriesFormat kLarge = greyFormat(256, 256);

TEST_F(ArchiveWriterFaults, ShortWritesAreFinished)
{
    // 8192, 100 (O_DIRECT goes on at a block) and nothing usable at all.
    faults->instead = [](const Faults::Asked &asked) -> std::optional<std::int64_t> {
        if (asked.op != Op::Frames || asked.number % 2 != 0)
            return std::nullopt;
        return asked.number % 4 == 0 ? 8192 : 512;
    };
    auto recorder = start(kLarge);
    recorder->record(0, 20);
    recorder->close();
    EXPECT_EQ(recorder->writer().stats().archived, 20u);
    EXPECT_EQ(checkedFrames(scratch.at("rec")), 20u);
}

TEST_F(ArchiveWriterFaults, TemporaryRefusalsAreRepeated)
{
    for (const int error : {EAGAIN, EINTR, EBUSY}) {
        failFrames(1, -error, 30);
        scratch.clear();
        auto recorder = start(kLarge);
        recorder->record(0, 10);
        recorder->close();
        EXPECT_EQ(recorder->writer().stats().archived, 10u) << error;
        EXPECT_EQ(recorder->writer().stats().ioErrors, 0u) << error;
        EXPECT_EQ(checkedFrames(scratch.at("rec")), 10u) << error;
    }
}

TEST_F(ArchiveWriterFaults, MemoryThatCannotBePinnedIsCopiedAndCounted)
{
    failFrames(0, -EFAULT);
    auto recorder = start(kLarge);
    recorder->record(0, 10);
    recorder->close();
    EXPECT_EQ(recorder->writer().stats().archived, 10u);
    // The one that failed, and all those after it: the arena is known by then. Up to three were under way.
    EXPECT_GE(recorder->writer().stats().bytesCopied, 6 * kLarge.frameBytes);
    EXPECT_EQ(checkedFrames(scratch.at("rec")), 10u);
}

TEST_F(ArchiveWriterFaults, DirectIsGivenUpWhereTheFileSystemRefusesIt)
{
    failFrames(0, -EINVAL);
    auto recorder = start(kLarge);
    recorder->record(0, 10);
    recorder->close();
    EXPECT_EQ(recorder->writer().stats().archived, 10u);
    EXPECT_EQ(checkedFrames(scratch.at("rec")), 10u);
    const auto warnings = recorder->client.get(&RecordingClient::warnings_);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("O_DIRECT"), std::string::npos) << warnings[0];
}

TEST_F(ArchiveWriterFaults, AFrameThatCannotBeWrittenIsNamedAndTheNextOnesGoOn)
{
    failFrames(5, -EIO);
    auto recorder = start(kLarge);
    recorder->record(100, 20);
    recorder->close();
    const WriterStats stats = recorder->writer().stats();
    EXPECT_EQ(stats.archived, 19u);
    EXPECT_EQ(stats.lost, 1u);
    EXPECT_EQ(stats.pending, 0u);
    EXPECT_EQ(stats.ioErrors, 1u);
    EXPECT_EQ(stats.segments, 2u);
    const auto lost = recorder->client.get(&RecordingClient::lost_);
    ASSERT_EQ(lost.size(), 1u);
    EXPECT_EQ(lost[0].sequence, 105u);
    EXPECT_EQ(lost[0].why, ArchiveLoss::IoError);

    const auto recording = Recording::open(scratch.at("rec"));
    ASSERT_TRUE(recording) << recording.error().message;
    EXPECT_EQ(recording->frames(), 20u); // the bad one has its place
    const auto place = recording->place(5);
    ASSERT_TRUE(place);
    EXPECT_EQ(place->index.sequence, 105u);
    EXPECT_TRUE(place->index.flags & kFrameBad);
    const auto losses = recording->losses();
    ASSERT_TRUE(losses);
    ASSERT_EQ(losses->size(), 1u);
    EXPECT_EQ((*losses)[0].first, 105u);
    EXPECT_EQ((*losses)[0].reasonText(), "io-error");
    EXPECT_EQ((*losses)[0].elementText(), "archive");
    EXPECT_EQ(checkedFrames(scratch.at("rec")), 19u);
}

TEST_F(ArchiveWriterFaults, ALossBelongsToTheFormatOfItsFrame)
{
    faults->hold = true; // the write of the old format ends when the new one has begun
    failFrames(0, -EIO);
    auto recorder = start(kLarge);
    recorder->record(0, 1);
    ASSERT_TRUE(recorder->writer().beginSeries(greyFormat(64, 64), ArchiveLayout::Auto));
    ASSERT_EQ(recorder->push(recorder->make(1, 8192)), Writer::Push::Ok);
    while (faults->framesWritten < 1)
        std::this_thread::yield();
    faults->hold = false;
    recorder->close();
    const auto losses = Recording::open(scratch.at("rec"))->losses();
    ASSERT_EQ(losses->size(), 1u);
    EXPECT_EQ((*losses)[0].series, 0u);
}

TEST_F(ArchiveWriterFaults, ManyErrorsInARowEndTheRecording)
{
    failFrames(3, -EIO, 1000);
    auto recorder = start(kLarge);
    std::uint64_t pushed = 0;
    while (pushed < 1000 && recorder->push(recorder->make(pushed)) == Writer::Push::Ok)
        ++pushed;
    recorder->close();
    ASSERT_LT(pushed, 1000u);
    const WriterStats stats = recorder->writer().stats();
    EXPECT_EQ(stats.archived, 3u);
    EXPECT_EQ(stats.pushed, stats.archived + stats.lost);
    const auto errors = recorder->client.get(&RecordingClient::errors_);
    ASSERT_EQ(errors.size(), 1u);
    EXPECT_EQ(errors[0].sysErrno, EIO);
    EXPECT_EQ(recorder->pool().levels().free, recorder->pool().levels().slabs);
    EXPECT_EQ(checkedFrames(scratch.at("rec")), 3u);
}

TEST_F(ArchiveWriterFaults, AFullDiskInTheMiddleOfAFrameIsALossForThatReason)
{
    for (const int error : {ENOSPC, EDQUOT}) {
        failFrames(2, -error);
        scratch.clear();
        auto recorder = start(kLarge);
        recorder->record(0, 10);
        recorder->close();
        EXPECT_EQ(recorder->writer().stats().archived, 9u);
        EXPECT_EQ(recorder->writer().stats().ioErrors, 0u);
        const auto lost = recorder->client.get(&RecordingClient::lost_);
        ASSERT_EQ(lost.size(), 1u);
        EXPECT_EQ(lost[0].why, ArchiveLoss::DiskFull);
    }
}

TEST_F(ArchiveWriterFaults, AFailedSyncEndsTheRecordingAndCountsNothingNew)
{
    std::atomic<bool> broken = false;
    faults->instead = [&broken](const Faults::Asked &asked) -> std::optional<std::int64_t> {
        return broken && asked.op == Op::Sync ? std::optional<std::int64_t>(-EIO) : std::nullopt;
    };
    auto recorder = start(kLarge);
    recorder->record(0, 8);
    ASSERT_TRUE(recorder->writer().drain(monotonicNowNs() + 20'000'000'000));
    EXPECT_EQ(recorder->writer().stats().archived, 8u);
    broken = true;
    for (std::uint64_t i = 8; i < 16; ++i)
        if (recorder->push(recorder->make(i)) != Writer::Push::Ok)
            break;
    recorder->close();
    const WriterStats stats = recorder->writer().stats();
    EXPECT_EQ(stats.archived, 8u);
    EXPECT_EQ(stats.pushed, stats.archived + stats.lost);
    EXPECT_EQ(recorder->client.get(&RecordingClient::errors_).size(), 1u);
    EXPECT_EQ(checkedFrames(scratch.at("rec")), 8u);
}

TEST_F(ArchiveWriterFaults, ACommitThatFailsOnceIsRepeated)
{
    faults->instead = [](const Faults::Asked &asked) -> std::optional<std::int64_t> {
        return asked.op == Op::Other && asked.number == 1 ? std::optional<std::int64_t>(-EIO) : std::nullopt;
    };
    auto recorder = start(kLarge);
    recorder->record(0, 8);
    recorder->close();
    EXPECT_EQ(recorder->writer().stats().archived, 8u);
    EXPECT_EQ(recorder->writer().stats().ioErrors, 1u);
    EXPECT_EQ(checkedFrames(scratch.at("rec")), 8u);
}

TEST_F(ArchiveWriterFaults, AFrameIsHeldUntilItsWriteIsComplete)
{
    faults->hold = true;
    auto recorder = start(kLarge);
    recorder->record(0, 3);
    while (faults->framesWritten < 3)
        std::this_thread::yield();
    EXPECT_EQ(recorder->client.get(&RecordingClient::released_), 0u);
    EXPECT_EQ(recorder->writer().stats().held, 3u);
    EXPECT_EQ(recorder->writer().stats().archived, 0u);
    faults->hold = false;
    recorder->close();
    EXPECT_EQ(recorder->client.get(&RecordingClient::released_), 3u);
    EXPECT_EQ(recorder->writer().stats().archived, 3u);
}

TEST_F(ArchiveWriterFaults, NoRoomIsSaidAndWaitingForItEnds)
{
    faults->hold = true;
    settings.maxHeld = 3;
    auto recorder = start(kLarge);
    recorder->record(0, 3);
    ArchiveFrame frame = recorder->make(3);
    EXPECT_EQ(recorder->writer().push(frame), Writer::Push::Full);
    EXPECT_FALSE(recorder->writer().waitForRoom(monotonicNowNs())); // a deadline that has passed
    recorder->writer().setInterrupted(true);
    EXPECT_FALSE(recorder->writer().waitForRoom(kNoDeadline));
    recorder->writer().setInterrupted(false);
    faults->hold = false;
    EXPECT_TRUE(recorder->writer().waitForRoom(monotonicNowNs() + 20'000'000'000));
    EXPECT_EQ(recorder->push(frame), Writer::Push::Ok);
    recorder->close();
    EXPECT_EQ(recorder->writer().stats().archived, 4u);
}

TEST_F(ArchiveWriterFaults, MemoryThatCannotStayPinnedIsToldOnce)
{
    faults->canPin = false;
    auto recorder = start(kLarge);
    recorder->record(0, 10);
    recorder->close();
    const auto warnings = recorder->client.get(&RecordingClient::warnings_);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("ulimit -l"), std::string::npos) << warnings[0];
    EXPECT_EQ(recorder->writer().stats().bytesCopied, 0u);
}

TEST_F(ArchiveWriterFaults, SmallFramesShareAWrite)
{
    faults->hold = true; // so that many wait for the first ones
    settings.maxHeld = 100;
    auto recorder = std::make_unique<Recorder>(scratch.at("rec"), greyFormat(64, 64), settings,
                                               FaultyIo::factory(faults), 100);
    recorder->record(0, 100);
    while (faults->framesWritten < 1)
        std::this_thread::yield();
    faults->hold = false;
    recorder->close();
    EXPECT_EQ(recorder->writer().stats().archived, 100u);
    EXPECT_LE(recorder->writer().stats().writes, 10u);
    EXPECT_EQ(checkedFrames(scratch.at("rec")), 100u);
}

} // namespace
