// SPDX-License-Identifier: LGPL-2.1-or-later
// Caps as bytes in memory, for every format there is: by the function, and by dmaslabsrc's buffers.
#include "common/frame_format.h"
#include "dmaslab/capture/stamp.h"
#include "source_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

struct Size
{
    int width, height;
};
constexpr Size kOdd[] = {{1, 1}, {2, 2}, {3, 5}, {33, 17}, {641, 479}};

Result<FrameFormat> formatOf(const std::string &text)
{
    const CapsPtr caps(gst_caps_from_string(text.c_str()));
    EXPECT_TRUE(caps) << text;
    return frameFormatFromCaps(caps.get());
}

std::size_t bytesOf(const std::string &text)
{
    const auto format = formatOf(text);
    EXPECT_TRUE(format) << format.error().message;
    return format ? format->layout.frameBytes : 0;
}

std::string refusalOf(const std::string &text)
{
    const auto format = formatOf(text);
    EXPECT_FALSE(format) << text;
    return format ? "" : format.error().message;
}

std::vector<std::string> rawFormats()
{
    guint number = 0;
    const GstVideoFormat *formats = gst_video_formats_raw(&number);
    std::vector<std::string> names;
    for (guint i = 0; i < number; ++i)
        names.emplace_back(gst_video_format_to_string(formats[i]));
    return names;
}

std::string rawCaps(const std::string &format, const Size &size)
{
    return "video/x-raw,format=(string)" + format + ",width=" + std::to_string(size.width) +
           ",height=" + std::to_string(size.height) + ",framerate=30/1";
}

/** Sends three frames and says what is wrong with them. */
void expectVerifiedFrames(const std::string &caps, const char *pattern)
{
    SourceBench bench(std::string("backend=test pacing=off slabs=2 num-buffers=3 pattern=") + pattern, caps);
    std::atomic<int> verified{0};
    bench.onBuffer = [&](GstBuffer *buffer) {
        GstMapInfo map;
        ASSERT_TRUE(gst_buffer_map(buffer, &map, GST_MAP_READ));
        const StampCheck check = verifyStamp(std::as_bytes(std::span(map.data, map.size)));
        EXPECT_TRUE(check.status == StampStatus::Ok ||
                    (map.size < 24 && check.status == StampStatus::Truncated))
            << caps << ": " << toString(check.status) << " of " << map.size << " bytes";
        EXPECT_EQ(check.sequence, check.hasSequence ? GST_BUFFER_OFFSET(buffer) : 0) << caps;
        gst_buffer_unmap(buffer, &map);
        ++verified;
    };
    bench.play();
    bench.waitForLog("eos");
    EXPECT_EQ(verified, 3) << caps;
    EXPECT_TRUE(bench.texts(GST_MESSAGE_ERROR).empty()) << caps;
}

} // namespace

TEST(FrameFormat, EveryRawFormatHasTheSizeThatGStreamerSays)
{
    for (const std::string &name : rawFormats()) {
        for (const Size &size : kOdd) {
            const auto format = formatOf(rawCaps(name, size));
            ASSERT_TRUE(format) << format.error().message;
            GstVideoInfo info;
            gst_video_info_init(&info);
            gst_video_info_set_format(&info, gst_video_format_from_string(name.c_str()), guint(size.width),
                                      guint(size.height));
            EXPECT_TRUE(format->isVideo);
            EXPECT_EQ(format->layout.frameBytes, GST_VIDEO_INFO_SIZE(&info)) << name;
            EXPECT_TRUE(format->layout.check()) << name;
            for (std::size_t plane = 0; plane < format->layout.planes.size(); ++plane) {
                EXPECT_EQ(format->layout.planes[plane].offset, GST_VIDEO_INFO_PLANE_OFFSET(&info, plane))
                    << name;
                EXPECT_EQ(format->layout.planes[plane].stride,
                          std::size_t(GST_VIDEO_INFO_PLANE_STRIDE(&info, plane)))
                    << name;
            }
        }
    }
}

TEST(FrameFormat, Argb64OfEightKHasItsStride)
{
    const auto format = formatOf("video/x-raw,format=ARGB64,width=7680,height=4320,framerate=30/1");
    ASSERT_TRUE(format);
    ASSERT_EQ(format->layout.planes.size(), 1u);
    EXPECT_EQ(format->layout.planes[0].stride, 61440u);
    EXPECT_EQ(format->layout.frameBytes, 61440u * 4320u);
}

