// SPDX-License-Identifier: LGPL-2.1-or-later
// What numpy will see of each format: type, axes, and how much of them is picture.
#include <string>

#include <gst/video/video.h>
#include <gtest/gtest.h>

#include "common/archive_format.h"
#include "common/handles.h"

using namespace dmaslab;

namespace {

std::string axes(const std::vector<std::uint64_t> &values)
{
    std::string text;
    for (const auto value : values)
        text += (text.empty() ? "" : "x") + std::to_string(value);
    return text;
}

std::string describe(const Result<ArchiveFormat> &format)
{
    if (!format)
        return "error: " + format.error().message;
    const SeriesFormat &series = format->series;
    if (series.frameBytes == 0)
        return "blob";
    return series.dtype + " " + axes(series.shape) +
           (series.crop.empty() ? "" : " crop " + axes(series.crop)) + (format->gathered ? " gathered" : "");
}

std::string formatOf(const std::string &text, const GstVideoMeta *meta = nullptr)
{
    const CapsPtr caps(gst_caps_from_string(text.c_str()));
    EXPECT_TRUE(caps) << text;
    return describe(archiveFormatFromCaps(caps.get(), meta));
}

std::string raw(const std::string &format, int width, int height)
{
    return formatOf("video/x-raw,framerate=10/1,format=" + format + ",width=" + std::to_string(width) +
                    ",height=" + std::to_string(height));
}

std::string withMeta(const std::string &format, std::vector<gsize> offsets, std::vector<gint> strides)
{
    GstVideoMeta meta{};
    meta.width = 64;
    meta.height = 48;
    meta.n_planes = guint(offsets.size());
    std::copy(offsets.begin(), offsets.end(), meta.offset);
    std::copy(strides.begin(), strides.end(), meta.stride);
    return formatOf("video/x-raw,format=" + format + ",width=64,height=48,framerate=10/1", &meta);
}

} // namespace

TEST(ArchiveFormat, GreyPictures)
{
    EXPECT_EQ(raw("GRAY8", 64, 48), "|u1 48x64");
    EXPECT_EQ(raw("GRAY8", 61, 48), "|u1 48x64 crop 48x61");
    EXPECT_EQ(raw("GRAY16_LE", 64, 48), "<u2 48x64");
    EXPECT_EQ(raw("GRAY16_BE", 61, 48), ">u2 48x62 crop 48x61");
    EXPECT_EQ(raw("GRAY10_LE32", 64, 48), "|u1 48x88");
}

TEST(ArchiveFormat, ColoursHaveAnAxis)
{
    EXPECT_EQ(raw("RGB", 64, 48), "|u1 48x64x3");
    EXPECT_EQ(raw("BGR", 61, 48), "|u1 48x184 crop 48x183"); // rows of 184 bytes cut a pixel
    for (const char *format : {"RGBA", "BGRx", "xRGB", "AYUV", "VUYA"})
        EXPECT_EQ(raw(format, 61, 48), "|u1 48x61x4") << format;
    EXPECT_EQ(raw("ARGB64", 61, 48), "<u2 48x61x4");
    EXPECT_EQ(raw("Y412_BE", 61, 48), ">u2 48x61x4");
}

TEST(ArchiveFormat, HalvedColoursHaveTwoItemsPerPixelAndWholePairs)
{
    EXPECT_EQ(raw("YUY2", 64, 48), "|u1 48x64x2");
    EXPECT_EQ(raw("UYVY", 61, 48), "|u1 48x62x2");
    EXPECT_EQ(raw("Y210", 64, 48), "<u2 48x64x2");
    EXPECT_EQ(raw("v216", 64, 48), "<u2 48x64x2");
}

TEST(ArchiveFormat, ColoursThatShareAWordAreWords)
{
    EXPECT_EQ(raw("RGB16", 64, 48), "<u2 48x64");
    EXPECT_EQ(raw("RGB10A2_LE", 64, 48), "<u4 48x64");
    EXPECT_EQ(raw("Y410", 64, 48), "<u4 48x64");
    EXPECT_EQ(raw("r210", 64, 48), ">u4 48x64");
    EXPECT_EQ(raw("v210", 48, 48), "|u1 48x128");
}

TEST(ArchiveFormat, PlanesOfOneStrideAreOneArrayOfRows)
{
    EXPECT_EQ(raw("NV12", 64, 48), "|u1 72x64");
    EXPECT_EQ(raw("NV21", 61, 47), "|u1 72x64 crop 72x62");
    EXPECT_EQ(raw("P010_10LE", 64, 48), "<u2 72x64");
    EXPECT_EQ(raw("Y444", 64, 48), "|u1 144x64");
    EXPECT_EQ(raw("GBR_10BE", 64, 48), ">u2 144x64");
}

