// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/recovery.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include "archive_builder.h"

namespace dmaslab {

namespace {

using test::BuiltSegment;
using test::RecordingBuilder;
using Kind = RecordingBuilder::Kind;

RecoveryReport recovered(const RecordingBuilder &builder, bool dryRun = false)
{
    auto report = recoverRecording(builder.path(), dryRun);
    if (!report)
        throw std::runtime_error(report.error().message);
    return std::move(*report);
}

/** Everything that may be asked of a recording after it was repaired. */
void expectWhole(const RecordingBuilder &builder, std::uint64_t frames)
{
    const auto recording = Recording::open(builder.path());
    ASSERT_TRUE(recording) << recording.error().message;
    EXPECT_EQ(recording->manifest().state, RecordingState::Recovered);
    EXPECT_EQ(recording->frames(), frames);
    const auto report = verifyRecording(*recording);
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->faults.empty());
    EXPECT_TRUE(report->problems.empty()) << testing::PrintToString(report->problems);
    for (const Recording::Segment &segment : recording->segments()) {
        EXPECT_TRUE(segment.headersAgree) << segment.framesPath;
        EXPECT_EQ(std::filesystem::file_size(segment.framesPath), 4096 + segment.dataBytes);
        EXPECT_EQ(std::filesystem::file_size(segment.indexPath), 4096 + 64 * segment.frames);
    }
}

/** But for when it was repaired. */
std::map<std::string, std::string> settled(const RecordingBuilder &builder)
{
    auto files = builder.snapshot();
    std::string &manifest = files["manifest.json"];
    if (const std::size_t at = manifest.find("\"closed\": \""); at != manifest.npos)
        manifest.erase(at, 44);
    return files;
}

class ArchiveRecoveryOf : public testing::TestWithParam<Kind>
{
protected:
    /** Frames 0 to 4 in a closed segment, 5 to 16 in an open one, of which the headers count 4 and 6. */
    ArchiveRecoveryOf()
    {
        builder.state = "recording";
        builder.add(0, 4);
        open = &builder.add(5, 16);
        open->closed = false;
        open->framesCount = 4;
        open->indexCount = 6;
        open->spareBlocks = 100;
    }

