// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cstring>

#include <sys/stat.h>
#include <unistd.h>

#include "capture_test_files.h"
#include "count_allocations.h"
#include "dmaslab/capture/file_source.h"

namespace dmaslab {

using test::npyDict;
using test::npyHeader;
using test::pixels;
using test::TempDir;

static std::string npy2d(std::uint64_t height, std::uint64_t width, unsigned frame = 0,
                         const std::string &descr = "<u2")
{
    const std::string shape = "(" + std::to_string(height) + ", " + std::to_string(width) + ")";
    return npyHeader(npyDict(descr, shape)) + pixels(height * width * (descr.back() - '0'), frame);
}

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

static std::unique_ptr<FileFrameSource> makeSource(FileSet set, const FrameLayout &layout,
                                                   FileSourceOptions options = {})
{
    auto source = FileFrameSource::create(std::move(set), layout, options);
    EXPECT_TRUE(source) << source.error().message;
    return std::move(*source);
}

static std::string filled(FileFrameSource &source, const FrameLayout &layout, std::uint64_t sequence)
{
    std::vector<std::byte> slab(layout.frameBytes, std::byte{0xa5});
    EXPECT_EQ(source.fill({slab, 1, 0}, sequence, 0), FillStatus::Ok) << source.lastError().message;
    return {reinterpret_cast<const char *>(slab.data()), slab.size()};
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

TEST(FileSource, ReadsFramesInOrderThenEnds)
{
    const TempDir dir;
    (void)dir.write("a.npy", npyHeader(npyDict("<u2", "(3, 4, 6)")) + pixels(144, 1));
    (void)dir.write("b.npy", npy2d(4, 6, 2));
    (void)dir.write("c.npy", npy2d(4, 6, 3));
    const FrameLayout layout = FrameLayout::packed(12, 4);
    const auto source = makeSource(openSet(dir.path()), layout);
    const std::string expected = pixels(144, 1) + pixels(48, 2) + pixels(48, 3);
    for (std::uint64_t k = 0; k < 5; k++)
        EXPECT_EQ(filled(*source, layout, k), expected.substr(k * 48, 48)) << k;
    std::vector<std::byte> slab(48, std::byte{0xa5});
    EXPECT_EQ(source->fill({slab, 1, 0}, 5, 0), FillStatus::EndOfStream);
    EXPECT_EQ(slab, std::vector<std::byte>(48, std::byte{0xa5})) << "written after the end";
    EXPECT_EQ(filled(*source, layout, 1), expected.substr(48, 48)) << "any frame can be asked for again";
}

TEST(FileSource, LoopsForEver)
{
    const TempDir dir;
    for (unsigned i = 0; i < 3; i++)
        (void)dir.write(std::to_string(i) + ".npy", npy2d(4, 6, i));
    const FrameLayout layout = FrameLayout::packed(12, 4);
    const auto source = makeSource(openSet(dir.path()), layout, {.loop = true});
    for (std::uint64_t k = 0; k < 10; k++)
        EXPECT_EQ(filled(*source, layout, k), pixels(48, k % 3)) << k;
    EXPECT_EQ(filled(*source, layout, ~0ULL), pixels(48, ~0ULL % 3));
    const auto single = makeSource(openSet(dir.path() + "/1.npy"), layout, {.loop = true});
    for (std::uint64_t k = 0; k < 3; k++)
        EXPECT_EQ(filled(*single, layout, k), pixels(48, 1));
}

TEST(FileSource, CountsFromTheFirstSequence)
{
    const TempDir dir;
    for (unsigned i = 0; i < 3; i++)
        (void)dir.write(std::to_string(i) + ".npy", npy2d(4, 6, i));
    const FrameLayout layout = FrameLayout::packed(12, 4);
    const auto source = makeSource(openSet(dir.path()), layout, {.firstSequence = 1000});
    EXPECT_EQ(filled(*source, layout, 1000), pixels(48, 0));
    EXPECT_EQ(filled(*source, layout, 1002), pixels(48, 2)) << "a lost sequence is a lost frame of the file";
    std::vector<std::byte> slab(48);
    EXPECT_EQ(source->fill({slab, 1, 0}, 999, 0), FillStatus::Error);
    EXPECT_NE(source->lastError().message.find("999"), std::string::npos);
    EXPECT_EQ(source->fill({slab, 1, 0}, 1003, 0), FillStatus::EndOfStream);
}

TEST(FileSource, PutsRowsAtTheirStridesAndZeroesThePadding)
{
    const TempDir dir;
    for (const std::uint64_t width : {1, 3, 5, 301}) {
        for (const std::uint64_t height : {1, 2, 7, 2500}) { // more rows than one call takes
            const FrameLayout layout = FrameLayout::padded(width, height, (width + 3) / 4 * 4);
            const std::string file = dir.write("a.npy", npy2d(height, width, 0, "|u1"));
            const std::string frame = filled(*makeSource(openSet(file), layout), layout, 0);
            const std::string expected = pixels(height * width);
            for (std::uint64_t y = 0; y < height; y++) {
                const std::size_t stride = layout.planes[0].stride;
                ASSERT_EQ(frame.substr(y * stride, width), expected.substr(y * width, width)) << y;
                ASSERT_EQ(frame.substr(y * stride + width, stride - width),
                          std::string(stride - width, '\0'));
            }
        }
    }
}

TEST(FileSource, FillsEveryPlane)
{
    const TempDir dir;
    FrameLayout layout; // as a 5x4 picture with a half-high second plane and padded rows
    layout.frameBytes = 56;
    layout.planes = {{0, 5, 8, 4}, {40, 6, 8, 2}};
    const std::string content = pixels(2 * 32);
    const auto source = makeSource(openSet(dir.write("a.raw", content), 32), layout);
    for (const std::uint64_t k : {0, 1}) {
        const std::string frame = filled(*source, layout, k);
        EXPECT_EQ(frame.substr(24, 5), content.substr(k * 32 + 15, 5));
        EXPECT_EQ(frame.substr(40, 6), content.substr(k * 32 + 20, 6));
        EXPECT_EQ(frame.substr(48, 6), content.substr(k * 32 + 26, 6));
        EXPECT_EQ(frame.substr(32, 8), std::string(8, '\0'));
        EXPECT_EQ(frame.substr(54, 2), std::string(2, '\0'));
    }
}

TEST(FileSource, TouchesNothingBehindTheFrame)
{
    const TempDir dir;
    const auto source = makeSource(openSet(dir.write("a.npy", npy2d(4, 6))), FrameLayout::packed(12, 4));
    std::vector<std::byte> slab(100, std::byte{0xa5});
    EXPECT_EQ(source->fill({slab, 1, 0}, 0, 0), FillStatus::Ok);
    EXPECT_TRUE(std::all_of(slab.begin() + 48, slab.end(), [](std::byte b) { return b == std::byte{0xa5}; }));
}

TEST(FileSource, TakesNoMemoryPerFrame)
{
    const TempDir dir;
    for (unsigned i = 0; i < 5; i++)
        (void)dir.write(std::to_string(i) + ".npy", npy2d(300, 301, i));
    const FrameLayout layout = FrameLayout::padded(602, 300, 604);
    const auto source = makeSource(openSet(dir.path()), layout, {.loop = true});
    std::vector<std::byte> slab(layout.frameBytes);
    const test::CountAllocations allocations;
    for (std::uint64_t k = 0; k < 50; k++)
        (void)source->fill({slab, 1, 0}, k, 0);
    EXPECT_EQ(allocations.count(), 0U) << "a frame must go from the file to the slab and nowhere else";
}

TEST(FileSource, KeepsAtMostTwoFilesOpen)
{
    const auto openFiles = [] {
        const auto items = std::filesystem::directory_iterator("/proc/self/fd");
        return std::distance(begin(items), end(items));
    };
    const TempDir dir;
    for (unsigned i = 0; i < 20; i++)
        (void)dir.write(std::to_string(i) + ".npy", npy2d(4, 6, i));
    const FrameLayout layout = FrameLayout::packed(12, 4);
    const auto before = openFiles();
    {
        const auto source = makeSource(openSet(dir.path()), layout, {.loop = true});
        EXPECT_EQ(openFiles(), before);
        for (std::uint64_t k = 0; k < 45; k++) {
            (void)filled(*source, layout, k);
            EXPECT_LE(openFiles(), before + 2);
        }
    }
    EXPECT_EQ(openFiles(), before);
}

static void expectFillFails(FileFrameSource &source, std::uint64_t sequence, Errc code,
                            const std::vector<std::string> &words)
{
    std::vector<std::byte> slab(48);
    ASSERT_EQ(source.fill({slab, 1, 0}, sequence, 0), FillStatus::Error);
    EXPECT_EQ(source.lastError().code, code) << source.lastError().message;
    for (const std::string &word : words)
        EXPECT_NE(source.lastError().message.find(word), std::string::npos) << source.lastError().message;
}

TEST(FileSource, TellsThatAFileHasGone)
{
    const TempDir dir;
    for (unsigned i = 0; i < 3; i++)
        (void)dir.write(std::to_string(i) + ".npy", npy2d(4, 6, i));
    const FrameLayout layout = FrameLayout::packed(12, 4);
    const auto source = makeSource(openSet(dir.path()), layout);
    (void)filled(*source, layout, 0);
    std::filesystem::remove(dir.path() + "/2.npy");
    (void)filled(*source, layout, 1);
    expectFillFails(*source, 2, Errc::NotFound, {dir.path() + "/2.npy", "has gone", "leave files in place"});
    (void)filled(*source, layout, 1); // the others still play
}

TEST(FileSource, TellsThatAFileHasChanged)
{
    const TempDir dir;
    for (unsigned i = 0; i < 3; i++)
        (void)dir.write(std::to_string(i) + ".npy", npy2d(4, 6, i));
    const auto source = makeSource(openSet(dir.path()), FrameLayout::packed(12, 4));
    (void)dir.write("1.npy", npy2d(6, 4));
    expectFillFails(*source, 1, Errc::Format, {dir.path() + "/1.npy", "has changed"});
    (void)dir.write("2.npy", "");
    expectFillFails(*source, 2, Errc::Format, {dir.path() + "/2.npy", "has changed", "cut off"});
}

TEST(FileSource, TakesAFileThatHasGrown)
{
    const TempDir dir;
    const FrameLayout layout = FrameLayout::packed(12, 4);
    const auto source =
        makeSource(openSet(dir.write("a.npy", npyHeader(npyDict("<u2", "(2, 4, 6)")) + pixels(96))), layout);
    (void)dir.write("a.npy", npyHeader(npyDict("<u2", "(4, 4, 6)")) + pixels(192));
    EXPECT_EQ(filled(*source, layout, 1), pixels(96).substr(48));
    std::vector<std::byte> slab(48);
    EXPECT_EQ(source->fill({slab, 1, 0}, 2, 0), FillStatus::EndOfStream) << "the length is that of the start";
}

TEST(FileSource, TellsThatAFileWasCutUnderIt)
{
    const TempDir dir;
    const std::string file = dir.write("a.npy", npyHeader(npyDict("<u2", "(3, 4, 6)")) + pixels(144));
    const FrameLayout layout = FrameLayout::packed(12, 4);
    const auto source = makeSource(openSet(file), layout);
    (void)filled(*source, layout, 0);
    ASSERT_EQ(::truncate(file.c_str(), 128 + 48 + 20), 0);
    expectFillFails(*source, 1, Errc::Format, {file, "byte 196", "has become shorter"});
}

TEST(FileSource, RefusesALayoutThatIsNotTheFiles)
{
    const TempDir dir;
    const std::string file = dir.write("a.npy", npy2d(4, 6));
    const auto source = FileFrameSource::create(openSet(file), FrameLayout::packed(13, 4));
    ASSERT_FALSE(source);
    EXPECT_EQ(source.error().code, Errc::InvalidArgument);
    for (const std::string &word : {file, std::string("6x4 <u2"), std::string("48"), std::string("52")})
        EXPECT_NE(source.error().message.find(word), std::string::npos) << source.error().message;
}

TEST(FileSource, RefusesASlabThatIsTooSmall)
{
    const TempDir dir;
    const auto source = makeSource(openSet(dir.write("a.npy", npy2d(4, 6))), FrameLayout::packed(12, 4));
    std::vector<std::byte> slab(47);
    EXPECT_EQ(source->fill({slab, 1, 0}, 0, 0), FillStatus::Error);
    EXPECT_NE(source->lastError().message.find("47"), std::string::npos);
}

} // namespace dmaslab
