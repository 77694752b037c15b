// SPDX-License-Identifier: LGPL-2.1-or-later
// What is wrong with a table or a setting is said before the first frame, by name.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <limits>

#include "dmaslab/process/settings_text.h"
#include "process_model.h"

namespace dmaslab::test {

namespace {

class ProcessTables : public ::testing::Test
{
protected:
    ProcessTables()
    {
        std::string name = (std::filesystem::temp_directory_path() / "dmaslab-tables-XXXXXX").string();
        directory_ = mkdtemp(name.data());
    }
    ~ProcessTables() override
    {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }

    std::string npy(const std::string &dtype, const std::vector<std::size_t> &shape,
                    const std::vector<double> &values)
    {
        const std::string path = directory_ + "/" + std::to_string(files_++) + ".npy";
        writeNpy(path, dtype, shape, values);
        return path;
    }

    /** The error that these settings end in, and that it names what it must. */
    void expectRefused(const std::vector<std::string> &words)
    {
        const auto made = FrameProcessor::make(format, settings);
        ASSERT_FALSE(made) << "was accepted";
        for (const std::string &word : words)
            EXPECT_NE(made.error().message.find(word), std::string::npos) << made.error().message;
    }

    PictureFormat format{PixelPacking::Mono16, 4, 3, 12};
    ProcessSettings settings;
    std::string directory_;

private:
    int files_ = 0;
};

std::vector<double> even(std::size_t count, double value = 100)
{
    return std::vector<double>(count, value);
}

} // namespace

TEST_F(ProcessTables, MissingOrBrokenFile)
{
    settings.dark = directory_ + "/missing.npy";
    expectRefused({"dark=", "missing.npy", "No such file"});
    settings.dark = directory_;
    expectRefused({"dark=", "is no file"});
    settings.dark = directory_ + "/text.npy";
    std::ofstream(settings.dark) << "not numpy";
    expectRefused({"dark=", "text.npy"});
    settings.dark = npy("<u2", {3, 4}, even(12));
    std::filesystem::resize_file(settings.dark, std::filesystem::file_size(settings.dark) - 2);
    expectRefused({"dark=", "cut short"});
}

TEST_F(ProcessTables, WrongSizeOrType)
{
    settings.dark = npy("<u2", {4, 3}, even(12));
    expectRefused({"dark=", "(4, 3)", "(3, 4)"});
    settings.dark = npy("<u2", {12}, even(12));
    expectRefused({"dark=", "(12,)"});
    settings.dark = npy("<f4", {3, 4}, even(12, 1e6));
    expectRefused({"dark=", "[0, 0]", "1000000"});
    settings.dark = npy("<f4", {3, 4}, even(12, -1));
    expectRefused({"dark=", "-1"});
    std::vector<double> hole = even(12);
    hole[6] = std::nan("");
    settings.dark = npy("<f4", {3, 4}, hole);
    expectRefused({"dark=", "[1, 2]", "NaN"});
}

TEST_F(ProcessTables, FlatFieldsThatNoGainMakesEven)
{
    for (const double value : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
        std::vector<double> flat = even(12);
        flat[5] = value;
        settings.flat = npy("<f4", {3, 4}, flat);
        expectRefused({"flat=", "[1, 1]", "bad-pixels"});
    }
    std::vector<double> flat = even(12, 1e5);
    flat[11] = 1;
    settings.flat = npy("<f4", {3, 4}, flat);
    expectRefused({"flat=", "[2, 3]", "bad-pixels"});
    settings.badPixels = npy("<i8", {1, 2}, {2, 3}); // then it is none of the flat field's business
    EXPECT_TRUE(FrameProcessor::make(format, settings));
}

TEST_F(ProcessTables, ListsOfBadPixels)
{
    settings.badPixels = npy("<i8", {1, 2}, {3, 0});
    expectRefused({"bad-pixels=", "(3, 0)", "3 rows", "4 columns"});
    settings.badPixels = npy("<f4", {1, 2}, {0.5, 0});
    expectRefused({"bad-pixels=", "0.5"});
    settings.badPixels = npy("<i8", {13, 2}, even(26, 0));
    expectRefused({"bad-pixels=", "13", "12"});
    settings.badPixels = npy("<i8", {3, 3}, even(9, 0));
    expectRefused({"bad-pixels=", "(3, 3)", "argwhere"});
    settings.badPixels = npy("|b1", {3, 4}, even(12, 1));
    expectRefused({"bad-pixels=", "no good pixel"});
    settings.badPixels = npy("|b1", {3, 4}, {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    EXPECT_TRUE(FrameProcessor::make(format, settings));
    settings.badPixels = npy("<i8", {0, 2}, {});
    EXPECT_TRUE(FrameProcessor::make(format, settings)) << "an empty list is a list";
}

TEST_F(ProcessTables, LookupTables)
{
    settings.lut = npy("|u1", {100}, even(100));
    expectRefused({"lut=", "(100,)", "4096"});
    settings.lut = npy("<f4", {4096}, even(4096));
    expectRefused({"lut=", "<f4", "uint8"});
    settings.lut = npy("|u1", {4096}, even(4096));
    const auto made = FrameProcessor::make(format, settings);
    ASSERT_TRUE(made);
    EXPECT_EQ((*made)->output().packing, PixelPacking::Mono8);
    settings.window = WindowMode::Auto;
    expectRefused({"window", "lut"});
}

TEST_F(ProcessTables, ReferenceOffsets)
{
    settings.roiMode = RoiMode::Centroid;
    settings.roi = {0, 0, 2, 3, 2, 1};
    settings.reference = npy("<f4", {2, 1, 2}, even(4));
    expectRefused({"reference=", "(2, 1, 2)", "(1, 2, 2)"});
    settings.reference = npy("<f4", {1, 2, 2}, {0, 0, 0, std::nan("")});
    expectRefused({"reference=", "[0, 1]"});
    settings.reference = npy("<f4", {1, 2, 2}, even(4));
    EXPECT_TRUE(FrameProcessor::make(format, settings));
    settings.roiMode = RoiMode::Sum;
    expectRefused({"reference", "roi-mode=centroid"});
}

TEST_F(ProcessTables, GeometryOutsideTheFrame)
{
    settings.roiMode = RoiMode::Sum;
    settings.roi = {0, 0, 2, 2, 3, 1};
    expectRefused({"ROI grid", "6,2", "4,3", "roi-columns"});
    settings.roi = {0, 0, 0, 1, 1, 1};
    expectRefused({"roi-width=0"});
    settings.roiMode = RoiMode::None;
    settings.crop = {2, 0, 3, 1};
    expectRefused({"crop=\"2,0,3,1\"", "4x3"});
    settings.crop = {0, 0, 3, 3};
    settings.bin = 4;
    expectRefused({"bin=4", "3x3"});
    settings.bin = 3;
    expectRefused({"bin=3"});
}

TEST(SettingsText, CropAndWindow)
{
    const auto crop = parseCrop(" 1, 2,3 ,4 ");
    ASSERT_TRUE(crop);
    EXPECT_EQ(crop->x, 1u);
    EXPECT_EQ(crop->height, 4u);
    EXPECT_TRUE(parseCrop(""));
    for (const char *wrong :
         {"1,2,3", "1,2,3,4,5", "1,2,3,", "a,b,c,d", "-1,0,2,2", "0,0,0,5", "0,0,99999999999,1", "1;2;3;4"})
        EXPECT_FALSE(parseCrop(wrong)) << wrong;
    const auto window = parseWindow("100,4095");
    ASSERT_TRUE(window);
    EXPECT_EQ(window->mode, WindowMode::Fixed);
    EXPECT_EQ(window->high, 4095);
    EXPECT_EQ(parseWindow("auto")->mode, WindowMode::Auto);
    EXPECT_EQ(parseWindow("")->mode, WindowMode::None);
    for (const char *wrong : {"4095,100", "5,5", "0,65536", "automatic", "1", "1,2,3"})
        EXPECT_FALSE(parseWindow(wrong)) << wrong;
}

} // namespace dmaslab::test
