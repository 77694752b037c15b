// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "capture_test_files.h"
#include "count_allocations.h"
#include "dmaslab/capture/file_source.h"

namespace {
/** How the next reads misbehave, in the way that disks and signals can but seldom do. */
struct ReadTrouble
{
    std::size_t atMost = SIZE_MAX; ///< bytes one call gives
    int every = 0;                 ///< each n-th call fails ...
    int with = 0;                  ///< ... with this errno
    int calls = 0;
} trouble;
} // namespace

/** Takes the place of the C library's for this program. */
ssize_t preadv(int fd, const iovec *vectors, int count, off_t offset)
{
    trouble.calls++;
    if (trouble.every > 0 && trouble.calls % trouble.every == 0) {
        errno = trouble.with;
        return -1;
    }
    std::vector<iovec> shorter;
    std::size_t left = trouble.atMost;
    if (left != SIZE_MAX) {
        for (int i = 0; i < count && left > 0; i++) {
            shorter.push_back({vectors[i].iov_base, std::min(left, vectors[i].iov_len)});
            left -= shorter.back().iov_len;
        }
        vectors = shorter.data();
        count = static_cast<int>(shorter.size());
    }
    return ::syscall(SYS_preadv, fd, vectors, count, offset, 0L);
}

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

static void expectFillFails(FileFrameSource &source, std::uint64_t sequence, Errc code,
                            const std::vector<std::string> &words)
{
    std::vector<std::byte> slab(48);
    ASSERT_EQ(source.fill({slab, 1, 0}, sequence, 0), FillStatus::Error);
    EXPECT_EQ(source.lastError().code, code) << source.lastError().message;
    for (const std::string &word : words)
        EXPECT_NE(source.lastError().message.find(word), std::string::npos) << source.lastError().message;
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

TEST(FileSource, GoesOnAfterShortAndInterruptedReads)
{
    const TempDir dir;
    const FrameLayout layout = FrameLayout::padded(301, 40, 304);
    const auto source = makeSource(openSet(dir.write("a.npy", npy2d(40, 301, 0, "|u1"))), layout);
    const std::string whole = filled(*source, layout, 0);
    for (const std::size_t atMost : {1, 7, 300, 301, 302, 5000}) {
        trouble = {.atMost = atMost, .every = 2, .with = EINTR};
        EXPECT_EQ(filled(*source, layout, 0), whole) << atMost;
    }
    trouble = {};
}

TEST(FileSource, TellsThatAReadFailed)
{
    const TempDir dir;
    const std::string file = dir.write("a.npy", npy2d(4, 6));
    const auto source = makeSource(openSet(file), FrameLayout::packed(12, 4));
    trouble = {.every = 1, .with = EIO};
    expectFillFails(*source, 0, Errc::Io, {file, "byte 128", "Input/output error", "check the disk"});
    EXPECT_EQ(source->lastError().sysErrno, EIO);
    trouble = {};
    EXPECT_EQ(filled(*source, FrameLayout::packed(12, 4), 0), pixels(48)) << "another try is allowed";
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
    if (!test::CountAllocations::works())
        GTEST_SKIP() << "this sanitizer brings its own operator new";
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
