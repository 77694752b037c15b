// SPDX-License-Identifier: LGPL-2.1-or-later
// A property that does not fit is one error that names it, its value and the remedy, before the first frame.
#include "simdproc_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

/** Tries 16x8 pixels of 12 bits with these properties. */
void expectOneError(const std::string &properties, const std::vector<std::string> &words)
{
    SCOPED_TRACE(properties);
    ProcBench bench(properties);
    if (gst_element_set_state(bench.element(), GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE) {
        gst_pad_set_active(bench.source(), TRUE);
        EXPECT_FALSE(bench.pushHeader(capsOf("GRAY16_LE", 16, 8) + ",significant-bits=12"));
        EXPECT_EQ(bench.push(frame16(randomPicture(1, 16, 8))), GST_FLOW_NOT_NEGOTIATED);
    }
    EXPECT_EQ(bench.out.count(), 0u);
    const auto errors = bench.texts(GST_MESSAGE_ERROR);
    ASSERT_EQ(errors.size(), 1u);
    EXPECT_TRUE(errors[0].starts_with("proc: ")) << errors[0];
    for (const std::string &word : words)
        EXPECT_NE(errors[0].find(word), std::string::npos) << "no \"" << word << "\" in: " << errors[0];
}

std::vector<double> filled(std::size_t count, double value = 1)
{
    return std::vector<double>(count, value);
}

} // namespace

TEST(SimdProcErrors, AFileThatIsNotThereIsNamed)
{
    for (const char *property : {"dark", "flat", "bad-pixels", "lut"})
        expectOneError(std::string(property) + "=/no/where.npy", {property, "/no/where.npy", "No such file"});
    expectOneError("roi-mode=centroid roi-width=4 roi-height=4 reference=/no/where.npy",
                   {"reference", "/no/where.npy", "No such file"});
}

TEST(SimdProcErrors, ATableOfAnotherShapeIsNamedWithBothShapes)
{
    const TableDirectory tables;
    const std::string picture = tables.table("picture", "<u2", {16, 8}, filled(128));
    for (const char *property : {"dark", "flat"})
        expectOneError(property + ("=" + picture), {property, picture, "(16, 8)", "(8, 16)", "save"});
    expectOneError("bad-pixels=" + tables.table("three", "<i8", {2, 3}, filled(6)),
                   {"bad-pixels", "three.npy", "(2, 3)", "np.argwhere()"});
    expectOneError("lut=" + tables.table("short", "|u1", {100}, filled(100)),
                   {"lut", "short.npy", "100", "4096 entries"});
    expectOneError("lut=" + tables.table("float", "<f4", {4096}, filled(4096)),
                   {"lut", "float.npy", "<f4", "uint8"});
    expectOneError("roi-mode=centroid roi-width=4 roi-height=4 roi-columns=4 roi-rows=2 reference=" +
                       tables.table("reference", "<f4", {4, 2, 2}, filled(16)),
                   {"reference", "reference.npy", "(4, 2, 2)", "(2, 4"});
}

TEST(SimdProcErrors, ATableWithImpossibleNumbersIsNamedWithTheirPlace)
{
    const TableDirectory tables;
    auto values = filled(128, 100);
    values[17] = 0;
    expectOneError("flat=" + tables.table("flat", "<f4", {8, 16}, values),
                   {"flat", "flat.npy", "[1, 1]", "bad-pixels"});
    values[17] = -1;
    expectOneError("dark=" + tables.table("dark", "<f4", {8, 16}, values),
                   {"dark", "dark.npy", "[1, 1]", "-1", "0 to 65535"});
    expectOneError("bad-pixels=" + tables.table("outside", "<i8", {1, 2}, {8, 0}),
                   {"bad-pixels", "outside.npy", "(8, 0)", "8 rows"});
    expectOneError("bad-pixels=" + tables.table("all", "|b1", {8, 16}, filled(128)),
                   {"bad-pixels", "all.npy"});
}

TEST(SimdProcErrors, ATextThatIsNoCropOrWindowIsQuoted)
{
    for (const char *text : {"10,10", "a,b,c,d", "0,0,0,8", "1,2,3,4,5", "-1,0,4,4"})
        expectOneError("crop=\"" + std::string(text) + "\"", {"crop", text, "x,y,width,height"});
    for (const char *text : {"5", "9,9", "0,70000", "automatic"})
        expectOneError("window=\"" + std::string(text) + "\"", {"window", text, "low,high", "auto"});
}

TEST(SimdProcErrors, WhatLiesOutsideThePictureIsNamedWithItsSize)
{
    expectOneError("crop=8,0,9,8", {"crop", "8,0,9,8", "16x8", "within it"});
    expectOneError("crop=0,0,2,2 bin=4", {"bin=4", "2x2", "smaller bin"});
    const std::string grid = "roi-mode=sum roi-width=4 roi-height=4 ";
    expectOneError(grid + "roi-columns=5", {"ROI", "20,4", "16,8", "roi-columns"});
    expectOneError(grid + "roi-rows=2 roi-y=1", {"ROI", "4,9", "16,8", "roi-y"});
    expectOneError(grid + "roi-columns=4 bin=2", {"ROI", "16,4", "8,4", "after crop and bin"});
}

TEST(SimdProcErrors, PropertiesThatExcludeEachOtherAreBothNamed)
{
    const TableDirectory tables;
    expectOneError("window=0,255 lut=" + tables.table("lut", "|u1", {4096}, filled(4096)), {"window", "lut"});
    expectOneError("roi-mode=occupancy roi-width=4 roi-height=4 lambda-occupied=1 lambda-empty=2",
                   {"lambda-occupied", "lambda-empty"});
}

TEST(SimdProcErrors, ACapsFilterThatAsksForAnotherSizeIsRefusedWithoutAFrame)
{
    ProcBench bench("crop=0,0,8,8");
    bench.out.wants.reset(gst_caps_from_string("video/x-raw,width=16,height=8"));
    EXPECT_FALSE(bench.start(capsOf("GRAY16_LE", 16, 8)));
    EXPECT_LE(bench.texts(GST_MESSAGE_ERROR).size(), 1u);
}

TEST(SimdProcErrors, AfterAnErrorTheElementWorksWithTheRightProperties)
{
    ProcBench bench("crop=8,0,9,8");
    EXPECT_FALSE(bench.start(capsOf("GRAY16_LE", 16, 8)));
    bench.stop();
    g_object_set(bench.element(), "crop", "8,0,8,8", nullptr);
    ASSERT_TRUE(bench.start(capsOf("GRAY16_LE", 16, 8)));
    EXPECT_EQ(bench.push(frame16(randomPicture(1, 16, 8))), GST_FLOW_OK);
    EXPECT_EQ(bench.out.count(), 1u);
}

TEST(SimdProcErrors, APropertyCannotChangeWhilePlayingAndSaysSo)
{
    ProcBench bench("threshold=5");
    ASSERT_TRUE(bench.start(capsOf("GRAY16_LE", 16, 8)));
    g_object_set(bench.element(), "threshold", 7, nullptr);
    guint value = 0;
    g_object_get(bench.element(), "threshold", &value, nullptr);
    EXPECT_EQ(value, 5u);
    const auto warnings = bench.texts(GST_MESSAGE_WARNING);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("threshold"), std::string::npos) << warnings[0];
}