TEST(ArchiveFormat, OtherPlanesAreBytesInARow)
{
    EXPECT_EQ(raw("I420", 64, 48), "|u1 4608");
    EXPECT_EQ(raw("Y42B", 64, 48), "|u1 6144");
    EXPECT_EQ(raw("RGB8P", 64, 48), "|u1 4096");
    EXPECT_EQ(raw("NV12_64Z32", 64, 48), "|u1 12288");
}

TEST(ArchiveFormat, EveryFormatOfGStreamerHasALayoutAtOddSizes)
{
    guint count = 0;
    const GstVideoFormat *formats = gst_video_formats_raw(&count);
    for (guint i = 0; i < count; ++i) {
        const char *name = gst_video_format_to_string(formats[i]);
        const CapsPtr caps(gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, name, "width",
                                               G_TYPE_INT, 37, "height", G_TYPE_INT, 23, "framerate",
                                               GST_TYPE_FRACTION, 1, 1, nullptr));
        const auto format = archiveFormatFromCaps(caps.get(), nullptr);
        ASSERT_TRUE(format) << name << ": " << format.error().message;
        EXPECT_EQ(format->series.frameBytes, GST_VIDEO_INFO_SIZE(&format->info)) << name;
        for (const ArchiveLayout wish : {ArchiveLayout::Auto, ArchiveLayout::Record, ArchiveLayout::Blob}) {
            const auto layout = chooseLayout(format->series, wish);
            EXPECT_TRUE(layout) << name << ": " << (layout ? "" : layout.error().message);
        }
    }
}

TEST(ArchiveFormat, RowsLieWhereTheFramesSay)
{
    EXPECT_EQ(withMeta("GRAY8", {0}, {80}), "|u1 48x80 crop 48x64");
    EXPECT_EQ(withMeta("GRAY16_LE", {0}, {132}), "<u2 48x66 crop 48x64");
    EXPECT_EQ(withMeta("GRAY16_LE", {0}, {131}), "|u1 48x131 crop 48x128");
    EXPECT_EQ(withMeta("NV12", {0, 96 * 50}, {96, 96}), "|u1 74x96 crop 74x64");
    EXPECT_EQ(withMeta("NV12", {0, 64 * 48}, {64, 128}), "|u1 6144");
}

TEST(ArchiveFormat, RowsBehindTheLastPlaneArePartOfAFrameThatLiesAsUsual)
{
    guint count = 0;
    const GstVideoFormat *formats = gst_video_formats_raw(&count);
    guint longer = 0;
    for (guint i = 0; i < count; ++i) {
        GstVideoInfo info;
        gst_video_info_set_format(&info, formats[i], 37, 23);
        GstVideoMeta meta{};
        meta.width = 37;
        meta.height = 23;
        meta.n_planes = GST_VIDEO_INFO_N_PLANES(&info);
        std::copy(std::begin(info.offset), std::end(info.offset), meta.offset);
        std::copy(std::begin(info.stride), std::end(info.stride), meta.stride);
        const CapsPtr caps(gst_video_info_to_caps(&info));
        const auto with = archiveFormatFromCaps(caps.get(), &meta);
        const auto without = archiveFormatFromCaps(caps.get(), nullptr);
        ASSERT_TRUE(with && without) << GST_VIDEO_INFO_NAME(&info);
        EXPECT_TRUE(with->series == without->series) << GST_VIDEO_INFO_NAME(&info);
        EXPECT_FALSE(with->gathered) << GST_VIDEO_INFO_NAME(&info);
        const auto &planes = with->series.planes;
        longer += !planes.empty() &&
                  planes.back().offset + planes.back().stride * planes.back().rows < with->series.frameBytes;
    }
    EXPECT_GT(longer, 0u) << "no format has such rows";
    EXPECT_EQ(raw("GRAY10_LE32", 64, 47), "|u1 48x88 crop 47x88");
}

TEST(ArchiveFormat, WhatIsMostlyNoPictureIsGathered)
{
    EXPECT_EQ(withMeta("GRAY8", {0}, {129}), "|u1 48x64 gathered");
    EXPECT_EQ(withMeta("GRAY8", {64}, {64}), "|u1 48x64 gathered");
    EXPECT_EQ(withMeta("GRAY8", {0}, {-64}), "|u1 48x64 gathered");
    EXPECT_EQ(withMeta("NV12", {0, 1 << 20}, {64, 64}), "|u1 72x64 gathered");
    EXPECT_EQ(withMeta("NV12", {0, 64}, {64, 64}), "|u1 72x64 gathered"); // planes that overlap
}

