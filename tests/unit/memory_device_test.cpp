// SPDX-License-Identifier: LGPL-2.1-or-later
// What only a kernel with the devices can show; elsewhere each of these says why it is skipped.
#include <algorithm>
#include <cerrno>

#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "dmaslab/memory/cache_sync.h"
#include "dmaslab/memory/numa_nodes.h"
#include "dmaslab/memory/udmabuf.h"
#include "memory_test_support.h"

namespace dmaslab::test {

namespace {

std::byte mark(std::uint32_t slab, std::size_t at)
{
    return static_cast<std::byte>(slab * 31 + at / 4096 * 7 + 1);
}

/** Marks every page of every slab, then looks through each dma-buf for the same bytes. */
void expectDmabufsShowTheSlabs(const Arena &arena)
{
    ASSERT_TRUE(arena.report().dmabuf) << joined(arena.report().degradations);
    for (std::uint32_t i = 0; i < arena.slabs(); ++i)
        for (std::size_t at = 0; at < arena.slabSize(); at += 4096)
            arena.slab(i)[at] = mark(i, at);
    for (std::uint32_t i = 0; i < arena.slabs(); ++i) {
        ASSERT_GE(arena.dmabufFd(i), 0);
        EXPECT_TRUE(::fcntl(arena.dmabufFd(i), F_GETFD) & FD_CLOEXEC);
        EXPECT_EQ(::lseek(arena.dmabufFd(i), 0, SEEK_END), static_cast<off_t>(arena.stride()));
        void *view =
            ::mmap(nullptr, arena.stride(), PROT_READ | PROT_WRITE, MAP_SHARED, arena.dmabufFd(i), 0);
        ASSERT_NE(view, MAP_FAILED) << errnoText(errno);
        auto *bytes = static_cast<std::byte *>(view);
        std::size_t wrong = 0;
        for (std::size_t at = 0; at < arena.slabSize(); at += 4096)
            wrong += bytes[at] != mark(i, at);
        EXPECT_EQ(wrong, 0u) << "pages of slab " << i;
        bytes[arena.slabSize() - 1] = std::byte{0xee};
        EXPECT_EQ(arena.slab(i).back(), std::byte{0xee});
        ::munmap(view, arena.stride());
    }
}

/** One page's physical frame number, 0 where the kernel hides it from us. */
std::uint64_t frameNumber(const std::byte *address)
{
    const UniqueFd map(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
    std::uint64_t entry = 0;
    const auto page = reinterpret_cast<std::uintptr_t>(address) / systemPageSize();
    if (::pread(map.get(), &entry, sizeof(entry), static_cast<off_t>(page * sizeof(entry))) != sizeof(entry))
        return 0;
    return entry & ((std::uint64_t{1} << 55) - 1);
}

} // namespace

TEST(MemoryDevice, UdmabufRequestIsGrantedWithoutDegradation)
{
    SKIP_WITHOUT_UDMABUF();
    for (const auto kind : {MemoryKind::Udmabuf, MemoryKind::Auto}) {
        const auto arena = create(requestOf(kind));
        EXPECT_EQ(arena->report().kind, MemoryKind::Udmabuf);
        EXPECT_EQ(joined(arena->report().degradations), "");
        EXPECT_EQ(arena->report().pageSize, systemPageSize());
        EXPECT_GE(arena->fd(), 0);
    }
}

TEST(MemoryDevice, UdmabufShowsTheSameBytesAsTheSlab)
{
    SKIP_WITHOUT_UDMABUF();
    expectDmabufsShowTheSlabs(*create(requestOf(MemoryKind::Udmabuf)));
}

TEST(MemoryDevice, UdmabufShowsTheSameBytesInA16KiBLayout)
{
    SKIP_WITHOUT_UDMABUF();
    auto request = requestOf(MemoryKind::Udmabuf, 5, 20000);
    request.pageSize = 16384;
    expectDmabufsShowTheSlabs(*create(request));
}

TEST(MemoryDevice, UdmabufOutlivesTheArena)
{
    SKIP_WITHOUT_UDMABUF();
    UniqueFd kept;
    {
        const auto arena = create(requestOf(MemoryKind::Udmabuf, 2, 4096));
        arena->slab(1)[5] = std::byte{0x77};
        kept.reset(::dup(arena->dmabufFd(1)));
    }
    void *view = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, kept.get(), 0);
    ASSERT_NE(view, MAP_FAILED);
    EXPECT_EQ(static_cast<std::byte *>(view)[5], std::byte{0x77});
    ::munmap(view, 4096);
}

TEST(MemoryDevice, UdmabufCannotBeMadeOnceTheArenaIsSealed)
{
    SKIP_WITHOUT_UDMABUF();
    const auto arena = create(requestOf(MemoryKind::Udmabuf));
    const auto late = makeUdmabufs(arena->fd(), 1, arena->stride(), HostPaths{});
    ASSERT_FALSE(late) << "then the order of the seals would not matter";
    EXPECT_EQ(late.error().sysErrno, EINVAL);
    EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, arena->fd(), 0), MAP_FAILED);
    EXPECT_EQ(errno, EPERM);
}

