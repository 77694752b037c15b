// SPDX-License-Identifier: LGPL-2.1-or-later
// dmaslabsrc backend=files: every kind of file, pixel by pixel, to its end and around it.
#include <algorithm>
#include <filesystem>

#include <gst/video/video.h>

#include "../unit/capture_test_files.h"
#include "source_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

const std::string kAny = "ANY";

std::string npy3d(int frames, int height, int width, const std::string &descr)
{
    const std::size_t bytes = std::size_t(height) * width * (descr.back() - '0');
    std::string file = npyHeader(npyDict(descr, "(" + std::to_string(frames) + ", " + std::to_string(height) +
                                                    ", " + std::to_string(width) + ")"));
    for (int frame = 0; frame < frames; ++frame)
        file += pixels(bytes, unsigned(frame));
    return file;
}

/** The pixels of a buffer, without what its rows are padded with. */
std::string packed(GstBuffer *buffer, std::size_t rowBytes, std::size_t rows)
{
    GstMapInfo map;
    EXPECT_TRUE(gst_buffer_map(buffer, &map, GST_MAP_READ));
    const GstVideoMeta *meta = gst_buffer_get_video_meta(buffer);
    const std::size_t stride = meta ? std::size_t(meta->stride[0]) : rowBytes;
    std::string out;
    for (std::size_t row = 0; row < rows; ++row)
        out.append(reinterpret_cast<const char *>(map.data) + row * stride, rowBytes);
    gst_buffer_unmap(buffer, &map);
    return out;
}

struct Played
{
    std::vector<std::string> frames;
    std::string caps;
    std::vector<std::string> errors;
};

Played play(const std::string &location, std::size_t rowBytes, std::size_t rows,
            const std::string &caps = kAny, const std::string &more = "")
{
    Played played;
    SourceBench bench("pacing=off slabs=4 location=\"" + location + "\" " + more, caps);
    bench.onBuffer = [&](GstBuffer *buffer) { played.frames.push_back(packed(buffer, rowBytes, rows)); };
    bench.play();
    bench.waitForLog("eos");
    if (const CapsPtr current{gst_pad_get_current_caps(bench.pad())})
        played.caps = CharPtr(gst_caps_to_string(current.get())).get();
    bench.stop();
    played.errors = bench.texts(GST_MESSAGE_ERROR);
    bench.expectConservation();
    return played;
}

} // namespace

TEST(DmaSlabSrcFiles, ATwoDimensionalFileIsOneFrame)
{
    const TempDir dir;
    const auto played = play(dir.write("one.npy", npy2d(6, 8, 3)), 16, 6);
    ASSERT_EQ(played.frames.size(), 1u);
    EXPECT_EQ(played.frames[0], pixels(96, 3));
    EXPECT_NE(played.caps.find("GRAY16_LE"), std::string::npos) << played.caps;
}

TEST(DmaSlabSrcFiles, AThreeDimensionalFileIsMany)
{
    const TempDir dir;
    const auto played = play(dir.write("many.npy", npy3d(5, 6, 8, "|u1")), 8, 6);
    ASSERT_EQ(played.frames.size(), 5u);
    for (unsigned i = 0; i < 5; ++i)
        EXPECT_EQ(played.frames[i], pixels(48, i));
    EXPECT_NE(played.caps.find("GRAY8"), std::string::npos) << played.caps;
}

TEST(DmaSlabSrcFiles, ADirectoryIsReadInNameOrder)
{
    const TempDir dir;
    for (const unsigned i : {2u, 0u, 1u, 3u})
        (void)dir.write("frame" + std::to_string(i) + ".npy", npy2d(6, 8, i));
    const auto played = play(dir.path(), 16, 6);
    ASSERT_EQ(played.frames.size(), 4u);
    for (unsigned i = 0; i < 4; ++i)
        EXPECT_EQ(played.frames[i], pixels(96, i));
}

TEST(DmaSlabSrcFiles, ARawFileIsWhatTheCapsSay)
{
    const TempDir dir;
    const auto played = play(dir.write("frames.raw", pixels(96, 0) + pixels(96, 1) + pixels(96, 2)), 16, 6,
                             "video/x-raw,format=GRAY16_LE,width=8,height=6,framerate=30/1");
    ASSERT_EQ(played.frames.size(), 3u);
    EXPECT_EQ(played.frames[2], pixels(96, 2));
}

TEST(DmaSlabSrcFiles, SignedCameraFilesAreGray)
{
    const TempDir dir;
    const auto played = play(dir.write("signed.npy", npy2d(6, 8, 1, "<i2")), 16, 6);
    ASSERT_EQ(played.frames.size(), 1u);
    EXPECT_EQ(played.frames[0], pixels(96, 1));
    EXPECT_NE(played.caps.find("GRAY16_LE"), std::string::npos) << played.caps;
}

