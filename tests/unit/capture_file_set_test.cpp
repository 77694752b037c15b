// SPDX-License-Identifier: LGPL-2.1-or-later
#include <sys/stat.h>
#include <unistd.h>

#include "capture_test_files.h"
#include "dmaslab/capture/file_set.h"

namespace dmaslab {

using test::npy2d;
using test::npyDict;
using test::npyHeader;
using test::pixels;
using test::TempDir;

static FileSet openSet(const std::string &location, std::uint64_t frameBytes = 0)
{
    auto set = FileSet::open(location, frameBytes);
    EXPECT_TRUE(set) << set.error().message;
    return std::move(*set);
}

static void expectRefused(const Result<FileSet> &set, Errc code, const std::vector<std::string> &words)
{
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().code, code) << set.error().message;
    for (const std::string &word : words)
        EXPECT_NE(set.error().message.find(word), std::string::npos)
            << "'" << word << "' not in: " << set.error().message;
    EXPECT_NE(set.error().message.find("; "), std::string::npos) << "no remedy: " << set.error().message;
}

TEST(FileSet, ATwoDimensionalFileIsOneFrame)
{
    const TempDir dir;
    const FileSet set = openSet(dir.write("a.npy", npy2d(4, 6)));
    EXPECT_EQ(set.frames(), 1U);
    EXPECT_EQ(set.frame().height, 4U);
    EXPECT_EQ(set.frame().width, 6U);
    EXPECT_EQ(set.frame().channels, 1U);
    EXPECT_EQ(set.frame().frameBytes, 48U);
    EXPECT_STREQ(pixelFormatHint(set.frame()), "GRAY16_LE");
}

TEST(FileSet, AThreeDimensionalFileIsManyFrames)
{
    const TempDir dir;
    const FileSet set = openSet(dir.write("a.npy", npyHeader(npyDict("|u1", "(5, 4, 6)")) + pixels(120)));
    EXPECT_EQ(set.frames(), 5U);
    EXPECT_EQ(set.frame().frameBytes, 24U);
    EXPECT_STREQ(pixelFormatHint(set.frame()), "GRAY8");
}

TEST(FileSet, ALastAxisOfThreeIsColourOnlyWhenTheCallerWantsThatManyBytes)
{
    const TempDir dir;
    const std::string file = dir.write("a.npy", npyHeader(npyDict("|u1", "(8, 6, 3)")) + pixels(144));
    EXPECT_EQ(openSet(file).frames(), 8U);
    EXPECT_EQ(openSet(file, 18).frames(), 8U);
    const FileSet colour = openSet(file, 144);
    EXPECT_EQ(colour.frames(), 1U);
    EXPECT_EQ(colour.frame().channels, 3U);
    EXPECT_EQ(colour.frame().height, 8U);
    EXPECT_EQ(colour.frame().width, 6U);
    EXPECT_STREQ(pixelFormatHint(colour.frame()), "") << "RGB or BGR: only the user knows";
    expectRefused(FileSet::open(file, 36), Errc::InvalidArgument, {file, "3x6 |u1", "36 bytes"});
}

TEST(FileSet, FourDimensionsAreFramesOfChannels)
{
    const TempDir dir;
    const FileSet set = openSet(dir.write("a.npy", npyHeader(npyDict("|u1", "(2, 8, 6, 3)")) + pixels(288)));
    EXPECT_EQ(set.frames(), 2U);
    EXPECT_EQ(set.frame().channels, 3U);
    EXPECT_EQ(set.frame().frameBytes, 144U);
}

TEST(FileSet, HintsTheFormatOfEachDtype)
{
    struct
    {
        const char *descr, *format;
    } const cases[] = {
        {"|u1", "GRAY8"},     {"<u2", "GRAY16_LE"}, {"<i2", "GRAY16_LE"},
        {">u2", "GRAY16_BE"}, {">i2", "GRAY16_BE"}, {"|i1", ""},
        {"<u4", ""},          {"<f4", ""},          {"<f2", ""},
    };
    for (const auto &c : cases) {
        const TempDir dir;
        const FileSet set = openSet(dir.write("a.npy", npy2d(4, 6, 0, c.descr)));
        EXPECT_STREQ(pixelFormatHint(set.frame()), c.format) << c.descr;
    }
}

TEST(FileSet, ADirectoryIsReadInByteWiseNameOrder)
{
    const TempDir dir;
    const std::vector<std::string> order = {"10.npy", "2.npy", "B.npy", "a.npy", "\xc3\xa4.npy"};
    for (const std::size_t i : {3, 0, 4, 1, 2})
        (void)dir.write(order[i], npy2d(4, 6, static_cast<unsigned>(i)));
    (void)dir.write("notes.txt", "not a frame");
    (void)dir.write("._2.npy", "what some file managers leave behind");
    const FileSet set = openSet(dir.path());
    ASSERT_EQ(set.frames(), order.size());
    for (std::size_t i = 0; i < order.size(); i++) {
        EXPECT_EQ(set.entries()[i].path, dir.path() + "/" + order[i]);
        EXPECT_EQ(set.entryOf(i), i);
    }
}

