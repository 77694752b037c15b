// SPDX-License-Identifier: LGPL-2.1-or-later
// Which formats simdproc takes, what it makes of them, and what it refuses before the first frame.
#include "pipeline_bench.h"
#include "simdproc_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

/** "GRAY8 8x4" and what follows; "refused" when the caps are not taken. */
std::string outOf(const std::string &properties, const std::string &caps, const char *wants = nullptr)
{
    ProcBench bench(properties);
    if (wants)
        bench.out.wants.reset(gst_caps_from_string(wants));
    if (!bench.start(caps))
        return "refused";
    const CapsPtr out = bench.out.caps();
    const GstStructure *structure = gst_caps_get_structure(out.get(), 0);
    gint width = 0, height = 0, bits = 0;
    gst_structure_get_int(structure, "width", &width);
    gst_structure_get_int(structure, "height", &height);
    std::string text = std::string(gst_structure_get_string(structure, "format")) + " " +
                       std::to_string(width) + "x" + std::to_string(height);
    if (gst_structure_get_int(structure, "significant-bits", &bits))
        text += " " + std::to_string(bits) + " bits";
    return text;
}

const std::string gray16 = capsOf("GRAY16_LE", 64, 48);

} // namespace

TEST(SimdProcCaps, AWindowOrATableOfBytesMakesBytes)
{
    const TableDirectory tables;
    const std::string bytes = tables.table("bytes", "|u1", {65536}, std::vector<double>(65536, 1));
    const std::string words = tables.table("words", "<u2", {65536}, std::vector<double>(65536, 300));
    const std::string few = tables.table("few", "<u2", {256}, std::vector<double>(256, 300));
    EXPECT_EQ(outOf("window=100,4095", gray16), "GRAY8 64x48");
    EXPECT_EQ(outOf("window=auto", gray16), "GRAY8 64x48");
    EXPECT_EQ(outOf("window=auto", capsOf("GRAY8", 64, 48)), "GRAY8 64x48");
    EXPECT_EQ(outOf("lut=" + bytes, gray16), "GRAY8 64x48");
    EXPECT_EQ(outOf("lut=" + words, gray16), "GRAY16_LE 64x48");
    EXPECT_EQ(outOf("lut=" + few, capsOf("GRAY8", 64, 48)), "GRAY16_LE 64x48");
}

TEST(SimdProcCaps, TheSizeIsThatOfTheCropAfterBinning)
{
    EXPECT_EQ(outOf("crop=1,2,33,21", gray16), "GRAY16_LE 33x21");
    EXPECT_EQ(outOf("bin=2", capsOf("GRAY16_LE", 65, 49)), "GRAY16_LE 32x24");
    EXPECT_EQ(outOf("bin=4 crop=1,2,33,21", gray16), "GRAY16_LE 8x5");
    EXPECT_EQ(outOf("flip=hv", gray16), "GRAY16_LE 64x48");
    EXPECT_EQ(outOf("crop=0,0,64,48", gray16), "GRAY16_LE 64x48");
}

TEST(SimdProcCaps, SignificantBitsAreKeptWhereTheyAreKnown)
{
    const std::string twelve = gray16 + ",significant-bits=12";
    EXPECT_EQ(outOf("statistics=true", twelve), "GRAY16_LE 64x48 12 bits");
    EXPECT_EQ(outOf("threshold=5", twelve), "GRAY16_LE 64x48 12 bits");
    EXPECT_EQ(outOf("bin=2", twelve), "GRAY16_LE 32x24 14 bits");
    EXPECT_EQ(outOf("bin=2 bin-mode=mean", twelve), "GRAY16_LE 32x24 12 bits");
    EXPECT_EQ(outOf("bin=4", twelve), "GRAY16_LE 16x12");
}

TEST(SimdProcCaps, PackedPixelsStayPackedUntilSomebodyWantsThemOtherwise)
{
    for (const auto &[format, bits] :
         {std::pair{"mono10p", "10"}, {"mono12p", "12"}, {"mono12packed", "12"}}) {
        const std::string caps = capsOf(format, 64, 48);
        const std::string unpacked = std::string("GRAY16_LE 64x48 ") + bits + " bits";
        EXPECT_EQ(outOf("statistics=true", caps), std::string(format) + " 64x48");
        EXPECT_EQ(outOf("statistics=true", caps, "video/x-raw,format=GRAY16_LE"), unpacked);
        EXPECT_EQ(outOf("", caps, "video/x-raw,format=GRAY16_LE"), unpacked);
        EXPECT_EQ(outOf("threshold=1", caps), unpacked);
        EXPECT_EQ(outOf("window=auto", caps), "GRAY8 64x48");
        EXPECT_EQ(outOf("", caps, "video/x-raw,format=GRAY8"), "refused");
    }
}

TEST(SimdProcCaps, UnpackedPixelsHaveTheirValues)
{
    const Numbers picture = randomPicture(3, 37, 5);
    const std::size_t stride = bytesOfPixels(PixelPacking::Mono12p, 37);
    ProcBench bench("");
    bench.out.wants.reset(gst_caps_from_string("video/x-raw"));
    ASSERT_TRUE(bench.start(capsOf("mono12p", 37, 5)));
    ASSERT_EQ(bench.push(bufferOf(packed(picture, PixelPacking::Mono12p, stride))), GST_FLOW_OK);
    EXPECT_EQ(pictureOf(bench.out.buffer(0).get(), bench.out.caps().get()).values, picture.values);
}

