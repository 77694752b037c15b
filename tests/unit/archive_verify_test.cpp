// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "dmaslab/archive/recovery.h"

#include "archive_builder.h"

namespace dmaslab {

namespace {

using test::BuiltSegment;
using test::RecordingBuilder;
using Kind = RecordingBuilder::Kind;

VerifyReport verified(const RecordingBuilder &builder)
{
    const auto recording = Recording::open(builder.path());
    if (!recording)
        throw std::runtime_error(recording.error().message);
    auto report = verifyRecording(*recording);
    if (!report)
        throw std::runtime_error(report.error().message);
    return std::move(*report);
}

std::string faultsOf(const VerifyReport &report)
{
    std::string text;
    for (const VerifyFault &fault : report.faults)
        text += std::to_string(fault.segment) + "/" + std::to_string(fault.frame) + "/" +
                std::to_string(fault.sequence) + ":" + toString(fault.fault) + " ";
    return text;
}

class ArchiveVerifyOf : public testing::TestWithParam<Kind>
{
};

TEST_P(ArchiveVerifyOf, FindsNothingWhereNothingIsWrong)
{
    RecordingBuilder builder(GetParam());
    builder.add(0, 99);
    builder.add(1, 0);
    builder.add(100, 149);
    builder.write();
    const VerifyReport report = verified(builder);
    EXPECT_TRUE(report.ok()) << faultsOf(report) << testing::PrintToString(report.problems);
    EXPECT_EQ(report.frames, 150u);
    EXPECT_EQ(report.verified, 150u);
}

TEST_P(ArchiveVerifyOf, NamesEveryChangedByteOfAFrameAndNoneOfThePad)
{
    RecordingBuilder builder(GetParam());
    builder.add(0, 20);
    builder.add(30, 40).frames[3].flags = 32;
    builder.losses.resize(1);
    builder.losses[0].first = 21;
    builder.losses[0].last = 29;
    builder.losses[0].count = 9;
    builder.write();
    const IndexRecord entry = builder.entryOf("index-000001.npy", 5);
    const std::uint64_t begin = 4096 + 4096ull * entry.block;
    for (const std::uint64_t offset : {begin, begin + entry.length - 1}) {
        const std::string before = builder.content("frames-000001.npy").substr(offset, 1);
        builder.patch("frames-000001.npy", offset, std::string(1, char(before[0] ^ 1)));
        const VerifyReport report = verified(builder);
        EXPECT_EQ(faultsOf(report), "1/26/35:wrong-hash ");
        EXPECT_EQ(report.verified, 30u);
        EXPECT_EQ(report.unhashed, 1u);
        EXPECT_FALSE(report.ok());
        builder.patch("frames-000001.npy", offset, before);
    }
    if (entry.length % 4096 != 0)
        builder.patch("frames-000001.npy", begin + entry.length, "\x11");
    EXPECT_TRUE(verified(builder).ok());
}

TEST_P(ArchiveVerifyOf, NamesEntriesThatCannotBe)
{
    RecordingBuilder builder(GetParam());
    builder.add(0, 9);
    builder.write();
    IndexRecord entry = builder.entryOf("index-000000.npy", 4);
    entry.block += 1;
    builder.patchEntry("index-000000.npy", 4, entry);
    entry = builder.entryOf("index-000000.npy", 6);
    entry.length = 0xfffffff0;
    builder.patchEntry("index-000000.npy", 6, entry);
    const VerifyReport report = verified(builder);
    const std::string faults = faultsOf(report);
    EXPECT_NE(faults.find("0/4/4:"), faults.npos) << faults;
    EXPECT_NE(faults.find("0/6/6:index "), faults.npos) << faults;
    EXPECT_EQ(faults.find("0/7/7"), faults.npos) << faults;
    EXPECT_GE(report.verified, 7u);
}

INSTANTIATE_TEST_SUITE_P(Layouts, ArchiveVerifyOf,
                         testing::Values(Kind::Plain, Kind::Rows, Kind::Record, Kind::Blob));

TEST(ArchiveVerify, NamesFramesOfABlobThatShareTheirPlace)
{
    RecordingBuilder builder(Kind::Blob);
    builder.add(0, 9);
    builder.write();
    IndexRecord entry = builder.entryOf("index-000000.npy", 4);
    const IndexRecord before = builder.entryOf("index-000000.npy", 3);
    entry.block = before.block;
    entry.length = before.length;
    entry.hash = before.hash;
    builder.patchEntry("index-000000.npy", 4, entry);
    EXPECT_EQ(faultsOf(verified(builder)), "0/4/4:index ");
}

TEST(ArchiveVerify, NamesBadFramesAndNumbersThatDoNotGrow)
{
    RecordingBuilder builder(Kind::Plain);
    builder.add(0, 9).frames[3].flags = 1;
    builder.add(10, 19).frames[4].sequence = 13;
    builder.add(15, 20);
    builder.write();
    EXPECT_EQ(faultsOf(verified(builder)), "0/3/3:bad 1/14/13:index 2/20/15:index ");
}

TEST(ArchiveVerify, CountsNumbersThatNothingExplains)
{
    RecordingBuilder builder(Kind::Plain);
    builder.everyNth = 5;
    builder.nthPhase = 2;
    builder.add(2, 22, 5);
    builder.add(42, 62, 20); // without 27 32 37, 47 52 57
    builder.losses.resize(2);
    builder.losses[0].first = 23;
    builder.losses[0].last = 33;
    builder.losses[0].count = 11;
    builder.losses[1].first = 40;
    builder.losses[1].last = 52;
    builder.losses[1].count = 13;
    builder.losses[1].kind = LossKind::Skip;
    builder.write();
    VerifyReport report = verified(builder);
    EXPECT_EQ(report.missing, 2u);
    EXPECT_EQ(report.gaps, (std::vector<MissingFrames>{{34, 39, 1}, {53, 61, 1}}));
    EXPECT_TRUE(report.faults.empty());
    EXPECT_FALSE(report.ok());
    builder.losses[0].last = 39;
    builder.losses[0].count = 17;
    builder.losses[1].last = 60;
    builder.losses[1].count = 21;
    builder.write();
    report = verified(builder);
    EXPECT_TRUE(report.ok()) << faultsOf(report) << testing::PrintToString(report.problems);
}

TEST(ArchiveVerify, NamesCountsThatDisagree)
{
    RecordingBuilder builder(Kind::Record);
    builder.add(0, 9);
    builder.add(10, 19);
    builder.add(20, 29);
    builder.add(30, 39);
    builder.losses.resize(2);
    builder.write();
    std::string manifest = builder.content("manifest.json");
    const auto replace = [&](const std::string &what, const std::string &with) {
        ASSERT_NE(manifest.find(what), manifest.npos) << what;
        manifest.replace(manifest.find(what), what.size(), with);
    };
    replace("\"bad\":0", "\"bad\":7");
    replace("\"last_sequence\":19", "\"last_sequence\":18");
    replace("\"losses\":2", "\"losses\":1");
    std::ofstream(builder.path() + "/manifest.json") << manifest;
    builder.patch("frames-000002.npy", 0, builder.framesHeader(11));
    std::filesystem::resize_file(builder.path() + "/frames-000003.npy", 50 * 4096);
    const VerifyReport report = verified(builder);
    ASSERT_EQ(report.problems.size(), 5u) << testing::PrintToString(report.problems);
    EXPECT_NE(report.problems[0].find("losses.npy: has 2 entries, and manifest.json says 1"),
              std::string::npos);
    EXPECT_NE(report.problems[1].find("000000.npy: frames marked as bad: 0"), std::string::npos);
    EXPECT_NE(report.problems[2].find("000001.npy: its last sequence is 19"), std::string::npos);
    EXPECT_NE(report.problems[3].find("000002.npy: its header counts 11"), std::string::npos);
    EXPECT_NE(report.problems[4].find("000003.npy: its size is 204800"), std::string::npos);
    EXPECT_EQ(report.verified, 40u);
}

TEST(ArchiveVerify, OfACrashedRecordingIsAboutWhatIsCounted)
{
    RecordingBuilder builder(Kind::Plain);
    builder.state = "recording";
    BuiltSegment &segment = builder.add(0, 9);
    segment.closed = false;
    segment.framesCount = 6;
    segment.indexCount = 8;
    segment.spareBlocks = 100;
    builder.write();
    VerifyReport report = verified(builder);
    EXPECT_TRUE(report.ok()) << faultsOf(report) << testing::PrintToString(report.problems);
    EXPECT_EQ(report.verified, 6u);
    builder.state = "closed";
    builder.write();
    report = verified(builder);
    ASSERT_EQ(report.problems.size(), 1u) << testing::PrintToString(report.problems);
}

TEST(ArchiveVerify, TellsHowFarItIsAndStopsWhenToldSo)
{
    RecordingBuilder builder(Kind::Plain);
    builder.add(0, 2999); // 12 MB: several reads
    builder.write();
    const auto recording = Recording::open(builder.path());
    ASSERT_TRUE(recording);
    std::vector<std::uint64_t> told;
    auto report = verifyRecording(*recording, [&](std::uint64_t done, std::uint64_t total) {
        EXPECT_EQ(total, 3000u);
        told.push_back(done);
        return true;
    });
    ASSERT_TRUE(report);
    EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
    EXPECT_GT(told.size(), 1u);
    EXPECT_EQ(told.back(), 3000u);
    report = verifyRecording(*recording, [](std::uint64_t, std::uint64_t) { return false; });
    EXPECT_LT(report->frames, 3000u);
    EXPECT_TRUE(report->ok());
}

} // namespace

} // namespace dmaslab