TEST(FileSet, NumbersFramesThroughFilesOfDifferentLength)
{
    const TempDir dir;
    (void)dir.write("a.npy", npyHeader(npyDict("<u2", "(0, 4, 6)")));
    (void)dir.write("b.npy", npyHeader(npyDict("<u2", "(3, 4, 6)")) + pixels(144));
    (void)dir.write("c.npy", npyHeader(npyDict("<u2", "(0, 4, 6)")));
    (void)dir.write("d.npy", npy2d(4, 6));
    (void)dir.write("e.npy", npyHeader(npyDict("<u2", "(0, 4, 6)")));
    const FileSet set = openSet(dir.path() + "/");
    EXPECT_EQ(set.frames(), 4U);
    for (const std::uint64_t frame : {0, 1, 2})
        EXPECT_EQ(set.entries()[set.entryOf(frame)].path, dir.path() + "/b.npy");
    EXPECT_EQ(set.entries()[set.entryOf(3)].path, dir.path() + "/d.npy");
}

TEST(FileSet, RefusesMixedSizesAndNamesBoth)
{
    const TempDir dir;
    (void)dir.write("a.npy", npy2d(4, 6));
    (void)dir.write("b.npy", npy2d(4, 8));
    expectRefused(FileSet::open(dir.path()), Errc::Format,
                  {dir.path() + "/a.npy", dir.path() + "/b.npy", "6x4", "8x4"});
    (void)dir.write("b.npy", npy2d(4, 6, 0, "<i2"));
    expectRefused(FileSet::open(dir.path()), Errc::Format, {"<u2", "<i2"});
    (void)dir.write("b.npy", npy2d(6, 4)); // as many bytes
    expectRefused(FileSet::open(dir.path()), Errc::Format, {"6x4", "4x6"});
}

TEST(FileSet, ARawFileHoldsFramesBackToBack)
{
    const TempDir dir;
    const FileSet set = openSet(dir.write("a.raw", pixels(480)), 48);
    EXPECT_TRUE(set.frame().raw);
    EXPECT_EQ(set.frames(), 10U);
    EXPECT_STREQ(pixelFormatHint(set.frame()), "");
}

TEST(FileSet, RefusesRawFilesThatDoNotFit)
{
    const TempDir dir;
    const std::string file = dir.write("a.raw", pixels(485));
    expectRefused(FileSet::open(file, 48), Errc::Format, {file, "485", "48", "5 are left over"});
    expectRefused(FileSet::open(file), Errc::InvalidArgument, {file, "485", "width, height and format"});
    expectRefused(FileSet::open(dir.write("empty.raw", ""), 48), Errc::Format, {"empty.raw", "is empty"});
}

TEST(FileSet, RefusesFramesOfAnotherSizeThanWanted)
{
    const TempDir dir;
    const std::string file = dir.write("a.npy", npy2d(4, 6));
    EXPECT_TRUE(FileSet::open(file, 48));
    expectRefused(FileSet::open(file, 50), Errc::InvalidArgument, {file, "6x4 <u2", "48", "50"});
}

TEST(FileSet, RefusesWhatIsNoPicture)
{
    const TempDir dir;
    for (const char *shape : {"()", "(24,)", "(1, 2, 3, 4, 5)", "(1, 2, 3, 5)", "(1, 2, 3, 0)"}) {
        const std::string file = dir.write("a.npy", npyHeader(npyDict("<u2", shape)) + pixels(1000));
        expectRefused(FileSet::open(file), Errc::Unsupported, {file, "is no picture", shape});
    }
    for (const char *shape : {"(0, 6)", "(4, 0)", "(2, 0, 4)"}) {
        const std::string file = dir.write("a.npy", npyHeader(npyDict("<u2", shape)));
        expectRefused(FileSet::open(file), Errc::Format, {file, "has no pixels"});
    }
    const std::string file = dir.write("a.npy", npyHeader(npyDict("<u2", "(0, 4, 6)")));
    expectRefused(FileSet::open(file), Errc::Format, {file, "holds no frames"});
    expectRefused(FileSet::open(dir.write("a.npz", "PK"), 2), Errc::Unsupported, {"a.npz", "numpy.save"});
    expectRefused(FileSet::open(dir.write("b.npy", pixels(480)), 48), Errc::Format,
                  {"b.npy", "does not begin"});
}

TEST(FileSet, TellsWhatIsMissingOrUnreadable)
{
    const TempDir dir;
    expectRefused(FileSet::open(""), Errc::InvalidArgument, {"no location"});
    expectRefused(FileSet::open(dir.path() + "/none.npy"), Errc::NotFound, {"/none.npy", "check the path"});
    expectRefused(FileSet::open(dir.path()), Errc::NotFound, {dir.path(), "no .npy file"});
    const std::string pipe = dir.path() + "/pipe.npy";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    expectRefused(FileSet::open(pipe), Errc::Unsupported, {pipe, "not an ordinary file"});
    expectRefused(FileSet::open(dir.path()), Errc::Unsupported, {pipe, "not an ordinary file"});
    expectRefused(FileSet::open("/dev/null", 5), Errc::Unsupported, {"/dev/null"});
}

TEST(FileSet, TellsAboutMissingRights)
{
    const TempDir dir;
    const std::string file = dir.write("a.npy", npy2d(4, 6));
    ASSERT_EQ(::chmod(file.c_str(), 0), 0);
    const uid_t user = ::geteuid();
    if (user == 0) { // root may read everything
        ASSERT_EQ(::seteuid(65534), 0);
    }
    const auto set = FileSet::open(file);
    ASSERT_EQ(::seteuid(user), 0);
    expectRefused(set, Errc::Permission, {file, "make it readable"});
}

} // namespace dmaslab
