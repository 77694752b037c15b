// SPDX-License-Identifier: LGPL-2.1-or-later
// How a recording is divided, and what is kept of it.
#include <set>

#include "archive_check.h"
#include "archive_writer_support.h"

using namespace dmaslab;
using namespace dmaslab::testing;

namespace {

class ArchiveWriterSegments : public ::testing::Test
{
protected:
    ArchiveWriterSegments() { settings.commitIntervalNs = 5'000'000; }
    std::unique_ptr<Recorder> start()
    {
        return std::make_unique<Recorder>(scratch.at("rec"), format, settings);
    }
    std::vector<std::uint64_t> framesPerSegment()
    {
        const auto recording = Recording::open(scratch.at("rec"));
        EXPECT_TRUE(recording) << recording.error().message;
        std::vector<std::uint64_t> frames;
        for (const auto &segment : recording->manifest().segments)
            frames.push_back(segment.frames);
        return frames;
    }
    std::set<std::string> files()
    {
        std::set<std::string> names;
        for (const auto &entry : std::filesystem::directory_iterator(scratch.at("rec")))
            names.insert(entry.path().filename());
        return names;
    }

    ScratchDirectory scratch;
    SeriesFormat format = greyFormat(64, 64);
    WriterSettings settings;
};

using Counts = std::vector<std::uint64_t>;

TEST_F(ArchiveWriterSegments, ChangeAfterSoManyFrames)
{
    settings.segmentFrames = 3;
    auto recorder = start();
    recorder->record(0, 10);
    recorder->close();
    EXPECT_EQ(framesPerSegment(), (Counts{3, 3, 3, 1}));
    EXPECT_EQ(checkedFrames(scratch.at("rec")), 10u);
    const auto opened = recorder->client.get(&RecordingClient::opened_);
    const auto closed = recorder->client.get(&RecordingClient::closed_);
    ASSERT_EQ(opened.size(), 4u);
    ASSERT_EQ(closed.size(), 4u);
    EXPECT_EQ(closed[1].firstSequence, 3u);
    EXPECT_EQ(closed[1].lastSequence, 5u);
    EXPECT_EQ(closed[1].frames, 3u);
    EXPECT_EQ(closed[1].path, scratch.at("rec/frames-000001.npy"));
}

TEST_F(ArchiveWriterSegments, ChangeAfterSoManyBytes)
{
    settings.segmentBytes = 4 * format.frameBytes + 100;
    auto recorder = start();
    recorder->record(0, 10);
    recorder->close();
    EXPECT_EQ(framesPerSegment(), (Counts{4, 4, 2}));
}

TEST_F(ArchiveWriterSegments, ASegmentHoldsOneFrameAtLeast)
{
    settings.segmentBytes = 1;
    auto recorder = start();
    recorder->record(0, 3);
    recorder->close();
    EXPECT_EQ(framesPerSegment(), (Counts{1, 1, 1}));
}

TEST_F(ArchiveWriterSegments, ChangeAfterSoMuchTime)
{
    settings.segmentBytes = 1 << 20;
    settings.segmentTimeNs = 5'000'000; // frames are 1 ms apart
    auto recorder = start();
    recorder->record(0, 12);
    recorder->close();
    EXPECT_EQ(framesPerSegment(), (Counts{5, 5, 2}));
}

TEST_F(ArchiveWriterSegments, ChangeWhenAskedTo)
{
    settings.segmentBytes = 1 << 20;
    auto recorder = start();
    recorder->record(0, 4);
    recorder->writer().split();
    recorder->writer().split(); // nothing since: no empty segment
    recorder->record(4, 6);
    recorder->close();
    EXPECT_EQ(framesPerSegment(), (Counts{4, 6}));
    EXPECT_EQ(checkedFrames(scratch.at("rec")), 10u);
}

TEST_F(ArchiveWriterSegments, NothingIsLeftOfWhatWasPreparedInVain)
{
    settings.segmentFrames = 4;
    auto recorder = start();
    recorder->record(0, 3); // more than half: the next one is being made
    recorder->close();
    EXPECT_EQ(files(), (std::set<std::string>{"manifest.json", "losses.npy", "frames-000000.npy",
                                              "index-000000.npy"}));
    EXPECT_EQ(std::filesystem::file_size(scratch.at("rec/frames-000000.npy")), 4096 + 3 * format.frameBytes);
    EXPECT_EQ(std::filesystem::file_size(scratch.at("rec/index-000000.npy")), 4096u + 3 * 64);
}

TEST_F(ArchiveWriterSegments, ARecordingWithoutAFrameIsOne)
{
    auto recorder = start();
    recorder->close();
    EXPECT_EQ(framesPerSegment(), Counts{});
    EXPECT_EQ(files(), (std::set<std::string>{"manifest.json", "losses.npy"}));
    const auto recording = Recording::open(scratch.at("rec"));
    ASSERT_TRUE(recording);
    EXPECT_EQ(recording->manifest().state, RecordingState::Closed);
    EXPECT_EQ(recording->frames(), 0u);
}

TEST_F(ArchiveWriterSegments, ARingKeepsTheNewest)
{
    settings.segmentFrames = 4;
    settings.maxSegments = 3;
    auto recorder = start();
    for (std::uint64_t i = 0; i < 40; i += 4) {
        recorder->record(i, 4);
        ASSERT_TRUE(recorder->writer().drain(monotonicNowNs() + 20'000'000'000));
        const auto recording = Recording::open(scratch.at("rec"));
        ASSERT_TRUE(recording) << recording.error().message;
        EXPECT_LE(recording->manifest().segments.size(), 4u); // one too many while the oldest is being closed
    }
    recorder->close();
    const auto recording = Recording::open(scratch.at("rec"));
    ASSERT_TRUE(recording);
    EXPECT_EQ(recorder->writer().stats().archived, 40u);
    EXPECT_GE(recording->frames(), 8u);
    EXPECT_LE(recording->frames(), 16u);
    const auto last = recording->place(recording->frames() - 1);
    ASSERT_TRUE(last);
    EXPECT_EQ(last->index.sequence, 39u);
    EXPECT_EQ(checkedFrames(scratch.at("rec")), recording->frames());
    EXPECT_EQ(files().size(), 2 + 2 * recording->manifest().segments.size());
}

TEST_F(ArchiveWriterSegments, ANewFormatBeginsANewSeries)
{
    settings.segmentBytes = 1 << 20;
    auto recorder = start();
    recorder->record(0, 3);
    SeriesFormat other = greyFormat(32, 32);
    other.caps = "other";
    ASSERT_TRUE(recorder->writer().beginSeries(other, ArchiveLayout::Auto));
    for (std::uint64_t i = 3; i < 5; ++i)
        ASSERT_EQ(recorder->push(recorder->make(i, other.frameBytes)), Writer::Push::Ok);
    recorder->close();
    const auto recording = Recording::open(scratch.at("rec"));
    ASSERT_TRUE(recording) << recording.error().message;
    ASSERT_EQ(recording->manifest().series.size(), 2u);
    EXPECT_EQ(recording->manifest().series[1].format, other);
    EXPECT_EQ(framesPerSegment(), (Counts{3, 2}));
    EXPECT_EQ(checkedFrames(scratch.at("rec")), 5u);
}

TEST_F(ArchiveWriterSegments, ABlobLargerThanASegmentIsLostAndSaid)
{
    format = {};
    format.caps = "image/jpeg";
    settings.segmentBytes = 64 << 10;
    Recorder recorder(scratch.at("rec"), format, settings);
    std::vector<std::byte> large(100'000);
    std::vector<std::byte> little(5'000);
    Recorder::fill(large, 0);
    Recorder::fill(little, 1);
    for (auto *bytes : {&large, &little}) {
        ArchiveFrame frame;
        frame.data = bytes->data();
        frame.length = frame.readable = bytes->size();
        frame.sequence = bytes == &large ? 0 : 1;
        ASSERT_EQ(recorder.writer().push(frame), Writer::Push::Ok);
    }
    recorder.close();
    EXPECT_EQ(recorder.writer().stats().archived, 1u);
    EXPECT_EQ(recorder.writer().stats().lost, 1u);
    EXPECT_EQ(checkedFrames(scratch.at("rec")), 1u);
    ASSERT_EQ(recorder.client.get(&RecordingClient::warnings_).size(), 1u);
}

TEST_F(ArchiveWriterSegments, LossesAreWrittenInTheirPlace)
{
    settings.segmentBytes = 1 << 20;
    auto recorder = start();
    recorder->record(0, 2);
    LossRecord loss;
    loss.first = 2;
    loss.last = 4;
    loss.count = 3;
    loss.setReason("starved");
    loss.setElement("camera");
    recorder->writer().note(loss);
    recorder->record(5, 2);
    ASSERT_TRUE(recorder->writer().drain(monotonicNowNs() + 20'000'000'000));
    const auto recording = Recording::open(scratch.at("rec"));
    ASSERT_TRUE(recording);
    auto losses = recording->losses(); // durable with the frames, not only at the end
    ASSERT_TRUE(losses) << losses.error().message;
    ASSERT_EQ(losses->size(), 1u);
    EXPECT_EQ((*losses)[0], loss);
    recorder->writer().note(loss); // no frame behind it
    recorder->close();
    losses = Recording::open(scratch.at("rec"))->losses();
    ASSERT_TRUE(losses);
    EXPECT_EQ(losses->size(), 2u);
}

TEST_F(ArchiveWriterSegments, FramesCountWithoutAFurtherOneComing)
{
    settings.segmentBytes = 1 << 20;
    auto recorder = start();
    recorder->record(0, 7);
    const std::int64_t deadline = monotonicNowNs() + 20'000'000'000;
    while (recorder->writer().stats().archived < 7 && monotonicNowNs() < deadline)
        std::this_thread::yield();
    EXPECT_EQ(recorder->writer().stats().archived, 7u);
    EXPECT_EQ(checkedFrames(scratch.at("rec")), 7u); // still recording
}

} // namespace
