// SPDX-License-Identifier: LGPL-2.1-or-later
#include <csignal>
#include <limits>

#include <sys/resource.h>

#include "memory_test_support.h"

namespace dmaslab::test {

namespace {

Error errorOf(const ArenaRequest &request)
{
    const auto arena = Arena::create(request);
    return arena ? Error{Errc::Io, "no error at all", 0} : arena.error();
}

} // namespace

TEST(MemoryErrors, ZeroSizedSlabsAreRefused)
{
    EXPECT_EQ(errorOf(requestOf(MemoryKind::Auto, 4, 0)).code, Errc::InvalidArgument);
}

TEST(MemoryErrors, ZeroSlabsAreRefused)
{
    EXPECT_EQ(errorOf(requestOf(MemoryKind::Auto, 0, 4096)).code, Errc::InvalidArgument);
}

TEST(MemoryErrors, MoreSlabsThanIndicesAreRefusedWithBothNumbers)
{
    const Error error = errorOf(requestOf(MemoryKind::Auto, 65536, 16));
    EXPECT_EQ(error.code, Errc::Limit);
    EXPECT_TRUE(has(error.message, "65536") && has(error.message, "65535")) << error.message;
}

TEST(MemoryErrors, AllIndicesCanBeUsed)
{
    const auto arena = Arena::create(requestOf(MemoryKind::Memfd, 65535, 16));
    ASSERT_TRUE(arena) << arena.error().message;
    (*arena)->slab(65534)[15] = std::byte{1};
}

TEST(MemoryErrors, SizesThatOverflowAreRefused)
{
    constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();
    for (const std::size_t size : {huge, huge - 4095, huge / 2, huge / 3, (std::size_t{1} << 62) - 1})
        for (const auto kind : {MemoryKind::Auto, MemoryKind::Hugetlb, MemoryKind::DmaHeap})
            EXPECT_EQ(errorOf(requestOf(kind, 3, size)).code, Errc::Limit) << size;
}

TEST(MemoryErrors, OddPageSizeIsRefused)
{
    ArenaRequest request = requestOf(MemoryKind::Auto);
    request.pageSize = 5000;
    EXPECT_EQ(errorOf(request).code, Errc::InvalidArgument);
}

TEST(MemoryErrors, NumaNodeThatDoesNotExistIsRefusedWithTheExistingOnes)
{
    ArenaRequest request = requestOf(MemoryKind::Auto);
    request.numaNode = 977;
    const Error error = errorOf(request);
    EXPECT_EQ(error.code, Errc::InvalidArgument);
    EXPECT_TRUE(has(error.message, "977")) << error.message;
    EXPECT_TRUE(has(error.message, "here: 0")) << error.message;
}

TEST(MemoryErrors, ImportedCannotBeRequested)
{
    const Error error = errorOf(requestOf(MemoryKind::Imported));
    EXPECT_EQ(error.code, Errc::InvalidArgument);
    EXPECT_TRUE(has(error.message, "Arena::import")) << error.message;
}

TEST(MemoryErrors, HeapNameWithASlashIsRefused)
{
    ArenaRequest request = requestOf(MemoryKind::DmaHeap);
    request.heap = "../null";
    EXPECT_EQ(errorOf(request).code, Errc::InvalidArgument);
}

TEST(MemoryErrors, MoreSlabsThanMemoryIsRefusedWithTheArithmetic)
{
    EXPECT_EQ(inChild([] {
                  // Were the check gone, this limit would answer instead of the OOM killer.
                  ::signal(SIGXFSZ, SIG_IGN);
                  const rlimit fileSize{1 << 20, 1 << 20};
                  ::setrlimit(RLIMIT_FSIZE, &fileSize);
                  const Error error = errorOf(requestOf(MemoryKind::Auto, 60000, std::size_t{1} << 30));
                  const bool complete = has(error.message, "60000 slabs of 1 GiB") &&
                                        has(error.message, "58.6 TiB") && has(error.message, "available") &&
                                        has(error.message, "fewer slabs");
                  return error.code == Errc::NoMemory && complete ? "" : error.message;
              }),
              "");
}

TEST(MemoryErrors, MoreSlabsThanMemoryIsFoundBeforeAPageIsTouched)
{
    // 256 MiB exist, but MemAvailable says 100: were any page touched first, the peak would show it.
    const FakeHost host;
    HostPaths paths;
    paths.meminfo = host.write("meminfo", "MemTotal: 900000 kB\nMemAvailable: 102400 kB\n");
    const std::string wrong = inChild([&] {
        rusage before{};
        rusage after{};
        ::getrusage(RUSAGE_SELF, &before);
        const auto parts = buildArena(requestOf(MemoryKind::Memfd, 256, 1 << 20), paths);
        ::getrusage(RUSAGE_SELF, &after);
        if (parts || parts.error().code != Errc::NoMemory)
            return std::string("not refused");
        if (after.ru_maxrss > before.ru_maxrss + 32 * 1024)
            return "peak rose by KiB " + std::to_string(after.ru_maxrss - before.ru_maxrss);
        return std::string();
    });
    EXPECT_EQ(wrong, "");
}

} // namespace dmaslab::test