TEST(MemoryDevice, UdmabufOfThousandSlabsRaisesTheDescriptorLimit)
{
    SKIP_WITHOUT_UDMABUF();
    EXPECT_EQ(inChild([] {
                  rlimit limit{};
                  ::getrlimit(RLIMIT_NOFILE, &limit);
                  if (limit.rlim_max < 2000)
                      return std::string();
                  limit.rlim_cur = 256;
                  ::setrlimit(RLIMIT_NOFILE, &limit);
                  return joined(create(requestOf(MemoryKind::Udmabuf, 1000, 4096))->report().degradations);
              }),
              "");
}

TEST(MemoryDevice, UdmabufSlabBeyondTheRealLimitFallsBackLoudly)
{
    SKIP_WITHOUT_UDMABUF();
    const auto limit = readNumber(HostPaths{}.udmabufSizeLimit).value_or(64);
    if (limit > 64)
        GTEST_SKIP() << "the limit is " << limit << " MiB here";
    const auto arena = create(requestOf(MemoryKind::Udmabuf, 1, (limit << 20) + 1));
    EXPECT_EQ(arena->report().kind, MemoryKind::Memfd);
    EXPECT_TRUE(has(joined(arena->report().degradations), "size_limit_mb"));
    const auto below = create(requestOf(MemoryKind::Udmabuf, 1, limit << 20));
    EXPECT_EQ(below->report().kind, MemoryKind::Udmabuf) << joined(below->report().degradations);
}

TEST(MemoryDevice, UdmabufImportedBackLiesAtOneStride)
{
    SKIP_WITHOUT_UDMABUF();
    const auto owner = create(requestOf(MemoryKind::Udmabuf, 3, 10000));
    std::vector<UniqueFd> dmabufs;
    for (std::uint32_t i = 0; i < 3; ++i) {
        owner->slab(i).back() = std::byte(i + 1);
        dmabufs.emplace_back(::dup(owner->dmabufFd(i)));
    }
    const auto guest = Arena::import(std::move(dmabufs), 10000);
    ASSERT_TRUE(guest) << guest.error().message;
    for (std::uint32_t i = 0; i < 3; ++i)
        EXPECT_EQ((*guest)->slab(i).back(), std::byte(i + 1));
}

TEST(MemoryDevice, HugetlbPagesAreTwoMebibytesBySmaps)
{
    SKIP_WITHOUT_HUGE_PAGES(2);
    const auto arena = create(requestOf(MemoryKind::Hugetlb, 4, 614400));
    EXPECT_EQ(arena->report().kind, MemoryKind::Hugetlb) << joined(arena->report().degradations);
    EXPECT_EQ(arena->report().pageSize, hugePageSize);
    EXPECT_TRUE(arena->report().locked);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(arena->base()) % hugePageSize, 0u);
    EXPECT_EQ(::mmap(nullptr, hugePageSize, PROT_READ | PROT_WRITE, MAP_SHARED, arena->fd(), 0), MAP_FAILED);
    EXPECT_EQ(errno, EPERM);
}

TEST(MemoryDevice, HugetlbPagesComeBackWithTheArena)
{
    SKIP_WITHOUT_HUGE_PAGES(2);
    const auto before = freeHugePages();
    {
        const auto arena = create(requestOf(MemoryKind::Hugetlb, 4, 614400));
        EXPECT_EQ(freeHugePages(), before - 2);
    }
    EXPECT_EQ(freeHugePages(), before);
}

