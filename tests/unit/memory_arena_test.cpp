// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cerrno>
#include <set>

#include <sys/mman.h>

#include "memory_test_support.h"

namespace dmaslab::test {

namespace {

std::shared_ptr<Arena> memfdArena(std::uint32_t slabs = 4, std::size_t slabSize = 614400)
{
    return create(requestOf(MemoryKind::Memfd, slabs, slabSize));
}

} // namespace

TEST(MemoryArena, MemfdRequestIsGrantedWithoutDegradation)
{
    const auto arena = memfdArena();
    EXPECT_EQ(arena->report().kind, MemoryKind::Memfd);
    EXPECT_EQ(joined(arena->report().degradations), "");
    EXPECT_FALSE(arena->report().dmabuf);
    EXPECT_FALSE(arena->needsCpuSync());
    EXPECT_GE(arena->fd(), 0);
    EXPECT_EQ(arena->dmabufFd(0), -1);
    EXPECT_EQ(arena->report().pageSize, systemPageSize());
}

TEST(MemoryArena, SlabsAreEqualDisjointAndSideBySide)
{
    const auto arena = memfdArena(5, 5000);
    EXPECT_EQ(arena->stride() % 4096, 0u);
    EXPECT_GE(arena->stride(), 5000u);
    for (std::uint32_t i = 0; i < arena->slabs(); ++i) {
        EXPECT_EQ(arena->slab(i).data(), arena->base() + i * arena->stride());
        EXPECT_EQ(arena->slab(i).size(), 5000u);
        std::ranges::fill(arena->slab(i), static_cast<std::byte>(i + 1));
    }
    for (std::uint32_t i = 0; i < arena->slabs(); ++i)
        EXPECT_TRUE(std::ranges::all_of(arena->slab(i), [i](std::byte b) { return b == std::byte(i + 1); }))
            << i;
}

TEST(MemoryArena, EveryPageIsThereBeforeTheFirstFrame)
{
    const auto arena = memfdArena(8, 1 << 20);
    const std::size_t pages = arena->slabs() * arena->stride() / systemPageSize();
    std::vector<unsigned char> resident(pages);
    ASSERT_EQ(::mincore(arena->base(), arena->slabs() * arena->stride(), resident.data()), 0);
    EXPECT_EQ(std::ranges::count_if(resident, [](unsigned char r) { return r & 1; }), std::ssize(resident));
    EXPECT_EQ(::lseek(arena->fd(), 0, SEEK_HOLE), ::lseek(arena->fd(), 0, SEEK_END)) << "the file has a hole";
}

TEST(MemoryArena, IdsStartAboveZeroAndAreNeverReused)
{
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 20; ++i) {
        const auto arena = memfdArena(1, 1);
        EXPECT_GT(arena->id(), 0u);
        EXPECT_TRUE(seen.insert(arena->id()).second) << arena->id();
    }
}

TEST(MemoryArena, StrideFollowsAPageSizeOf16KiB)
{
    ArenaRequest request = requestOf(MemoryKind::Memfd, 3, 20000);
    request.pageSize = 16384;
    const auto arena = create(request);
    EXPECT_EQ(arena->stride(), 32768u);
    EXPECT_EQ(arena->slab(2).data() - arena->base(), 2 * 32768);
    EXPECT_EQ(arena->slab(2).size(), 20000u);
    arena->slab(2).back() = std::byte{1};
}

TEST(MemoryArena, SealedFileCannotBeMappedWritableAgain)
{
    const auto arena = memfdArena();
    EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, arena->fd(), 0), MAP_FAILED);
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(::write(arena->fd(), "x", 1), -1);
    EXPECT_EQ(errno, EPERM);
}

