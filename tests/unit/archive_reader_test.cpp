// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>

#include "archive_builder.h"

namespace dmaslab {

namespace {

using test::BuiltSegment;
using test::RecordingBuilder;
using Kind = RecordingBuilder::Kind;

Recording opened(const RecordingBuilder &builder)
{
    auto recording = Recording::open(builder.path());
    if (!recording)
        throw std::runtime_error(recording.error().message);
    return std::move(*recording);
}

std::string frameOf(const Recording &recording, std::uint64_t number)
{
    const auto place = recording.place(number);
    if (!place)
        return place.error().message;
    std::string bytes(place->index.length, '\0');
    const auto read = recording.readFrame(*place, std::as_writable_bytes(std::span(bytes)));
    return read ? bytes : read.error().message;
}

class ArchiveReaderOf : public testing::TestWithParam<Kind>
{
};

TEST_P(ArchiveReaderOf, GivesEveryFrameThroughAllSegments)
{
    RecordingBuilder builder(GetParam());
    builder.add(3, 9);
    builder.add(1, 0); // none
    builder.add(20, 30, 5);
    builder.add(1, 0);
    builder.write();
    const Recording recording = opened(builder);
    ASSERT_EQ(recording.frames(), 10u);
    ASSERT_EQ(recording.segments().size(), 4u);
    std::uint64_t number = 0;
    for (const BuiltSegment &segment : builder.segments) {
        for (const test::BuiltFrame &frame : segment.frames) {
            EXPECT_EQ(recording.place(number)->index.sequence, frame.sequence);
            EXPECT_EQ(frameOf(recording, number), builder.bytesOf(frame)) << number;
            ++number;
        }
    }
    for (const Recording::Segment &segment : recording.segments())
        EXPECT_EQ(segment.problem, "");
    EXPECT_NE(frameOf(recording, 10).find("has 10 frames"), std::string::npos);
    EXPECT_FALSE(recording.mayGrow());
}

TEST_P(ArchiveReaderOf, TakesTheSmallerCount)
{
    RecordingBuilder builder(GetParam());
    builder.state = "recording";
    BuiltSegment &first = builder.add(0, 9);
    first.closed = false;
    first.framesCount = 4;
    first.indexCount = 7;
    BuiltSegment &second = builder.add(10, 19);
    second.closed = false;
    second.framesCount = 7;
    second.indexCount = 4;
    second.spareBlocks = 10;
    builder.write();
    const Recording recording = opened(builder);
    EXPECT_EQ(recording.frames(), 8u);
    EXPECT_EQ(recording.segments()[0].problem + recording.segments()[1].problem, "");
    EXPECT_FALSE(recording.segments()[0].headersAgree);
    EXPECT_EQ(frameOf(recording, 3), builder.bytesOf(first.frames[3]));
    EXPECT_EQ(frameOf(recording, 7), builder.bytesOf(builder.segments[1].frames[3]));
}

TEST_P(ArchiveReaderOf, NeverReadsBeyondAFile)
{
    RecordingBuilder builder(GetParam());
    builder.add(0, 9);
    builder.write();
    std::filesystem::resize_file(builder.path() + "/frames-000000.npy", 4096 + 2 * 4096 + 10);
    Recording recording = opened(builder);
    EXPECT_LT(recording.frames(), 3u);
    EXPECT_NE(recording.segments()[0].problem.find("frames-000000.npy"), std::string::npos);
    builder.write();
    std::filesystem::resize_file(builder.path() + "/index-000000.npy", 4096 + 3 * 64 - 1);
    recording = opened(builder);
    EXPECT_EQ(recording.frames(), 2u);
    EXPECT_NE(recording.segments()[0].problem.find("index-000000.npy"), std::string::npos);
}

TEST_P(ArchiveReaderOf, RefusesAnEntryThatPointsElsewhere)
{
    RecordingBuilder builder(GetParam());
    builder.add(0, 9);
    builder.write();
    IndexRecord entry = builder.entryOf("index-000000.npy", 4);
    entry.block = 0xffffffff;
    builder.patchEntry("index-000000.npy", 4, entry);
    entry = builder.entryOf("index-000000.npy", 5);
    entry.length = 0xffffffff;
    builder.patchEntry("index-000000.npy", 5, entry);
    const Recording recording = opened(builder);
    EXPECT_EQ(recording.frames(), 10u);
    EXPECT_NE(frameOf(recording, 4).find("index-000000.npy: entry 4 is wrong"), std::string::npos);
    EXPECT_NE(frameOf(recording, 5).find("index-000000.npy: entry 5 is wrong"), std::string::npos);
    EXPECT_EQ(frameOf(recording, 6), builder.bytesOf(builder.segments[0].frames[6]));
}

INSTANTIATE_TEST_SUITE_P(Layouts, ArchiveReaderOf,
                         testing::Values(Kind::Plain, Kind::Rows, Kind::Record, Kind::Blob));

TEST(ArchiveReader, OpensByTheManifestTooAndNothingElse)
{
    RecordingBuilder builder(Kind::Plain);
    builder.add(0, 1);
    builder.write();
    for (const char *suffix : {"", "/", "//", "/manifest.json"})
        EXPECT_EQ(Recording::open(builder.path() + suffix)->path(), builder.path());
    for (const char *suffix : {"/frames-000000.npy", "/nothing", "/manifest.json/"}) {
        const auto refused = Recording::open(builder.path() + suffix);
        ASSERT_FALSE(refused) << suffix;
        EXPECT_TRUE(refused.error().message.starts_with(builder.path())) << refused.error().message;
    }
    std::filesystem::remove(builder.path() + "/manifest.json");
    const auto none = Recording::open(builder.path());
    ASSERT_FALSE(none);
    EXPECT_NE(none.error().message.find("no recording"), std::string::npos) << none.error().message;
}

TEST(ArchiveReader, NamesWhatIsWrongWithASegmentAndReadsTheRest)
{
    RecordingBuilder builder(Kind::Plain);
    for (int i = 0; i < 6; ++i)
        builder.add(std::uint64_t(i) * 10, std::uint64_t(i) * 10 + 4);
    builder.write();
    std::filesystem::remove(builder.path() + "/frames-000000.npy");
    builder.patch("frames-000001.npy", 0, "nonsense");
    builder.patch("frames-000002.npy", 0, RecordingBuilder(Kind::Record).framesHeader(5));
    builder.patch("index-000003.npy", 0, builder.framesHeader(5));
    builder.patch("index-000004.npy", 0, RecordingBuilder::indexHeader(3));
    const Recording recording = opened(builder);
    const auto &segments = recording.segments();
    EXPECT_NE(segments[0].problem.find("frames-000000.npy: cannot open"), std::string::npos);
    EXPECT_NE(segments[1].problem.find("frames-000001.npy: no file of a recording"), std::string::npos);
    EXPECT_NE(segments[2].problem.find("frames-000002.npy: its header is that of other"), std::string::npos);
    EXPECT_NE(segments[3].problem.find("index-000003.npy: its header is not"), std::string::npos);
    EXPECT_NE(segments[4].problem.find("different numbers of frames"), std::string::npos);
    EXPECT_EQ(segments[5].problem, "");
    EXPECT_EQ(recording.frames(), 8u);
    EXPECT_EQ(frameOf(recording, 3), builder.bytesOf(builder.segments[5].frames[0]));
}

TEST(ArchiveReader, NamesAClosedSegmentThatTheManifestCountsOtherwise)
{
    RecordingBuilder builder(Kind::Plain);
    builder.add(0, 9);
    builder.writeManifest();
    builder.segments[0].frames.pop_back();
    RecordingBuilder shorter(Kind::Plain);
    shorter.segments = builder.segments;
    shorter.write();
    std::filesystem::copy(builder.path() + "/manifest.json", shorter.path() + "/manifest.json",
                          std::filesystem::copy_options::overwrite_existing);
    const Recording recording = opened(shorter);
    EXPECT_EQ(recording.frames(), 9u);
    EXPECT_NE(recording.segments()[0].problem.find("has 9 frames, and manifest.json says 10"),
              std::string::npos);
}

TEST(ArchiveReader, FindsASequence)
{
    RecordingBuilder builder(Kind::Record);
    builder.add(10, 30, 10);
    builder.add(1, 0);
    builder.add(40, 50, 10);
    builder.write();
    const Recording recording = opened(builder);
    for (const auto &[sequence, frame] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
             {0, 0}, {10, 0}, {11, 1}, {30, 2}, {31, 3}, {40, 3}, {50, 4}, {51, 5}, {~0ull, 5}})
        EXPECT_EQ(*recording.findSequence(sequence), frame) << sequence;
}

TEST(ArchiveReader, FindsATimeInAnyOrderOfThem)
{
    RecordingBuilder builder(Kind::Blob);
    BuiltSegment &first = builder.add(0, 5000);
    for (test::BuiltFrame &frame : first.frames) {
        frame.length = 1;
        frame.pts = std::int64_t(frame.sequence / 4 * 4 + (frame.sequence * 3) % 4) * 100; // groups, mixed
    }
    first.frames[4990].pts = 600'000;
    for (test::BuiltFrame &frame : builder.add(5001, 5004).frames)
        frame.pts = kNoTime;
    builder.add(1, 0);
    std::int64_t pts = 700'000;
    for (test::BuiltFrame &frame : builder.add(5005, 5007).frames)
        frame.pts = pts += 100;
    builder.write();
    const Recording recording = opened(builder);
    std::vector<std::int64_t> all;
    for (const BuiltSegment &segment : builder.segments) {
        for (const test::BuiltFrame &frame : segment.frames)
            all.push_back(frame.pts);
    }
    for (std::int64_t wanted = 0; wanted < 701'000;
         wanted += wanted < 5000 || wanted > 480'000 ? 50 : 17'050) {
        const auto expected = std::find_if(
            all.begin(), all.end(), [&](std::int64_t time) { return time != kNoTime && time >= wanted; });
        ASSERT_EQ(*recording.findPts(wanted), std::uint64_t(expected - all.begin())) << wanted;
    }
}

TEST(ArchiveReader, ReadsTheLedger)
{
    RecordingBuilder builder(Kind::Plain);
    builder.add(0, 1);
    builder.losses.resize(3);
    builder.losses[1].first = 7;
    builder.losses[1].setReason("starved");
    builder.write();
    EXPECT_EQ(*opened(builder).losses(), builder.losses);
    std::filesystem::resize_file(builder.path() + "/losses.npy", 4096 + 128 + 5);
    EXPECT_EQ(opened(builder).losses()->size(), 1u);
    builder.patch("losses.npy", 0, RecordingBuilder::indexHeader(1));
    EXPECT_FALSE(opened(builder).losses());
    std::filesystem::remove(builder.path() + "/losses.npy");
    EXPECT_TRUE(opened(builder).losses()->empty());
}

TEST(ArchiveReader, SeesWhatIsAdded)
{
    RecordingBuilder builder(Kind::Record);
    builder.state = "recording";
    BuiltSegment &segment = builder.add(0, 9);
    segment.closed = false;
    segment.framesCount = 2;
    segment.indexCount = 2;
    builder.write();
    Recording recording = opened(builder);
    const int fd = recording.segments()[0].framesFd.get();
    EXPECT_EQ(recording.frames(), 2u);
    EXPECT_FALSE(*recording.refresh());
    builder.patch("index-000000.npy", 0, RecordingBuilder::indexHeader(6));
    EXPECT_FALSE(*recording.refresh());
    builder.patch("frames-000000.npy", 0, builder.framesHeader(6));
    EXPECT_TRUE(*recording.refresh());
    EXPECT_EQ(recording.frames(), 6u);
    builder.segments[0].closed = true;
    builder.segments[0].framesCount = builder.segments[0].indexCount = 10;
    builder.state = "closed";
    builder.add(10, 12);
    builder.write();
    EXPECT_TRUE(*recording.refresh());
    EXPECT_EQ(recording.frames(), 13u);
    EXPECT_EQ(recording.segments()[0].framesFd.get(), fd) << "the same file";
    EXPECT_EQ(frameOf(recording, 12), builder.bytesOf(builder.segments[1].frames[2]));
}

TEST(ArchiveReader, ForgetsWhatARingGaveUpAndNeverReadsItWrong)
{
    RecordingBuilder builder(Kind::Plain);
    builder.state = "recording";
    builder.add(0, 4);
    builder.add(5, 9);
    builder.segments[1].closed = false;
    builder.write();
    Recording recording = opened(builder);
    const FramePlace place = *recording.place(2);
    ASSERT_TRUE(recording.confirm(place));
    // The oldest segment becomes number 2, step by step.
    BuiltSegment next = builder.segments[0];
    builder.segments.erase(builder.segments.begin());
    builder.segments[0].closed = true;
    builder.writeManifest();
    builder.patch("frames-000000.npy", 0, builder.framesHeader(0));
    EXPECT_FALSE(recording.confirm(place));
    builder.patch("index-000000.npy", 0, RecordingBuilder::indexHeader(0));
    for (const char *stem : {"frames", "index"})
        std::filesystem::rename(builder.path() + "/" + stem + "-000000.npy",
                                builder.path() + "/" + stem + "-000002.npy");
    builder.add(10, 14).closed = false;
    ASSERT_EQ(builder.segments.back().number, 2u);
    builder.write();
    const std::string old = frameOf(recording, 2);
    EXPECT_NE(old.find("given it up"), std::string::npos) << old;
    EXPECT_TRUE(*recording.refresh());
    EXPECT_EQ(recording.frames(), 10u);
    EXPECT_EQ(recording.place(0)->index.sequence, 5u);
    EXPECT_EQ(frameOf(recording, 9), builder.bytesOf(builder.segments[1].frames[4]));
}

TEST(ArchiveReader, KnowsWhetherAWriterLives)
{
    RecordingBuilder builder(Kind::Plain);
    builder.state = "recording";
    builder.add(0, 1).closed = false;
    builder.write();
    Recording recording = opened(builder);
    EXPECT_FALSE(recording.mayGrow());
    UniqueFd writer(::open(builder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_EQ(flock(writer.get(), LOCK_EX | LOCK_NB), 0);
    EXPECT_TRUE(recording.mayGrow());
    EXPECT_TRUE(opened(builder).mayGrow());
    writer.reset();
    EXPECT_FALSE(recording.mayGrow());
}

TEST(ArchiveReader, NeedsFewDescriptorsForManySegments)
{
    RecordingBuilder builder(Kind::Record);
    for (std::uint64_t i = 0; i < 300; ++i)
        builder.add(i, i);
    builder.write();
    rlimit old = {};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
    rlimit few = old;
    few.rlim_cur = 260;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    const auto recording = Recording::open(builder.path());
    few.rlim_cur = 20;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    const auto refused = Recording::open(builder.path());
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
    ASSERT_TRUE(recording) << recording.error().message;
    ASSERT_EQ(recording->frames(), 300u);
    for (std::uint64_t i = 0; i < 300; ++i)
        EXPECT_EQ(frameOf(*recording, i * 7 % 300), builder.bytesOf(builder.segments[i * 7 % 300].frames[0]));
    ASSERT_FALSE(refused) << "too few of them must not look like a recording without frames";
    EXPECT_NE(refused.error().message.find("ulimit -n"), std::string::npos) << refused.error().message;
}

} // namespace

} // namespace dmaslab
