// SPDX-License-Identifier: LGPL-2.1-or-later
// uringarchivesrc: what is no recording, or not all of one, leads to one clear sentence.
#include <cstddef>
#include <filesystem>
#include <fstream>

#include "dmaslab/archive/file_header.h"
#include "replay_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

class ReplayBadInput : public testing::Test
{
protected:
    std::string path() const { return dir_.path() + "/recording"; }
    /** The error on the way to PLAYING or after it. */
    static std::string errorOf(ReplayBench &bench)
    {
        bench.play();
        const MessagePtr error = bench.pop(GST_MESSAGE_ERROR);
        bench.stop();
        return textOf(error.get());
    }
    void expectError(const std::string &location, const std::string &part, const std::string &properties = "")
    {
        ReplayBench bench(location, properties);
        const std::string error = errorOf(bench);
        EXPECT_NE(error.find(part), error.npos) << error;
    }
    TempDir dir_;
};

} // namespace

TEST_F(ReplayBadInput, NoLocation)
{
    expectError("", "Set location=DIRECTORY");
}

TEST_F(ReplayBadInput, NoSuchDirectory)
{
    expectError(dir_.path() + "/missing", "location: " + dir_.path() + "/missing");
}

TEST_F(ReplayBadInput, ADirectoryThatIsNoRecording)
{
    expectError(dir_.path(), "manifest.json");
}

TEST_F(ReplayBadInput, AManifestOfALaterVersion)
{
    makeGrey(path(), 1);
    std::ifstream in(path() + "/manifest.json");
    std::string text((std::istreambuf_iterator<char>(in)), {});
    const std::size_t at = text.find("\"version\": 1");
    ASSERT_NE(at, text.npos);
    text.replace(at, 12, "\"version\": 9");
    std::ofstream(path() + "/manifest.json") << text;
    expectError(path(), "9");
}

TEST_F(ReplayBadInput, CapsThatAreNone)
{
    RecordingBuilder builder(path());
    SeriesFormat format = greyFormat(64, 64);
    format.caps = "video/x-raw, width=[1,2]";
    builder.beginSeries(format);
    builder.add(pixels(kGreyBytes));
    builder.close();
    expectError(path(), "no fixed caps");
}

TEST_F(ReplayBadInput, CapsThatDownstreamDoesNotTake)
{
    makeGrey(path(), 3);
    ReplayBench bench(path(), "", "video/x-raw,format=RGB");
    const std::string error = errorOf(bench);
    EXPECT_NE(error.find("downstream does not take"), error.npos) << error;
    bench.expectConservation();
}

TEST_F(ReplayBadInput, OneSlab)
{
    makeGrey(path(), 3);
    expectError(path(), "slabs=2", "slabs=1");
}

TEST_F(ReplayBadInput, AnEmptyRecordingEndsAtOnceWithAWarning)
{
    {
        RecordingBuilder builder(path());
        builder.close();
    }
    ReplayBench bench(path());
    bench.play();
    bench.waitForLog("eos");
    bench.stop();
    const auto warnings = bench.texts(GST_MESSAGE_WARNING);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("no frames"), std::string::npos) << warnings[0];
    EXPECT_TRUE(bench.texts(GST_MESSAGE_ERROR).empty());
}

TEST_F(ReplayBadInput, ADirectoryRemovedWhileItIsFollowed)
{
    RecordingBuilder builder(path());
    builder.beginSeries(greyFormat(64, 64));
    builder.add(pixels(kGreyBytes));
    builder.commit();
    ReplayBench bench(path(), "follow=true");
    bench.play();
    bench.waitForFrames(1);
    std::filesystem::remove_all(path());
    bench.waitForLog("eos");
    bench.stop();
    const auto errors = bench.texts(GST_MESSAGE_ERROR);
    ASSERT_FALSE(errors.empty());
    EXPECT_NE(errors[0].find(path()), std::string::npos) << errors[0];
    bench.expectConservation();
}

namespace {

/** Of three frames the second says so of itself. */
void makeBlobs(const std::string &path, std::uint32_t length)
{
    RecordingBuilder builder(path);
    builder.beginSeries(blobFormat());
    for (unsigned number = 0; number < 3; ++number)
        builder.add(pixels(5000, number));
    builder.close();
    std::fstream index(path + "/index-000000.npy", std::ios::binary | std::ios::in | std::ios::out);
    index.seekp(4096 + 64 + std::streamoff(offsetof(IndexRecord, length)));
    index.write(reinterpret_cast<const char *>(&length), sizeof length);
}

} // namespace

TEST_F(ReplayBadInput, ALengthThatTheFileDoesNotHaveCostsOneFrame)
{
    makeBlobs(path(), 0xffff'ffff);
    ReplayBench bench(path());
    bench.play();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.story(), (std::vector<std::string>{"b0!", "loss 1-1 corrupt", "b2!", "eos"}));
    bench.stop();
    EXPECT_TRUE(bench.texts(GST_MESSAGE_ERROR).empty());
    bench.expectConservation();
}

TEST_F(ReplayBadInput, ALengthThatNoMemoryHasIsOneClearError)
{
    const std::uint64_t bytes = std::uint64_t{1} << 42; // a hole, which every length fits into
    makeBlobs(path(), 0xffff'f000);
    std::error_code refused;
    std::filesystem::resize_file(path() + "/frames-000000.npy", bytes, refused);
    if (refused)
        GTEST_SKIP() << "no file of " << bytes << " bytes here: " << refused.message();
    HeaderBlock block;
    const std::uint64_t counted = bytes - 4096;
    ASSERT_TRUE(writeHeader(block, "'|u1'", std::span(&counted, 1)));
    std::fstream frames(path() + "/frames-000000.npy", std::ios::binary | std::ios::in | std::ios::out);
    frames.write(reinterpret_cast<const char *>(block.data()), block.size());
    frames.close();
    ReplayBench bench(path(), "slabs=4000");
    const std::string error = errorOf(bench);
    EXPECT_NE(error.find("longest frame takes a slab of 4294963200 bytes"), error.npos) << error;
    EXPECT_NE(error.find("slabs=4000"), error.npos) << error;
}

TEST_F(ReplayBadInput, PlanesThatAreNotThoseOfTheFormatCostTheMetaOnly)
{
    RecordingBuilder builder(path());
    SeriesFormat format = greyFormat(64, 64);
    format.planes.push_back(format.planes[0]);
    builder.beginSeries(format);
    builder.add(pixels(kGreyBytes));
    builder.close();
    ReplayBench bench(path());
    bench.play();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.arrivals().size(), 1u);
}