TEST(FrameFormat, P010HasTwoPlanesOfSixteenBits)
{
    const auto format = formatOf("video/x-raw,format=P010_10LE,width=66,height=34,framerate=30/1");
    ASSERT_TRUE(format);
    ASSERT_EQ(format->layout.planes.size(), 2u);
    EXPECT_EQ(format->layout.planes[0].rowBytes, 132u);
    EXPECT_EQ(format->layout.planes[1].rowBytes, 132u);
    EXPECT_EQ(format->layout.planes[1].rows, 17u);
    EXPECT_EQ(format->layout.sampleBytes, 2u);
}

TEST(FrameFormat, PixelsOfAWideGrayPictureAreTheFileOfIt)
{
    const auto format = formatOf("video/x-raw,format=GRAY16_LE,width=33,height=17");
    ASSERT_TRUE(format);
    EXPECT_EQ(format->layout.packedBytes(), 33u * 17 * 2) << "what a .npy of it holds";
    EXPECT_EQ(format->layout.frameBytes, 68u * 17) << "what GStreamer lays out";
}

TEST(FrameFormat, BayerRowsBeginAtFourBytes)
{
    EXPECT_EQ(bytesOf("video/x-bayer,format=bggr,width=5,height=3"), 8u * 3);
    EXPECT_EQ(bytesOf("video/x-bayer,format=rggb10le,width=5,height=3"), 12u * 3);
    EXPECT_EQ(bytesOf("video/x-bayer,format=grbg12le,width=64,height=2"), 128u * 2);
    EXPECT_EQ(bytesOf("video/x-bayer,format=gbrg16le,width=1,height=1"), 4u);
}

TEST(FrameFormat, PackedMonoTakesItsBitsAndNoMore)
{
    EXPECT_EQ(bytesOf("video/x-mono-packed,format=mono10p,width=640,height=2"), 1600u);
    EXPECT_EQ(bytesOf("video/x-mono-packed,format=mono12p,width=640,height=2"), 1920u);
    EXPECT_EQ(bytesOf("video/x-mono-packed,format=mono12packed,width=3,height=1"), 5u);
}

TEST(FrameFormat, AnArrayIsItsItemsTimesItsShape)
{
    EXPECT_EQ(bytesOf("application/x-ndarray,dtype=(string)\"<f4\",shape=(string)\"20,20\""), 1600u);
    EXPECT_EQ(bytesOf("application/x-ndarray,dtype=(string)\"|u1\",shape=(string)\"7\""), 7u);
    EXPECT_EQ(bytesOf("application/x-ndarray,dtype=(string)\">c16\",shape=(string)\"3,2,2\""), 192u);
}

TEST(FrameFormat, TheFramerateMayBeAbsentOrZero)
{
    EXPECT_EQ(formatOf("video/x-raw,format=GRAY8,width=4,height=4")->rateNumerator, 0u);
    EXPECT_EQ(formatOf("video/x-raw,format=GRAY8,width=4,height=4,framerate=0/1")->rateNumerator, 0u);
    const auto film = formatOf("video/x-raw,format=GRAY8,width=4,height=4,framerate=24000/1001");
    EXPECT_EQ(film->rateNumerator, 24000u);
    EXPECT_EQ(film->rateDenominator, 1001u);
}

TEST(FrameFormat, WhatIsRefusedIsNamedWithItsCaps)
{
    EXPECT_NE(refusalOf("video/x-h264,width=4").find("video/x-h264"), std::string::npos);
    EXPECT_NE(refusalOf("video/x-bayer,format=bggr,width=4,height=0").find("width and height"),
              std::string::npos);
    EXPECT_NE(refusalOf("video/x-mono-packed,format=mono9,width=4,height=4").find("mono10p"),
              std::string::npos);
    EXPECT_NE(refusalOf("application/x-ndarray,dtype=(string)\"<f4\"").find("shape"), std::string::npos);
    EXPECT_NE(refusalOf("video/x-raw,format={GRAY8,RGB},width=4,height=4").find("not fixed"),
              std::string::npos);
}

TEST(FrameFormat, HostileArraysAreRefused)
{
    for (const char *shape :
         {"", "0", "-1", "20,", ",20", "20 20", "99999999999999999999", "4294967296,4294967296", "20,20x"})
        refusalOf(std::string("application/x-ndarray,dtype=(string)\"<f4\",shape=(string)\"") + shape + "\"");
    for (const char *dtype : {"", "f4", "<f", "<f0", "<f99", "<x4", "<f4,<f4", "O"})
        refusalOf(std::string("application/x-ndarray,dtype=(string)\"") + dtype + "\",shape=(string)\"2\"");
}