TEST(DmaSlabSrcFiles, BigEndianFilesStayBigEndian)
{
    const TempDir dir;
    const auto played = play(dir.write("big.npy", npy2d(6, 8, 1, ">u2")), 16, 6);
    ASSERT_EQ(played.frames.size(), 1u);
    EXPECT_EQ(played.frames[0], pixels(96, 1));
    EXPECT_NE(played.caps.find("GRAY16_BE"), std::string::npos) << played.caps;
}

TEST(DmaSlabSrcFiles, FloatsAreAnArray)
{
    const TempDir dir;
    const auto played = play(dir.write("float.npy", npy2d(6, 8, 1, "<f4")), 32, 6);
    ASSERT_EQ(played.frames.size(), 1u);
    EXPECT_EQ(played.frames[0], pixels(192, 1));
    EXPECT_NE(played.caps.find("application/x-ndarray"), std::string::npos) << played.caps;
    EXPECT_NE(played.caps.find("<f4"), std::string::npos) << played.caps;
    EXPECT_NE(played.caps.find("6\\,8"), std::string::npos) << played.caps;
}

TEST(DmaSlabSrcFiles, RowsOfAnOddWidthArePaddedWithZeros)
{
    const TempDir dir;
    const std::string file = dir.write("odd.npy", npy3d(3, 5, 7, "|u1"));
    SourceBench bench("pacing=off slabs=2 location=\"" + file + "\"", kAny);
    unsigned frame = 0;
    bench.onBuffer = [&](GstBuffer *buffer) {
        EXPECT_EQ(gst_buffer_get_size(buffer), 8u * 5);
        EXPECT_EQ(packed(buffer, 7, 5), pixels(35, frame));
        GstMapInfo map;
        ASSERT_TRUE(gst_buffer_map(buffer, &map, GST_MAP_READ));
        for (std::size_t row = 0; row < 5; ++row)
            EXPECT_EQ(map.data[row * 8 + 7], 0);
        gst_buffer_unmap(buffer, &map);
        ++frame;
    };
    bench.play();
    bench.waitForLog("eos");
    EXPECT_EQ(frame, 3u);
}

TEST(DmaSlabSrcFiles, TheCapsMayNameTheSamplesOtherwise)
{
    const TempDir dir;
    const auto played = play(dir.write("bayer.npy", npy2d(6, 8, 1, "|u1")), 8, 6,
                             "video/x-bayer,format=rggb,width=8,height=6,framerate=30/1");
    ASSERT_EQ(played.frames.size(), 1u);
    EXPECT_EQ(played.frames[0], pixels(48, 1));
}

TEST(DmaSlabSrcFiles, LoopWrapsAroundAndCountsOn)
{
    const TempDir dir;
    const std::string file = dir.write("many.npy", npy3d(3, 6, 8, "|u1"));
    SourceBench bench("pacing=off slabs=4 loop=true num-buffers=10 location=\"" + file + "\"", kAny);
    std::vector<std::string> frames;
    bench.onBuffer = [&](GstBuffer *buffer) { frames.push_back(packed(buffer, 8, 6)); };
    bench.play();
    bench.waitForLog("eos");
    ASSERT_EQ(frames.size(), 10u);
    const auto arrivals = bench.arrivals();
    for (unsigned i = 0; i < 10; ++i) {
        EXPECT_EQ(frames[i], pixels(48, i % 3)) << i;
        EXPECT_EQ(arrivals[i].sequence, i);
    }
}

TEST(DmaSlabSrcFiles, TheNextRunBeginsWithTheFirstFrameAndCountsOn)
{
    const TempDir dir;
    const std::string file = dir.write("many.npy", npy3d(3, 6, 8, "|u1"));
    SourceBench bench("pacing=off slabs=4 location=\"" + file + "\"", kAny);
    std::vector<std::string> frames;
    bench.onBuffer = [&](GstBuffer *buffer) { frames.push_back(packed(buffer, 8, 6)); };
    for (std::size_t run = 1; run <= 2; ++run) {
        bench.play();
        bench.waitForFrames(3 * run);
        bench.waitUntil(
            [&] {
                const auto log = bench.log();
                return std::size_t(std::count(log.begin(), log.end(), "eos")) == run;
            },
            "eos");
        bench.stop();
    }
    ASSERT_EQ(frames.size(), 6u);
    EXPECT_EQ(frames[3], pixels(48, 0));
    EXPECT_EQ(bench.arrivals()[3].sequence, 3u);
}