    RecordingBuilder builder{GetParam()};
    BuiltSegment *open = nullptr;
};

TEST_P(ArchiveRecoveryOf, TakesInWhatIsWhole)
{
    builder.write();
    const RecoveryReport report = recovered(builder);
    EXPECT_FALSE(report.wasClosed);
    EXPECT_EQ(report.frames, 17u);
    EXPECT_EQ(report.regained, 8u);
    expectWhole(builder, 17);
    const auto manifest = Recording::open(builder.path())->manifest();
    EXPECT_EQ(manifest.segments[1].firstSequence, 5u);
    EXPECT_EQ(manifest.segments[1].lastSequence, 16u);
    EXPECT_TRUE(manifest.segments[1].closed);
    EXPECT_FALSE(manifest.closed.empty());
}

TEST_P(ArchiveRecoveryOf, EndsAtTheFirstFrameThatIsNotWhole)
{
    builder.write();
    const IndexRecord entry = builder.entryOf("index-000001.npy", 7);
    builder.patch("frames-000001.npy", 4096 + 4096ull * entry.block, "torn");
    EXPECT_EQ(recovered(builder).regained, 3u);
    expectWhole(builder, 12);
}

TEST_P(ArchiveRecoveryOf, EndsAtAnEntryThatIsNot)
{
    for (const int what : {0, 1, 2, 3, 4, 5}) {
        builder.write();
        IndexRecord entry = builder.entryOf("index-000001.npy", 7);
        if (what == 0)
            entry.flags = 1;
        else if (what == 1)
            entry.flags = 32;
        else if (what == 2)
            entry.sequence = 11;
        else if (what == 3)
            entry.block = 0xfffffff0;
        else if (what == 4)
            entry.length += 1;
        else
            entry = {};
        builder.patchEntry("index-000001.npy", 7, entry);
        EXPECT_EQ(recovered(builder).regained, 3u) << what;
        expectWhole(builder, 12);
    }
}

TEST_P(ArchiveRecoveryOf, LeavesWhatARecycledSegmentHeldBefore)
{
    // Its first frame would have a hash that is right; it was recorded before the segment in front of it.
    builder.segments[0].frames[4].sequence = 100;
    open->framesCount = 0;
    open->indexCount = 0;
    builder.write();
    EXPECT_EQ(recovered(builder).regained, 0u);
    expectWhole(builder, 5);
}

TEST_P(ArchiveRecoveryOf, NeedsOneHeaderOfTwo)
{
    for (const std::string lost : {"frames", "index"}) {
        open->framesCount = 4;
        open->indexCount = 4;
        builder.write();
        builder.patch(lost + "-000001.npy", 0, std::string(512, '\0'));
        EXPECT_EQ(recovered(builder).regained, 8u) << lost;
        expectWhole(builder, 17);
    }
}

TEST_P(ArchiveRecoveryOf, KeepsWhatItCannotTellApart)
{
    open->frames.resize(6);
    builder.write();
    builder.patch("frames-000001.npy", 0, std::string(512, '\0'));
    builder.patch("index-000001.npy", 0, std::string(512, '\0'));
    const std::uintmax_t bytes = std::filesystem::file_size(builder.path() + "/frames-000001.npy");
    const RecoveryReport report = recovered(builder);
    EXPECT_EQ(report.regained, 6u);
    EXPECT_EQ(std::filesystem::file_size(builder.path() + "/frames-000001.npy"), bytes);
    const auto checked = verifyRecording(*Recording::open(builder.path()));
    EXPECT_TRUE(checked->ok()) << testing::PrintToString(checked->problems);
    EXPECT_EQ(checked->verified, 11u);
}

TEST_P(ArchiveRecoveryOf, WithoutHashesOnlyHeadersCount)
{
    builder.hashed = false;
    for (const std::uint16_t flags : {std::uint16_t{0}, std::uint16_t{32}}) {
        for (BuiltSegment &segment : builder.segments) {
            for (test::BuiltFrame &frame : segment.frames)
                frame.flags = flags;
        }
        builder.write();
        EXPECT_EQ(recovered(builder).regained, 0u);
        expectWhole(builder, 9);
    }
}

TEST_P(ArchiveRecoveryOf, BelievesNoIndexThatIsAllLost)
{
    builder.write();
    builder.patch("index-000001.npy", 0, std::string(4096 + 64 * 112, '\0'));
    EXPECT_EQ(recovered(builder).frames, 5u);
    expectWhole(builder, 5);
}

TEST_P(ArchiveRecoveryOf, ADryRunTellsTheSameAndChangesNothing)
{
    builder.losses.resize(3);
    builder.write();
    const auto before = builder.snapshot();
    const RecoveryReport dry = recovered(builder, true);
    EXPECT_EQ(builder.snapshot(), before);
    const RecoveryReport real = recovered(builder);
    EXPECT_EQ(dry.actions, real.actions);
    EXPECT_EQ(dry.frames, real.frames);
    EXPECT_EQ(dry.regained, real.regained);
    EXPECT_GE(real.actions.size(), 5u);
}

TEST_P(ArchiveRecoveryOf, OnceMoreAfterItWasKilledGivesTheSame)
{
    builder.write();
    ASSERT_EQ(recovered(builder).regained, 8u);
    const auto whole = settled(builder);
    const std::string index = whole.at("index-000001.npy").substr(0, 4096);
    const std::string frames = whole.at("frames-000001.npy").substr(0, 4096);
    for (int steps = 0; steps <= 4; ++steps) {
        builder.write();
        if (steps > 0)
            builder.patch("index-000001.npy", 0, index);
        if (steps > 1)
            builder.patch("frames-000001.npy", 0, frames);
        if (steps > 2)
            std::filesystem::resize_file(builder.path() + "/index-000001.npy",
                                         whole.at("index-000001.npy").size());
        if (steps > 3)
            std::filesystem::resize_file(builder.path() + "/frames-000001.npy",
                                         whole.at("frames-000001.npy").size());
        (void)recovered(builder);
        EXPECT_EQ(settled(builder), whole) << "killed after step " << steps;
    }
    const auto again = builder.snapshot();
    const RecoveryReport report = recovered(builder);
    EXPECT_TRUE(report.wasClosed);
    EXPECT_EQ(report.frames, 17u);
    EXPECT_TRUE(report.actions.empty());
    EXPECT_EQ(builder.snapshot(), again);
}

TEST_P(ArchiveRecoveryOf, LowersACountThatTheFileCannotHold)
{
    builder.hashed = false;
    open->framesCount = 12;
    open->indexCount = 12;
    builder.write();
    std::filesystem::resize_file(builder.path() + "/index-000001.npy", 4096 + 64 * 7 + 20);
    EXPECT_EQ(recovered(builder).frames, 12u);
    expectWhole(builder, 12);
}

INSTANTIATE_TEST_SUITE_P(Layouts, ArchiveRecoveryOf,
                         testing::Values(Kind::Plain, Kind::Rows, Kind::Record, Kind::Blob));

TEST(ArchiveRecovery, CutsPreparedSegmentsToTheirHeaders)
{
    RecordingBuilder builder(Kind::Plain);
    builder.state = "recording";
    builder.add(0, 4);
    for (int i = 0; i < 2; ++i) {
        BuiltSegment &prepared = builder.add(1, 0);
        prepared.closed = false;
        prepared.spareBlocks = 1000;
    }
    builder.write();
    builder.segments.pop_back(); // it was not listed yet
    builder.writeManifest();
    const RecoveryReport report = recovered(builder);
    EXPECT_EQ(report.frames, 5u);
    expectWhole(builder, 5);
    EXPECT_EQ(Recording::open(builder.path())->segments().size(), 2u);
    for (const char *name : {"/frames-000001.npy", "/frames-000002.npy", "/index-000002.npy"})
        EXPECT_EQ(std::filesystem::file_size(builder.path() + name), 4096u) << name;
}

TEST(ArchiveRecovery, ListsNoSegmentWithoutFiles)
{
    RecordingBuilder builder(Kind::Plain);
    builder.state = "recording";
    builder.add(0, 4);
    builder.add(5, 9).closed = false;
    builder.write();
    std::filesystem::remove(builder.path() + "/index-000001.npy");
    EXPECT_EQ(recovered(builder).frames, 5u);
    expectWhole(builder, 5);
    EXPECT_EQ(Recording::open(builder.path())->segments().size(), 1u);
    EXPECT_TRUE(std::filesystem::exists(builder.path() + "/frames-000001.npy"));
}

TEST(ArchiveRecovery, TakesAnEmptyFileForASegmentWithoutFrames)
{
    RecordingBuilder builder(Kind::Plain);
    builder.state = "recording";
    builder.add(0, 4).closed = false;
    builder.add(1, 0).closed = false;
    builder.write();
    std::filesystem::resize_file(builder.path() + "/frames-000001.npy", 0);
    std::filesystem::resize_file(builder.path() + "/index-000001.npy", 100);
    EXPECT_EQ(recovered(builder).frames, 5u);
    expectWhole(builder, 5);
}

TEST(ArchiveRecovery, CompletesTheLedger)
{
    RecordingBuilder builder(Kind::Plain);
    builder.state = "recording";
    builder.add(0, 4).closed = false;
    builder.losses.resize(3);
    builder.write();
    const std::string losses = builder.path() + "/losses.npy";
    std::filesystem::resize_file(losses, 8192);
    (void)recovered(builder);
    EXPECT_EQ(std::filesystem::file_size(losses), 4096u + 3 * 128);
    EXPECT_EQ(Recording::open(builder.path())->manifest().losses, 3u);
    builder.write();
    std::filesystem::resize_file(losses, 4096 + 2 * 128 + 1);
    (void)recovered(builder);
    EXPECT_EQ(Recording::open(builder.path())->losses()->size(), 2u);
    EXPECT_EQ(Recording::open(builder.path())->manifest().losses, 2u);
    expectWhole(builder, 5);
    builder.write();
    builder.patch("losses.npy", 0, "torn");
    (void)recovered(builder);
    EXPECT_EQ(std::filesystem::file_size(losses), 4096u + 3 * 128) << "nothing is cut that cannot be told";
    expectWhole(builder, 5);
}

TEST(ArchiveRecovery, CountsBadFramesToo)
{
    RecordingBuilder builder(Kind::Record);
    builder.state = "recording";
    BuiltSegment &segment = builder.add(0, 9999);
    segment.closed = false;
    segment.frames[0].flags = segment.frames[9000].flags = 1;
    segment.framesCount = segment.indexCount = 9990;
    builder.write();
    EXPECT_EQ(recovered(builder).regained, 10u);
    EXPECT_EQ(Recording::open(builder.path())->manifest().segments[0].bad, 2u);
}

TEST(ArchiveRecovery, KeepsItsHandsOffWhileAWriterLives)
{
    RecordingBuilder builder(Kind::Plain);
    builder.state = "recording";
    builder.add(0, 4).closed = false;
    builder.write();
    const auto before = builder.snapshot();
    UniqueFd writer(open(builder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_EQ(flock(writer.get(), LOCK_EX | LOCK_NB), 0);
    for (const bool dryRun : {true, false}) {
        const auto report = recoverRecording(builder.path(), dryRun);
        ASSERT_FALSE(report);
        EXPECT_NE(report.error().message.find("stop its writer first"), std::string::npos);
    }
    EXPECT_EQ(builder.snapshot(), before);
    writer.reset();
    EXPECT_TRUE(recoverRecording(builder.path() + "/manifest.json"));
}

TEST(ArchiveRecovery, LeavesACloseRecordingAndWhatIsNone)
{
    RecordingBuilder builder(Kind::Plain);
    builder.add(0, 4);
    builder.write();
    const auto before = builder.snapshot();
    EXPECT_TRUE(recovered(builder).wasClosed);
    EXPECT_EQ(recovered(builder).frames, 5u);
    EXPECT_EQ(builder.snapshot(), before);
    std::filesystem::remove(builder.path() + "/manifest.json");
    EXPECT_FALSE(recoverRecording(builder.path()));
    EXPECT_FALSE(recoverRecording(builder.path() + "/nothing"));
}

} // namespace

} // namespace dmaslab