TEST(SimdProcCaps, WhatMakesNoSenseOfAFormatIsRefusedInCapsAndWithoutAnErrorOfOurs)
{
    const TableDirectory tables;
    const std::string dark = tables.table("dark", "<u2", {48, 64}, std::vector<double>(64 * 48, 3));
    const std::pair<std::string, const char *> refused[] = {
        {"bin=2", "rggb"},        {"bin=2", "rggb12le"},   {"flip=h", "bggr"},      {"crop=0,0,8,8", "gbrg"},
        {"dark=" + dark, "NV12"}, {"threshold=3", "I420"}, {"window=auto", "NV12"}, {"bin=2", "I420"}};
    for (const auto &[properties, format] : refused) {
        SCOPED_TRACE(properties + " " + format);
        ProcBench bench(properties);
        bench.play();
        const ObjectPtr<GstPad> sink(gst_element_get_static_pad(bench.element(), "sink"));
        const CapsPtr caps(gst_caps_from_string(capsOf(format, 64, 48).c_str()));
        const CapsPtr taken(gst_pad_query_caps(sink.get(), caps.get()));
        EXPECT_TRUE(gst_caps_is_empty(taken.get()));
        EXPECT_FALSE(gst_pad_query_accept_caps(sink.get(), caps.get()));
        EXPECT_FALSE(bench.pushHeader(capsOf(format, 64, 48)));
        EXPECT_EQ(bench.push(bufferOf(std::vector<std::uint8_t>(64 * 48 * 2))), GST_FLOW_NOT_NEGOTIATED);
        EXPECT_TRUE(bench.texts(GST_MESSAGE_ERROR).empty());
    }
    EXPECT_EQ(outOf("dark=" + dark, capsOf("rggb12le", 64, 48)), "rggb12le 64x48");
    EXPECT_EQ(outOf("threshold=3 statistics=true", capsOf("rggb", 64, 48)), "rggb 64x48");
    EXPECT_EQ(outOf("statistics=true", capsOf("NV12", 64, 48)), "NV12 64x48");
}

TEST(SimdProcCaps, UpstreamIsToldWhatDownstreamAndThePropertiesLeaveOpen)
{
    const auto offered = [](const char *properties, const char *wants) {
        ProcBench bench(properties);
        bench.out.wants.reset(gst_caps_from_string(wants));
        bench.play();
        const ObjectPtr<GstPad> sink(gst_element_get_static_pad(bench.element(), "sink"));
        return CapsPtr(gst_pad_query_caps(sink.get(), nullptr));
    };
    const auto takes = [](const CapsPtr &caps, const std::string &format, std::size_t width,
                          std::size_t height) {
        const CapsPtr one(gst_caps_from_string(capsOf(format, width, height).c_str()));
        return bool(gst_caps_can_intersect(caps.get(), one.get()));
    };
    const CapsPtr binned = offered("bin=2", "video/x-raw,format=GRAY16_LE,width=32,height=24");
    EXPECT_TRUE(takes(binned, "GRAY16_LE", 64, 48));
    EXPECT_TRUE(takes(binned, "GRAY16_LE", 65, 49)); // the last row and column fill no square
    EXPECT_TRUE(takes(binned, "mono12p", 64, 48));
    EXPECT_FALSE(takes(binned, "GRAY16_LE", 32, 24));
    EXPECT_FALSE(takes(binned, "GRAY8", 64, 48));
    const CapsPtr narrowed = offered("window=auto", "video/x-raw,format=GRAY8,width=64,height=48");
    EXPECT_TRUE(takes(narrowed, "GRAY16_LE", 64, 48));
    EXPECT_FALSE(takes(narrowed, "GRAY16_LE", 65, 48));
    EXPECT_FALSE(takes(narrowed, "NV12", 64, 48));
}

TEST(SimdProcCaps, APipelineWithAFormatOnEitherSideLinksBeforePropertiesAreSettled)
{
    Pipeline pipeline(
        "dmaslabsrc backend=test pacing=off num-buffers=3 ! "
        "video/x-raw,format=GRAY16_LE,width=64,height=48,framerate=100/1 ! "
        "simdproc window=0,65535 bin=2 ! video/x-raw,format=GRAY8,width=32,height=24 ! fakesink");
    pipeline.runToEnd();
}

TEST(SimdProcCaps, NewCapsInTheStreamGoThrough)
{
    ProcBench bench("bin=2 statistics=true");
    bench.requestResults();
    ASSERT_TRUE(bench.start(gray16));
    const Numbers large = randomPicture(1, 64, 48), small = randomPicture(2, 17, 9, 8);
    bench.push(frame16(large, 0));
    ASSERT_TRUE(bench.pushCaps(capsOf("GRAY8", 17, 9)));
    bench.push(frame8(small, 1));
    ASSERT_TRUE(bench.pushCaps(gray16));
    bench.push(frame16(large, 2));
    bench.end();
    EXPECT_EQ(bench.out.log({"b", "caps"}), (PadEnd::Lines{"caps", "b0", "caps", "b1", "caps", "b2"}));
    EXPECT_EQ(gst_buffer_get_size(bench.out.buffer(1).get()), 8u * 4);
    const auto lines = bench.results.log({"b"});
    EXPECT_EQ(lines, (PadEnd::Lines{"b0", "b1", "b2"}));
    const CapsPtr caps = bench.results.caps();
    EXPECT_EQ(Record(bench.results.buffer(0).get(), caps.get()).get<double>("mean"),
              Record(bench.results.buffer(2).get(), caps.get()).get<double>("mean"));
}