TEST(MemoryArena, SealedFileCanNeitherShrinkNorGrowNorLosePages)
{
    const auto arena = memfdArena();
    EXPECT_EQ(::ftruncate(arena->fd(), 0), -1);
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(::ftruncate(arena->fd(), 1 << 30), -1);
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(::fallocate(arena->fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
    EXPECT_EQ(errno, EPERM);
}

TEST(MemoryArena, ReadOnlyMappingSeesWhatTheStandingMappingWrites)
{
    const auto arena = memfdArena();
    const std::size_t length = arena->slabs() * arena->stride();
    void *view = ::mmap(nullptr, length, PROT_READ, MAP_SHARED, arena->fd(), 0);
    ASSERT_NE(view, MAP_FAILED);
    arena->slab(3)[17] = std::byte{0x5a};
    EXPECT_EQ(static_cast<const std::byte *>(view)[3 * arena->stride() + 17], std::byte{0x5a});
    ::munmap(view, length);
}

TEST(MemoryArena, DescriptorsDoNotLeakIntoStartedPrograms)
{
    const auto arena = memfdArena();
    EXPECT_TRUE(::fcntl(arena->fd(), F_GETFD) & FD_CLOEXEC);
}

TEST(MemoryArena, HundredArenasLeaveNothingBehind)
{
    for (const auto kind : {MemoryKind::Memfd, MemoryKind::Auto, MemoryKind::Hugetlb, MemoryKind::DmaHeap}) {
        (void)Arena::create(requestOf(kind, 3, 10000)); // whatever is set up once
        const std::size_t descriptors = openDescriptors();
        const std::size_t mappings = slabMappings();
        for (int i = 0; i < 100; ++i) {
            const auto arena = Arena::create(requestOf(kind, 3, 10000));
            ASSERT_TRUE(arena) << arena.error().message;
            ASSERT_GT(openDescriptors(), descriptors) << "the count sees nothing";
        }
        EXPECT_EQ(openDescriptors(), descriptors) << toString(kind);
        EXPECT_EQ(slabMappings(), mappings) << toString(kind);
    }
}

TEST(MemoryArena, LockedWhenAskedAndAllowed)
{
    SKIP_WITHOUT_MLOCK();
    ArenaRequest request = requestOf(MemoryKind::Memfd, 1, 8192);
    request.lock = true;
    const auto arena = create(request);
    // 8 KiB are within every usual limit.
    EXPECT_TRUE(arena->report().locked) << joined(arena->report().degradations);
    const std::uint64_t locked = readKeyedNumber("/proc/self/status", "VmLck").value_or(0);
    EXPECT_GE(locked, 8u);
}

TEST(MemoryArena, ImportedFilesLieSideBySideAtOneStride)
{
    std::vector<UniqueFd> files;
    for (char c : {'a', 'b', 'c'}) {
        files.emplace_back(::memfd_create("foreign", MFD_CLOEXEC));
        ASSERT_EQ(::ftruncate(files.back().get(), 8192), 0);
        ASSERT_EQ(::pwrite(files.back().get(), &c, 1, 4999), 1);
    }
    const int second = files[1].get();
    const auto arena = Arena::import(std::move(files), 5000);
    ASSERT_TRUE(arena) << arena.error().message;
    EXPECT_EQ((*arena)->report().kind, MemoryKind::Imported);
    EXPECT_EQ((*arena)->fd(), -1);
    EXPECT_EQ((*arena)->dmabufFd(1), second);
    EXPECT_EQ((*arena)->slab(0).back(), std::byte{'a'});
    EXPECT_EQ((*arena)->slab(1).back(), std::byte{'b'});
    EXPECT_EQ((*arena)->slab(2).back(), std::byte{'c'});
    (*arena)->slab(1)[0] = std::byte{'w'};
    char seen = 0;
    EXPECT_EQ(::pread(second, &seen, 1, 0), 1);
    EXPECT_EQ(seen, 'w');
}

TEST(MemoryArena, ImportRefusesAFileThatIsTooSmallByItsNumber)
{
    const std::size_t before = openDescriptors();
    std::vector<UniqueFd> files;
    for (const off_t size : {8192, 4096}) {
        files.emplace_back(::memfd_create("foreign", MFD_CLOEXEC));
        ASSERT_EQ(::ftruncate(files.back().get(), size), 0);
    }
    const auto arena = Arena::import(std::move(files), 5000);
    ASSERT_FALSE(arena);
    EXPECT_EQ(arena.error().code, Errc::InvalidArgument);
    EXPECT_TRUE(has(arena.error().message, "dma-buf 1 ")) << arena.error().message;
    EXPECT_TRUE(has(arena.error().message, "4096")) << arena.error().message;
    EXPECT_EQ(openDescriptors(), before) << "refused descriptors are closed all the same";
}

TEST(MemoryArena, ImportRefusesWhatIsNoFile)
{
    std::vector<UniqueFd> files;
    files.emplace_back(-1);
    EXPECT_EQ(Arena::import(std::move(files), 5000).error().code, Errc::InvalidArgument);
    EXPECT_EQ(Arena::import({}, 5000).error().code, Errc::InvalidArgument);
}

TEST(MemoryArena, KindsAreNamedAsPropertiesAre)
{
    EXPECT_STREQ(toString(MemoryKind::Auto), "auto");
    EXPECT_STREQ(toString(MemoryKind::Udmabuf), "udmabuf");
    EXPECT_STREQ(toString(MemoryKind::Hugetlb), "hugetlb");
    EXPECT_STREQ(toString(MemoryKind::Memfd), "memfd");
    EXPECT_STREQ(toString(MemoryKind::DmaHeap), "dma-heap");
    EXPECT_STREQ(toString(MemoryKind::Imported), "imported");
}

} // namespace dmaslab::test