TEST(DmaSlabSrcFormats, EveryRawFormatIsDeliveredAsGStreamerLaysItOut)
{
    for (const std::string &name : rawFormats()) {
        const std::string caps = rawCaps(name, {33, 17});
        SourceBench bench("backend=test pacing=off slabs=2 num-buffers=1", caps);
        GstVideoInfo info;
        const CapsPtr parsed(gst_caps_from_string(caps.c_str()));
        ASSERT_TRUE(gst_video_info_from_caps(&info, parsed.get())) << caps;
        std::atomic<int> seen{0};
        bench.onBuffer = [&](GstBuffer *buffer) {
            ++seen;
            EXPECT_EQ(gst_buffer_get_size(buffer), GST_VIDEO_INFO_SIZE(&info)) << name;
            const GstVideoMeta *meta = gst_buffer_get_video_meta(buffer);
            ASSERT_TRUE(meta) << name;
            EXPECT_EQ(meta->n_planes, GST_VIDEO_INFO_N_PLANES(&info)) << name;
            for (guint plane = 0; plane < meta->n_planes; ++plane) {
                EXPECT_EQ(meta->stride[plane], GST_VIDEO_INFO_PLANE_STRIDE(&info, plane)) << name;
                EXPECT_EQ(meta->offset[plane], GST_VIDEO_INFO_PLANE_OFFSET(&info, plane)) << name;
            }
            GstVideoFrame frame;
            ASSERT_TRUE(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ)) << name;
            gst_video_frame_unmap(&frame);
        };
        bench.play();
        bench.waitForLog("eos");
        EXPECT_EQ(seen, 1) << name;
        EXPECT_TRUE(bench.texts(GST_MESSAGE_ERROR).empty()) << name;
    }
}

TEST(DmaSlabSrcFormats, CounterFramesVerifyThemselvesInEveryRawFormat)
{
    for (const std::string &name : rawFormats())
        expectVerifiedFrames(rawCaps(name, {33, 17}), "counter");
}

TEST(DmaSlabSrcFormats, CounterFramesVerifyThemselvesBeyondRawVideo)
{
    for (const char *caps :
         {"video/x-bayer,format=bggr,width=5,height=3,framerate=30/1",
          "video/x-bayer,format=rggb12le,width=65,height=33,framerate=30/1",
          "video/x-mono-packed,format=mono10p,width=61,height=31,framerate=30/1",
          "video/x-mono-packed,format=mono12packed,width=61,height=31,framerate=30/1",
          "application/x-ndarray,dtype=(string)\"<f4\",shape=(string)\"20,20\",framerate=30/1",
          "application/x-ndarray,dtype=(string)\"<f8\",shape=(string)\"3\""})
        expectVerifiedFrames(caps, "counter");
}

TEST(DmaSlabSrcFormats, PrefilledFramesVerifyThemselves)
{
    for (const char *format : {"GRAY8", "GRAY16_LE", "GRAY16_BE", "NV12", "P010_10LE", "RGB", "v210"})
        expectVerifiedFrames(rawCaps(format, {321, 17}), "prefilled");
}

TEST(DmaSlabSrcFormats, SignificantBitsPassThrough)
{
    SourceBench bench("backend=test pacing=off num-buffers=1",
                      "video/x-raw,format=GRAY16_LE,width=8,height=8,framerate=30/1,significant-bits=12");
    bench.play();
    bench.waitForLog("eos");
    const CapsPtr caps(gst_pad_get_current_caps(bench.pad()));
    ASSERT_TRUE(caps);
    int bits = 0;
    EXPECT_TRUE(gst_structure_get_int(gst_caps_get_structure(caps.get(), 0), "significant-bits", &bits));
    EXPECT_EQ(bits, 12);
}

TEST(DmaSlabSrcFormats, WithoutWishesItIsAnOrdinaryGrayCamera)
{
    SourceBench bench("backend=test pacing=off num-buffers=1", "ANY");
    bench.play();
    bench.waitForLog("eos");
    const CapsPtr caps(gst_pad_get_current_caps(bench.pad()));
    const CapsPtr expected(
        gst_caps_from_string("video/x-raw,format=GRAY16_LE,width=640,height=480,framerate=30/1"));
    EXPECT_TRUE(gst_caps_is_subset(caps.get(), expected.get()));
}
