// SPDX-License-Identifier: LGPL-2.1-or-later
// What meets at the same moment: formats and frames, drains and frames, the end and frames, a ledger without
// room.
#include <cerrno>

#include "archive_check.h"
#include "archive_faulty_io.h"
#include "archive_writer_support.h"

using namespace dmaslab;
using namespace dmaslab::testing;

namespace {

using Op = Faults::Op;

class ArchiveWriterRaces : public ::testing::Test
{
protected:
    ArchiveWriterRaces()
    {
        settings.segmentBytes = 4 << 20;
        settings.commitIntervalNs = 5'000'000;
        settings.queueDepth = 4;
    }
    std::unique_ptr<Recorder> start(const SeriesFormat &format)
    {
        return std::make_unique<Recorder>(scratch.at("rec"), format, settings, FaultyIo::factory(faults));
    }

    ScratchDirectory scratch;
    WriterSettings settings;
    std::shared_ptr<Faults> faults = std::make_shared<Faults>();
};

const SeriesFormat kLarge = greyFormat(256, 256);

TEST_F(ArchiveWriterRaces, AFormatGoesBeforeTheFramesBehindIt)
{
    const SeriesFormat little = greyFormat(32, 32);
    auto recorder = start(kLarge);
    std::uint64_t sequence = 0;
    for (unsigned turn = 0; turn < 30; ++turn) {
        const SeriesFormat &format = turn % 2 == 0 ? little : kLarge;
        ASSERT_TRUE(recorder->writer().beginSeries(format, ArchiveLayout::Auto));
        for (unsigned i = 0; i < 3; ++i, ++sequence)
            ASSERT_EQ(recorder->push(recorder->make(sequence, format.frameBytes)), Writer::Push::Ok);
    }
    recorder->close();
    EXPECT_EQ(recorder->writer().stats().archived, sequence);
    EXPECT_EQ(checkedFrames(scratch.at("rec")), sequence);
}

TEST_F(ArchiveWriterRaces, AFrameLargerThanItsFormatIsLostAndNothingElse)
{
    auto recorder = start(greyFormat(64, 64));
    ASSERT_TRUE(recorder->writer().beginSeries(greyFormat(32, 32), ArchiveLayout::Auto));
    ASSERT_EQ(recorder->push(recorder->make(0, 2048)), Writer::Push::Ok);
    ASSERT_EQ(recorder->push(recorder->make(1, 8192)), Writer::Push::Ok);
    ASSERT_EQ(recorder->push(recorder->make(2, 2048)), Writer::Push::Ok);
    recorder->close();
    EXPECT_EQ(recorder->writer().stats().archived, 2u);
    EXPECT_EQ(recorder->writer().stats().lost, 1u);
    EXPECT_EQ(checkedFrames(scratch.at("rec")), 2u);
}

TEST_F(ArchiveWriterRaces, ADrainEndsWhileFramesKeepComing)
{
    auto recorder = start(kLarge);
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> pushed{0};
    std::thread producer([&] {
        for (std::uint64_t i = 0; !stop && recorder->push(recorder->make(i)) == Writer::Push::Ok; ++i)
            pushed = i + 1;
    });
    while (pushed < 10)
        std::this_thread::yield();
    const std::uint64_t before = pushed;
    EXPECT_TRUE(recorder->writer().drain(monotonicNowNs() + 20'000'000'000));
    EXPECT_GE(recorder->writer().stats().archived, before);
    stop = true;
    producer.join();
    recorder->close();
}

TEST_F(ArchiveWriterRaces, AfterTheEndNoFrameIsTaken)
{
    auto recorder = start(kLarge);
    recorder->record(0, 3);
    recorder->writer().finish();
    EXPECT_EQ(recorder->push(recorder->make(3)), Writer::Push::Failed);
    recorder->close();
    EXPECT_EQ(recorder->writer().stats().archived, 3u);
}

TEST_F(ArchiveWriterRaces, ALedgerWithoutRoomCostsNoFrame)
{
    std::atomic<bool> full{true};
    faults->instead = [&full](const Faults::Asked &asked) -> std::optional<std::int64_t> {
        const bool isLedger = asked.op == Op::Other && asked.bytes % 4096 != 0;
        return full && isLedger ? std::optional<std::int64_t>(-ENOSPC) : std::nullopt;
    };
    auto recorder = start(kLarge);
    LossRecord loss;
    loss.first = loss.last = 1000;
    loss.count = 1;
    loss.setReason("starved");
    recorder->writer().note(loss);
    recorder->record(0, 20);
    ASSERT_TRUE(recorder->writer().drain(monotonicNowNs() + 20'000'000'000));
    EXPECT_EQ(recorder->writer().stats().archived, 20u);
    EXPECT_EQ(Recording::open(scratch.at("rec"))->losses()->size(), 0u);
    full = false;
    recorder->close();
    const auto losses = Recording::open(scratch.at("rec"))->losses();
    ASSERT_EQ(losses->size(), 1u);
    EXPECT_EQ((*losses)[0], loss);
    EXPECT_TRUE(recorder->client.get(&RecordingClient::errors_).empty());
    EXPECT_EQ(recorder->client.get(&RecordingClient::warnings_).size(), 1u);
}

TEST_F(ArchiveWriterRaces, ALedgerThatNeverHasRoomDoesNotKeepARecordingFromEnding)
{
    faults->instead = [](const Faults::Asked &asked) -> std::optional<std::int64_t> {
        return asked.op == Op::Other && asked.bytes % 4096 != 0 ? std::optional<std::int64_t>(-ENOSPC)
                                                                : std::nullopt;
    };
    auto recorder = start(kLarge);
    recorder->writer().note({});
    recorder->record(0, 5);
    recorder->close();
    EXPECT_EQ(recorder->writer().stats().archived, 5u);
    EXPECT_EQ(Recording::open(scratch.at("rec"))->manifest().state, RecordingState::Closed);
}

TEST_F(ArchiveWriterRaces, DirectIsGivenUpForAWholeBurstAndForTheSegmentsBehindIt)
{
    // A disk that takes nothing with O_DIRECT: the first four writes go out before the first answer.
    faults->refuseDirect = true;
    settings.segmentFrames = 5;
    auto recorder = start(kLarge);
    recorder->record(0, 20);
    recorder->close();
    EXPECT_EQ(recorder->writer().stats().archived, 20u);
    EXPECT_EQ(recorder->writer().stats().lost, 0u);
    EXPECT_EQ(recorder->client.get(&RecordingClient::warnings_).size(), 1u);
    EXPECT_EQ(checkedFrames(scratch.at("rec")), 20u);
}

TEST_F(ArchiveWriterRaces, OwnLossesApartFromEachOtherAreEntriesApart)
{
    faults->instead = [](const Faults::Asked &asked) -> std::optional<std::int64_t> {
        return asked.op == Op::Frames && (asked.number == 3 || asked.number == 9)
                   ? std::optional<std::int64_t>(-EIO)
                   : std::nullopt;
    };
    settings.commitIntervalNs = 10'000'000'000;
    auto recorder = start(kLarge);
    recorder->record(0, 20);
    recorder->close();
    const auto losses = Recording::open(scratch.at("rec"))->losses();
    ASSERT_EQ(losses->size(), 2u);
    EXPECT_EQ((*losses)[0].count, 1u);
    EXPECT_EQ((*losses)[1].count, 1u);
}

TEST_F(ArchiveWriterRaces, AFullDiskWithoutReservationFollowsThePolicy)
{
    std::atomic<bool> full{true};
    faults->instead = [&full](const Faults::Asked &asked) -> std::optional<std::int64_t> {
        return full && asked.op == Op::Frames ? std::optional<std::int64_t>(-ENOSPC) : std::nullopt;
    };
    settings.onDiskFull = OnDiskFull::Drop;
    auto recorder = start(kLarge);
    recorder->record(0, 60);
    const std::int64_t deadline = monotonicNowNs() + 20'000'000'000;
    while (recorder->writer().stats().lost < 60 && monotonicNowNs() < deadline)
        std::this_thread::yield();
    EXPECT_EQ(recorder->writer().stats().lost, 60u);
    EXPECT_TRUE(recorder->client.get(&RecordingClient::errors_).empty());
    full = false;
    std::uint64_t sequence = 60;
    while (recorder->writer().stats().archived == 0 && monotonicNowNs() < deadline)
        ASSERT_EQ(recorder->push(recorder->make(sequence++)), Writer::Push::Ok);
    recorder->close();
    const WriterStats stats = recorder->writer().stats();
    EXPECT_GT(stats.archived, 0u);
    EXPECT_EQ(stats.pushed, stats.archived + stats.lost);
}

} // namespace
