// SPDX-License-Identifier: LGPL-2.1-or-later
// What a repair must not write to: files that are not the recording's.
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "archive_builder.h"
#include "dmaslab/archive/recovery.h"

namespace dmaslab {

namespace {

namespace fs = std::filesystem;
using test::RecordingBuilder;
using Kind = RecordingBuilder::Kind;

class ArchiveRepairOf : public testing::TestWithParam<const char *>
{
protected:
    /** A closed segment, an open one, one that is prepared and not listed, and a ledger. */
    ArchiveRepairOf()
    {
        builder.state = "recording";
        builder.add(0, 4);
        builder.add(5, 16).closed = false;
        builder.losses.resize(3);
        test::BuiltSegment &prepared = builder.add(17, 16);
        prepared.closed = false;
        prepared.spareBlocks = 10;
        builder.write();
        builder.segments.pop_back();
        builder.writeManifest();
    }

    [[nodiscard]] std::string file() const { return builder.path() + "/" + GetParam(); }
    [[nodiscard]] std::string outside(const std::string &name) const { return elsewhere.path() + "/" + name; }
    void put(const std::string &path, const std::string &bytes) const
    {
        std::ofstream out(path, std::ios::binary | std::ios::trunc);
        ASSERT_TRUE(out << bytes << std::flush);
    }
    static std::string content(const std::string &path)
    {
        std::ifstream in(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }
    void expectRefusal(const std::string &words) const
    {
        for (const bool dryRun : {true, false}) {
            const auto report = recoverRecording(builder.path(), dryRun);
            ASSERT_FALSE(report) << dryRun;
            EXPECT_NE(report.error().message.find(words), std::string::npos) << report.error().message;
            EXPECT_NE(report.error().message.find(file()), std::string::npos) << report.error().message;
        }
        EXPECT_EQ(Recording::open(builder.path())->manifest().state, RecordingState::Recording);
    }

    RecordingBuilder builder{Kind::Plain};
    test::TempDir elsewhere;
};

TEST_P(ArchiveRepairOf, FollowsNoSymbolicLink)
{
    const std::string victim = outside("victim");
    fs::copy_file(file(), victim); // even one that could be the recording's
    fs::resize_file(victim, 100'000);
    const std::string before = content(victim);
    fs::remove(file());
    fs::create_symlink(victim, file());
    expectRefusal("symbolic link");
    EXPECT_EQ(content(victim), before);
}

TEST_P(ArchiveRepairOf, ChangesNoFileThatHasASecondName)
{
    const std::string victim = outside("victim");
    fs::rename(file(), victim);
    fs::resize_file(victim, 100'000);
    const std::string before = content(victim);
    fs::create_hard_link(victim, file());
    expectRefusal("hard links");
    EXPECT_EQ(content(victim), before);
}

TEST_P(ArchiveRepairOf, WaitsForNoFifo)
{
    fs::remove(file());
    ASSERT_EQ(mkfifo(file().c_str(), 0600), 0);
    expectRefusal("is no file");
    fs::remove(file());
    fs::create_directory(file());
    const auto report = recoverRecording(builder.path(), false);
    EXPECT_FALSE(report);
}

INSTANTIATE_TEST_SUITE_P(Files, ArchiveRepairOf,
                         testing::Values("frames-000001.npy", "index-000001.npy", "frames-000002.npy",
                                         "index-000002.npy", "losses.npy"));

class ArchiveRepairOfListed : public ArchiveRepairOf
{
};

TEST_P(ArchiveRepairOfListed, LeavesAFileThatIsNoneOfARecording)
{
    for (const std::string &foreign : {std::string("a letter\n"), std::string(100'000, 'x'),
                                       RecordingBuilder::header("'<f8'", 3, "") + std::string(80'000, 'y')}) {
        put(file(), foreign);
        expectRefusal("does not begin as a file of a recording does");
        EXPECT_EQ(content(file()), foreign);
    }
}

INSTANTIATE_TEST_SUITE_P(Files, ArchiveRepairOfListed,
                         testing::Values("frames-000001.npy", "index-000001.npy", "losses.npy"));

class ArchiveRepairOfHashed : public ArchiveRepairOf
{
};

TEST_P(ArchiveRepairOfHashed, TakesALostHeaderWhereAHashShowsWhoseFileItIs)
{
    builder.patch(GetParam(), 0, std::string(4096, 'x'));
    const auto report = recoverRecording(builder.path());
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->frames, 17u);
}

TEST_P(ArchiveRepairOfHashed, WithoutHashesNothingShowsIt)
{
    builder.hashed = false;
    for (test::BuiltSegment &segment : builder.segments) {
        for (test::BuiltFrame &frame : segment.frames)
            frame.flags = kFrameUnhashed;
    }
    builder.write();
    builder.patch(GetParam(), 0, std::string(4096, 'x'));
    expectRefusal("does not begin as a file of a recording does");
}

INSTANTIATE_TEST_SUITE_P(Files, ArchiveRepairOfHashed,
                         testing::Values("frames-000001.npy", "index-000001.npy"));

TEST(ArchiveRepair, WritesTheManifestThroughNoOtherName)
{
    RecordingBuilder builder(Kind::Plain);
    builder.state = "recording";
    builder.add(0, 4).closed = false;
    builder.write();
    const test::TempDir elsewhere;
    const std::string victim = elsewhere.path() + "/victim";
    std::ofstream(victim) << "precious";
    fs::create_hard_link(victim, builder.path() + "/manifest.json.new");
    const auto report = recoverRecording(builder.path());
    EXPECT_TRUE(report) << report.error().message;
    EXPECT_EQ(fs::file_size(victim), 8u);
}

} // namespace

} // namespace dmaslab