TEST(ArchiveFormat, BayerAndPackedMono)
{
    EXPECT_EQ(formatOf("video/x-bayer,format=rggb,width=61,height=48"), "|u1 48x64 crop 48x61");
    EXPECT_EQ(formatOf("video/x-bayer,format=bggr12le,width=64,height=48"), "<u2 48x64");
    EXPECT_EQ(formatOf("video/x-mono-packed,format=mono12p,width=64,height=48"), "|u1 48x96");
}

TEST(ArchiveFormat, Arrays)
{
    EXPECT_EQ(formatOf("application/x-ndarray,dtype=(string)\"<f4\",shape=(string)\"20,20\""), "<f4 20x20");
    EXPECT_EQ(formatOf("application/x-ndarray,dtype=(string)\"<c8\",shape=(string)\"7\""), "<c8 7");
    EXPECT_EQ(formatOf("application/x-ndarray,dtype=(string)\"=u2\",shape=(string)\"2,3,4\""), "<u2 2x3x4");
    EXPECT_EQ(formatOf("application/x-ndarray,dtype=(string)\"<u1\",shape=(string)\"5\""), "|u1 5");
    EXPECT_EQ(formatOf("application/x-ndarray,dtype=(string)\"<f4\"").substr(0, 5), "error");
}

TEST(ArchiveFormat, ArraysOfBytesMaySayWhatTheBytesAre)
{
    const auto fieldsOf = [](const std::string &rest) {
        const CapsPtr caps(gst_caps_from_string(("application/x-ndarray,dtype=(string)\"" + rest).c_str()));
        const auto format = archiveFormatFromCaps(caps.get(), nullptr);
        return format ? format->series.fields : "error";
    };
    EXPECT_EQ(fieldsOf("|u1\",shape=(string)\"16\",fields=(string)\"[('a','<u8'),('b','<f4',(2,))]\""),
              "[('a', '<u8'), ('b', '<f4', (2,))]");
    EXPECT_EQ(fieldsOf("|u1\",shape=(string)\"5,8\",fields=(string)\"[('a', '<c8')]\""), "[('a', '<c8')]");
    EXPECT_EQ(fieldsOf("|u1\",shape=(string)\"8\""), "");
    for (const char *wrong :
         {"|u1\",shape=(string)\"9\",fields=(string)\"[('a', '<u8')]\"",
          "<u2\",shape=(string)\"4\",fields=(string)\"[('a', '<u8')]\"",
          "|u1\",shape=(string)\"8\",fields=(string)\"[('a', 'O8')]\"",
          "|u1\",shape=(string)\"8\",fields=(string)\"[('a', '<u8'\"",
          "|u1\",shape=(string)\"8\",fields=(string)\"[('a', '<u4'), ('a', '<u4')]\"",
          "|u1\",shape=(string)\"8\",fields=(string)\"[('a', '<u8', (4294967295, 4294967295))]\"",
          "|u1\",shape=(string)\"8\",fields=(string)\"[('a', '<u8', (0,))]\"",
          "|u1\",shape=(string)\"8\",fields=(string)\"[('', '<u8')]\"",
          "|u1\",shape=(string)\"8\",fields=(string)\"[('a', '<u8')] and more\"",
          "|u1\",shape=(string)\"8\",fields=(string)\"[]\""})
        EXPECT_EQ(fieldsOf(wrong), "error") << wrong;
}

TEST(ArchiveFormat, FieldsThatNoHeaderHasRoomForStayBytes)
{
    SeriesFormat format{"", 800, "|u1", {800}, {}, {}, "["};
    for (int i = 0; i < 100; ++i)
        format.fields += (i ? ", ('field" : "('field") + std::to_string(i) + "', '<u8')";
    format.fields += "]";
    const auto layout = chooseLayout(format, ArchiveLayout::Auto);
    ASSERT_TRUE(layout) << layout.error().message;
    EXPECT_EQ(layout->descr, "[('pixels', '|u1', (800,)), ('', '|V3296')]");
    EXPECT_NE(layout->reason.find("too long"), std::string::npos) << layout->reason;
}

TEST(ArchiveFormat, EverythingElseIsBlob)
{
    EXPECT_EQ(formatOf("image/jpeg,width=64,height=48"), "blob");
    EXPECT_EQ(formatOf("video/x-h264"), "blob");
    EXPECT_EQ(describe(archiveFormatFromCaps(nullptr, nullptr)), "blob");
}

TEST(ArchiveFormat, TheCapsComeBackWithAllTheirFields)
{
    const CapsPtr caps(gst_caps_from_string(
        "video/x-raw,format=GRAY16_LE,width=64,height=48,framerate=1000/1,significant-bits=(int)12"));
    const auto format = archiveFormatFromCaps(caps.get(), nullptr);
    ASSERT_TRUE(format);
    EXPECT_NE(format->series.caps.find("significant-bits=(int)12"), std::string::npos);
    EXPECT_EQ(format->rateNumerator, 1000u);
}