TEST(DmaSlabSrcFiles, NewCapsDoNotRewind)
{
    const TempDir dir;
    const std::string file = dir.write("many.npy", npy3d(12, 6, 8, "|u1"));
    SourceBench bench("pacing=off slabs=3 location=\"" + file + "\"",
                      "video/x-raw,format=GRAY8,framerate=100/1");
    std::vector<std::string> frames;
    bench.onBuffer = [&](GstBuffer *buffer) { frames.push_back(packed(buffer, 8, 6)); };
    bench.keep(true);
    bench.play();
    bench.waitForFrames(3);
    bench.renegotiate("video/x-raw,format=GRAY8,framerate=50/1");
    bench.keep(false);
    bench.release();
    bench.waitForLog("eos");
    ASSERT_EQ(frames.size(), 12u);
    for (unsigned i = 0; i < 12; ++i)
        EXPECT_EQ(frames[i], pixels(48, i)) << i;
}

TEST(DmaSlabSrcFiles, DurationIsThatOfItsFrames)
{
    const TempDir dir;
    const std::string file = dir.write("many.npy", npy3d(12, 6, 8, "|u1"));
    SourceBench bench("pacing=off slabs=8 location=\"" + file + "\"",
                      "video/x-raw,format=GRAY8,framerate=100/1");
    bench.play();
    bench.waitForFrames(1);
    gint64 duration = 0;
    ASSERT_TRUE(gst_element_query_duration(bench.element(), GST_FORMAT_TIME, &duration));
    EXPECT_EQ(GstClockTime(duration), 120 * GST_MSECOND);
    ASSERT_TRUE(gst_element_query_duration(bench.element(), GST_FORMAT_DEFAULT, &duration));
    EXPECT_EQ(duration, 12);
}

TEST(DmaSlabSrcFiles, ALoopHasNoDuration)
{
    const TempDir dir;
    const std::string file = dir.write("many.npy", npy3d(12, 6, 8, "|u1"));
    SourceBench bench("pacing=off slabs=8 loop=true num-buffers=3 location=\"" + file + "\"", kAny);
    bench.play();
    bench.waitForLog("eos");
    gint64 duration = 0;
    EXPECT_FALSE(gst_element_query_duration(bench.element(), GST_FORMAT_TIME, &duration));
}

TEST(DmaSlabSrcFiles, PacedFilesComeAtTheirDeadlines)
{
    const TempDir dir;
    const std::string file = dir.write("many.npy", npy3d(4, 6, 8, "|u1"));
    SourceBench bench("slabs=8 location=\"" + file + "\"", "video/x-raw,format=GRAY8,framerate=100/1");
    bench.play();
    bench.waitForFrames(1);
    bench.tick(4); // three frames, and the deadline at which there is none
    bench.waitForLog("eos");
    EXPECT_EQ(bench.story(), (std::vector<std::string>{"b0!", "b1", "b2", "b3", "eos"}));
    EXPECT_EQ(bench.arrivals()[3].pts, 30 * GST_MSECOND);
}

TEST(DmaSlabSrcFiles, AFileFrameThatIsLostIsTheFrameOfThatNumber)
{
    const TempDir dir;
    const std::string file = dir.write("many.npy", npy3d(40, 6, 8, "|u1"));
    SourceBench bench("slabs=6 location=\"" + file + "\"", "video/x-raw,format=GRAY8,framerate=100/1");
    std::vector<std::string> frames;
    bench.onBuffer = [&](GstBuffer *buffer) { frames.push_back(packed(buffer, 8, 6)); };
    bench.play();
    bench.waitForFrames(1);
    bench.shut();
    bench.tick();
    bench.waitForFrames(2);
    bench.advance(100 * GST_MSECOND);
    bench.open();
    bench.waitForFrames(3);
    bench.tick();
    bench.waitForFrames(4);
    const auto arrivals = bench.arrivals();
    EXPECT_GT(arrivals[2].sequence, 2u);
    for (std::size_t i = 0; i < arrivals.size(); ++i)
        EXPECT_EQ(frames[i], pixels(48, unsigned(arrivals[i].sequence))) << i;
    bench.stop();
    bench.expectConservation();
}

TEST(DmaSlabSrcFiles, AFileThatShrinksUnderWayIsOneErrorThatNamesIt)
{
    const TempDir dir;
    const std::string file = dir.write("many.npy", npy3d(40, 6, 8, "|u1"));
    SourceBench bench("pacing=off slabs=3 location=\"" + file + "\"", kAny);
    bench.keep(true);
    bench.play();
    bench.waitForFrames(3);
    std::filesystem::resize_file(file, 500);
    bench.keep(false);
    bench.release();
    bench.waitForLog("eos");
    bench.stop();
    const auto errors = bench.texts(GST_MESSAGE_ERROR);
    ASSERT_EQ(errors.size(), 2u) << "ours and the base class's general one";
    EXPECT_NE(errors[0].find(file), std::string::npos) << errors[0];
    EXPECT_EQ(errors[1].find(file), std::string::npos) << errors[1];
    bench.expectConservation();
}
