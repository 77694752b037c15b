// SPDX-License-Identifier: LGPL-2.1-or-later
#include <sys/resource.h>

#include "dmaslab/memory/arena_layout.h"
#include "dmaslab/memory/resource_limits.h"
#include "memory_test_support.h"

namespace dmaslab::test {

namespace {

/** The only degradation, or a text that no test expects. */
std::string soleDegradation(const ArenaParts &parts)
{
    if (parts.report.degradations.size() != 1)
        return "degradations: " + joined(parts.report.degradations);
    return parts.report.degradations.front();
}

void setLimit(decltype(RLIMIT_NOFILE) resource, rlim_t soft, rlim_t hard)
{
    const rlimit limit{soft, hard};
    if (::setrlimit(resource, &limit) != 0)
        ::_exit(3);
}

} // namespace

// In the names: Absent, Denied and so on are played by other paths, so these run on every machine.

TEST(MemoryFallback, AbsentUdmabufGivesMemfdAndSaysWhatToLoad)
{
    const FakeHost host;
    HostPaths paths;
    paths.udmabuf = host.path("absent");
    for (const auto kind : {MemoryKind::Udmabuf, MemoryKind::Auto}) {
        const auto parts = build(requestOf(kind), paths);
        const std::string said = soleDegradation(parts);
        EXPECT_TRUE(has(said, paths.udmabuf) && has(said, "modprobe udmabuf") && has(said, "CONFIG_UDMABUF"))
            << said;
        EXPECT_EQ(parts.report.kind, MemoryKind::Memfd);
        EXPECT_FALSE(parts.report.dmabuf);
        EXPECT_TRUE(parts.dmabufs.empty());
    }
}

TEST(MemoryFallback, DeniedUdmabufGivesMemfdAndNamesTheGroup)
{
    const FakeHost host;
    HostPaths paths;
    paths.udmabuf = host.write("udmabuf", "");
    ::chmod(paths.udmabuf.c_str(), 0);
    EXPECT_EQ(inChild([&] {
                  becomeNobody();
                  const std::string said = soleDegradation(build(requestOf(MemoryKind::Udmabuf), paths));
                  return has(said, "no permission") && has(said, "group") && has(said, "kvm") ? "" : said;
              }),
              "");
}

TEST(MemoryFallback, UdmabufThatRefusesGivesMemfdAndSaysWhy)
{
    HostPaths paths;
    paths.udmabuf = "/dev/null"; // opens, but knows no such ioctl
    const auto parts = build(requestOf(MemoryKind::Udmabuf), paths);
    const std::string said = soleDegradation(parts);
    EXPECT_TRUE(has(said, "UDMABUF_CREATE refused slab 0 of 4")) << said;
    EXPECT_EQ(parts.report.kind, MemoryKind::Memfd);
}

TEST(MemoryFallback, SlabBeyondUdmabufsSizeLimitGivesMemfdAndNamesTheParameter)
{
    const FakeHost host;
    HostPaths paths;
    paths.udmabuf = "/dev/null";
    paths.udmabufSizeLimit = host.write("size_limit_mb", "3\n");
    const std::string said = soleDegradation(build(requestOf(MemoryKind::Udmabuf, 2, (4 << 20) + 1), paths));
    EXPECT_TRUE(has(said, "limit of 3 MiB") && has(said, "echo 5 > ") && has(said, "udmabuf.size_limit_mb=5"))
        << said;
}

TEST(MemoryFallback, TooFewDescriptorsGiveMemfdAndNameUlimit)
{
    HostPaths paths;
    paths.udmabuf = "/dev/null";
    EXPECT_EQ(inChild([&] {
                  setLimit(RLIMIT_NOFILE, 128, 128);
                  const std::string said =
                      soleDegradation(build(requestOf(MemoryKind::Udmabuf, 100, 4096), paths));
                  return has(said, "limit of 128 open files") && has(said, "ulimit -n") ? "" : said;
              }),
              "");
}

TEST(MemoryFallback, SoftDescriptorLimitIsRaisedToTheHardOne)
{
    EXPECT_EQ(inChild([] {
                  setLimit(RLIMIT_NOFILE, 64, 1000);
                  if (!makeRoomForDescriptors(100))
                      return std::string("refused");
                  rlimit limit{};
                  ::getrlimit(RLIMIT_NOFILE, &limit);
                  return limit.rlim_cur == 1000 ? "" : "soft limit is " + std::to_string(limit.rlim_cur);
              }),
              "");
}

TEST(MemoryFallback, DescriptorLimitThatSufficesIsLeftAlone)
{
    EXPECT_EQ(inChild([] {
                  setLimit(RLIMIT_NOFILE, 500, 1000);
                  if (!makeRoomForDescriptors(100))
                      return std::string("refused");
                  rlimit limit{};
                  ::getrlimit(RLIMIT_NOFILE, &limit);
                  return limit.rlim_cur == 500 ? "" : "soft limit is " + std::to_string(limit.rlim_cur);
              }),
              "");
}

TEST(MemoryFallback, TooFewHugetlbPagesGiveOrdinaryOnesAndTheNumberToReserve)
{
    const FakeHost host;
    HostPaths paths;
    paths.udmabuf = host.path("absent");
    // A terabyte of huge pages is nowhere reserved; the arithmetic reads these instead.
    paths.hugePages = host.path("");
    host.write("nr_hugepages", "20\n");
    host.write("free_hugepages", "12\n");
    host.write("resv_hugepages", "2\n");
    const auto backing = makeMemfdBacking(std::size_t{1} << 40, PageKind::Huge, paths);
    ASSERT_FALSE(backing);
    const std::string said = backing.error().message;
    if (!has(said, "sysctl"))
        GTEST_SKIP() << "no huge pages in this kernel: " << said;
    EXPECT_TRUE(has(said, "524288 huge pages of 2 MiB are needed, 10 of 20 are free")) << said;
    EXPECT_TRUE(has(said, "vm.nr_hugepages=524298")) << said;
}

TEST(MemoryFallback, HugetlbWithoutPagesIsFoundBeforeTouching)
{
    if (freeHugePages() > 8)
        GTEST_SKIP() << "this machine has huge pages";
    const auto arena = create(requestOf(MemoryKind::Hugetlb, 8 * 4, 614400)); // and not a SIGBUS
    EXPECT_NE(arena->report().kind, MemoryKind::Hugetlb);
    EXPECT_TRUE(has(joined(arena->report().degradations), "ordinary pages instead of huge ones"));
    EXPECT_EQ(arena->report().pageSize, systemPageSize());
}

TEST(MemoryFallback, AbsentDmaHeapGivesTheNextBestAndNamesTheHeapsThere)
{
    const FakeHost host;
    HostPaths paths;
    paths.udmabuf = host.path("absent");
    paths.dmaHeaps = host.path("heaps");
    host.write("heaps/linux,cma", "");
    auto request = requestOf(MemoryKind::DmaHeap);
    request.heap = "vidbuf";
    const auto parts = build(request, paths);
    ASSERT_EQ(parts.report.degradations.size(), 2u);
    const std::string &said = parts.report.degradations.front();
    EXPECT_TRUE(has(said, "heaps/vidbuf") && has(said, "heaps here: linux,cma")) << said;
    EXPECT_TRUE(has(parts.report.degradations.back(), "modprobe udmabuf"));
    EXPECT_EQ(parts.report.kind, MemoryKind::Memfd);
}

TEST(MemoryFallback, MachineWithoutDmaHeapsIsToldTheKernelOptions)
{
    const FakeHost host;
    HostPaths paths;
    paths.dmaHeaps = host.path("absent");
    const auto parts = build(requestOf(MemoryKind::DmaHeap), paths);
    EXPECT_TRUE(has(joined(parts.report.degradations), "CONFIG_DMABUF_HEAPS_SYSTEM"));
}

TEST(MemoryFallback, DmaHeapThatRefusesGivesTheNextBest)
{
    const FakeHost host;
    HostPaths paths;
    paths.dmaHeaps = host.path("heaps");
    host.write("heaps/system", ""); // a plain file knows no such ioctl
    const auto parts = build(requestOf(MemoryKind::DmaHeap), paths);
    EXPECT_NE(parts.report.kind, MemoryKind::DmaHeap);
    EXPECT_TRUE(has(parts.report.degradations.front(), "refused slab 0 of 4"));
}

TEST(MemoryFallback, RefusedLockNamesTheLimitAndTheBytes)
{
    SKIP_WITHOUT_MLOCK();
    EXPECT_EQ(inChild([] {
                  setLimit(RLIMIT_MEMLOCK, 4096, 4096);
                  becomeNobody();
                  auto request = requestOf(MemoryKind::Memfd, 2, 1 << 20);
                  request.lock = true;
                  const auto parts = build(request, HostPaths{});
                  const std::string said = soleDegradation(parts);
                  if (parts.report.locked)
                      return std::string("claims to be locked");
                  return has(said, "RLIMIT_MEMLOCK is 4096 bytes") && has(said, "LimitMEMLOCK=2097152") &&
                                 has(said, "ulimit -l 2048")
                             ? ""
                             : said;
              }),
              "");
}

TEST(MemoryFallback, SoftLockLimitIsRaisedToTheHardOne)
{
    SKIP_WITHOUT_MLOCK();
    EXPECT_EQ(inChild([] {
                  setLimit(RLIMIT_MEMLOCK, 4096, 8 << 20);
                  becomeNobody();
                  auto request = requestOf(MemoryKind::Memfd, 2, 1 << 20);
                  request.lock = true;
                  const auto parts = build(request, HostPaths{});
                  return parts.report.locked ? "" : soleDegradation(parts);
              }),
              "");
}

TEST(MemoryLayout, HugetlbSlabsNeverStraddleAHugePage)
{
    for (const std::size_t size : {1, 4096, 4097, 614400, 700000, 1 << 20, (1 << 20) + 1, 2 << 20}) {
        const auto layout = layoutOf(requestOf(MemoryKind::Hugetlb, 7, size), PageKind::Huge);
        ASSERT_TRUE(layout);
        EXPECT_GE(layout->stride, size);
        EXPECT_EQ(hugePageSize % layout->stride, 0u) << size;
        EXPECT_EQ(layout->length % hugePageSize, 0u);
        EXPECT_GE(layout->length, 7 * layout->stride);
    }
}

TEST(MemoryLayout, HugetlbSlabsBeyondAHugePageWasteNothing)
{
    const auto layout = layoutOf(requestOf(MemoryKind::Hugetlb, 2, (3 << 20) - 1), PageKind::Huge);
    EXPECT_EQ(layout->stride, std::size_t{3} << 20);
    EXPECT_EQ(layout->length, std::size_t{6} << 20);
}

} // namespace dmaslab::test