TEST(MemoryDevice, HugetlbBeyondTheReservedPagesFallsBackLoudly)
{
    SKIP_WITHOUT_HUGE_PAGES(1);
    const auto arena = create(requestOf(MemoryKind::Hugetlb, freeHugePages() + 1, hugePageSize));
    EXPECT_NE(arena->report().kind, MemoryKind::Hugetlb);
    const std::string said = joined(arena->report().degradations);
    EXPECT_TRUE(has(said, "vm.nr_hugepages=")) << said;
    std::ranges::fill(arena->slab(arena->slabs() - 1), std::byte{1}); // no SIGBUS
}

TEST(MemoryDevice, HugetlbUdmabufShowsTheSameBytesAsTheSlab)
{
    SKIP_WITHOUT_UDMABUF();
    SKIP_WITHOUT_HUGE_PAGES(8);
    for (const std::size_t size : {4096, 20000, 614400, 1 << 20, 2 << 20, (3 << 20) - 5000})
        expectDmabufsShowTheSlabs(*create(requestOf(MemoryKind::Hugetlb, 5, size)));
}

TEST(MemoryDevice, HugetlbSlabsArePhysicallyContiguous)
{
    SKIP_WITHOUT_HUGE_PAGES(4);
    const auto arena = create(requestOf(MemoryKind::Hugetlb, 7, 614400));
    ASSERT_EQ(arena->report().kind, MemoryKind::Hugetlb);
    if (frameNumber(arena->base()) == 0)
        GTEST_SKIP() << "/proc/self/pagemap hides frame numbers from this user";
    for (std::uint32_t i = 0; i < arena->slabs(); ++i) {
        const auto first = frameNumber(arena->slab(i).data());
        for (std::size_t at = 0; at < arena->slabSize(); at += systemPageSize())
            ASSERT_EQ(frameNumber(arena->slab(i).data() + at), first + at / systemPageSize()) << "slab " << i;
    }
}

TEST(MemoryDevice, DmaHeapSlabsLieAtOneStride)
{
    SKIP_WITHOUT_DMA_HEAP();
    const auto arena = create(requestOf(MemoryKind::DmaHeap, 4, 614400));
    EXPECT_EQ(arena->report().kind, MemoryKind::DmaHeap);
    EXPECT_EQ(joined(arena->report().degradations), "");
    EXPECT_EQ(arena->fd(), -1);
    expectDmabufsShowTheSlabs(*arena);
}

TEST(MemoryDevice, DmaHeapLayoutOf16KiBPages)
{
    SKIP_WITHOUT_DMA_HEAP();
    auto request = requestOf(MemoryKind::DmaHeap, 4, 20000);
    request.pageSize = 16384;
    const auto arena = create(request);
    EXPECT_EQ(arena->stride(), 32768u);
    expectDmabufsShowTheSlabs(*arena);
}

TEST(MemoryDevice, DmaHeapTakesCacheSync)
{
    SKIP_WITHOUT_DMA_HEAP();
    const auto arena = create(requestOf(MemoryKind::DmaHeap, 2, 4096));
    for (const auto access : {CpuAccess::Read, CpuAccess::Write, CpuAccess::ReadWrite}) {
        EXPECT_EQ(beginCpuAccess(arena->dmabufFd(1), access), 0);
        EXPECT_EQ(endCpuAccess(arena->dmabufFd(1), access), 0);
    }
}

TEST(MemoryDevice, UdmabufTakesCacheSync)
{
    SKIP_WITHOUT_UDMABUF();
    const auto arena = create(requestOf(MemoryKind::Udmabuf, 2, 4096));
    EXPECT_EQ(beginCpuAccess(arena->dmabufFd(1), CpuAccess::ReadWrite), 0);
    EXPECT_EQ(endCpuAccess(arena->dmabufFd(1), CpuAccess::ReadWrite), 0);
}

TEST(MemoryDevice, CacheSyncOfWhatIsNoDmabufAnswersAnErrno)
{
    const auto arena = create(requestOf(MemoryKind::Memfd, 1, 4096));
    EXPECT_EQ(beginCpuAccess(arena->fd(), CpuAccess::Read), ENOTTY);
    EXPECT_EQ(endCpuAccess(-1, CpuAccess::Read), EBADF);
}

TEST(MemoryDevice, CpuSyncIsOnlyNeededWhereCachesAreNotCoherent)
{
    SKIP_WITHOUT_DMA_HEAP();
    const auto arena = create(requestOf(MemoryKind::DmaHeap, 1, 4096));
#if defined(__x86_64__) || defined(__i386__)
    EXPECT_FALSE(arena->needsCpuSync());
#else
    EXPECT_TRUE(arena->needsCpuSync());
#endif
}

TEST(MemoryDevice, NumaPagesAreOnTheNodeAskedFor)
{
    const auto nodes = memoryNodes(HostPaths{});
    if (nodes.size() < 2)
        GTEST_SKIP() << "one memory node here";
    for (const auto kind : {MemoryKind::Memfd, MemoryKind::Auto}) {
        for (const int node : nodes) {
            auto request = requestOf(kind, 16, 1 << 20);
            request.numaNode = node;
            const auto parts = build(request, HostPaths{});
            EXPECT_EQ(parts.report.numaNode, node) << joined(parts.report.degradations);
            const auto pages = sampleNodes(parts.mapping);
            EXPECT_EQ(pages.size(), 1024u);
            EXPECT_EQ(std::ranges::count(pages, node), std::ssize(pages));
        }
    }
}

TEST(MemoryDevice, NumaHugetlbPagesAreOnTheNodeAskedFor)
{
    SKIP_WITHOUT_HUGE_PAGES(8);
    const auto nodes = memoryNodes(HostPaths{});
    if (nodes.size() < 2)
        GTEST_SKIP() << "one memory node here";
    for (const int node : nodes) {
        auto request = requestOf(MemoryKind::Hugetlb, 4, 1 << 20);
        request.numaNode = node;
        const auto arena = create(request);
        EXPECT_EQ(arena->report().kind, MemoryKind::Hugetlb);
        EXPECT_EQ(arena->report().numaNode, node) << joined(arena->report().degradations);
    }
}

TEST(MemoryDevice, NumaNodeThatIsFullIsSaidLoudly)
{
    const auto nodes = memoryNodes(HostPaths{});
    if (nodes.size() < 2)
        GTEST_SKIP() << "one memory node here";
    const auto free = readKeyedNumber(HostPaths{}.numaNodes + "/node" + std::to_string(nodes[0]) + "/meminfo",
                                      "Node " + std::to_string(nodes[0]) + " MemTotal");
    ASSERT_TRUE(free);
    if (*free > 2048 * 1024)
        GTEST_SKIP() << "node " << nodes[0] << " is too large to fill in a test";
    auto request = requestOf(MemoryKind::Memfd, static_cast<std::uint32_t>(*free / 1024 + 16), 1 << 20);
    request.numaNode = nodes[0];
    const auto arena = Arena::create(request);
    if (!arena)
        GTEST_SKIP() << "not enough memory for more than one node: " << arena.error().message;
    EXPECT_TRUE(has(joined((*arena)->report().degradations), "sampled pages are on NUMA node"))
        << joined((*arena)->report().degradations);
    EXPECT_EQ((*arena)->report().numaNode, -1);
}

TEST(MemoryDevice, NumaOfADmaHeapIsSaidToBeTheHeapsChoice)
{
    SKIP_WITHOUT_DMA_HEAP();
    auto request = requestOf(MemoryKind::DmaHeap, 1, 4096);
    request.numaNode = 0;
    const auto arena = create(request);
    EXPECT_TRUE(has(joined(arena->report().degradations), "a dma-heap chooses its own pages"));
}

TEST(MemoryNuma, NodeListsAreRead)
{
    EXPECT_EQ(parseNodeList("0"), (std::vector<int>{0}));
    EXPECT_EQ(parseNodeList("0-2,5,7-8"), (std::vector<int>{0, 1, 2, 5, 7, 8}));
    EXPECT_EQ(parseNodeList(""), (std::vector<int>{}));
    EXPECT_EQ(parseNodeList("x"), (std::vector<int>{}));
}

TEST(MemoryNuma, KernelWithoutNumaHasNodeZero)
{
    const FakeHost host;
    HostPaths paths;
    paths.numaNodes = host.path("absent");
    EXPECT_TRUE(checkNode(0, paths));
    EXPECT_FALSE(checkNode(1, paths));
}

} // namespace dmaslab::test
