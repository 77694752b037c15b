// SPDX-License-Identifier: LGPL-2.1-or-later
#include <sstream>

#include "dmaslab/memory/available_memory.h"
#include "memory_test_support.h"

namespace dmaslab::test {

namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20;

struct Available : ::testing::Test
{
    FakeHost host;
    HostPaths paths;

    Available()
    {
        paths.meminfo =
            host.write("meminfo", "MemTotal: 8388608 kB\nMemFree: 1 kB\nMemAvailable: 4194304 kB\n");
        paths.selfCgroup = host.write("self", "0::/user/camera\n");
        paths.cgroups = host.path("cgroup");
    }
};

} // namespace

TEST_F(Available, WithoutLimitsTheMachinesFigureCounts)
{
    EXPECT_EQ(availableMemory(paths).bytes, 4096 * mib);
    EXPECT_TRUE(has(availableMemory(paths).source, "MemAvailable"));
}

TEST_F(Available, OwnCgroupLimitCountsLessItsUse)
{
    host.write("cgroup/user/camera/memory.max", std::to_string(1000 * mib));
    host.write("cgroup/user/camera/memory.current", std::to_string(300 * mib));
    EXPECT_EQ(availableMemory(paths).bytes, 700 * mib);
    EXPECT_TRUE(has(availableMemory(paths).source, "user/camera/memory.max"));
}

TEST_F(Available, FileCacheInACgroupCountsAsAvailable)
{
    host.write("cgroup/user/camera/memory.max", std::to_string(1000 * mib));
    host.write("cgroup/user/camera/memory.current", std::to_string(300 * mib));
    host.write("cgroup/user/camera/memory.stat",
               "inactive_file_not 1\ninactive_file " + std::to_string(100 * mib) + "\n");
    EXPECT_EQ(availableMemory(paths).bytes, 800 * mib);
}

TEST_F(Available, LimitOfAParentCgroupCounts)
{
    host.write("cgroup/user/camera/memory.max", "max\n");
    host.write("cgroup/user/camera/memory.current", "1\n");
    host.write("cgroup/user/memory.max", std::to_string(500 * mib));
    host.write("cgroup/user/memory.current", std::to_string(100 * mib));
    EXPECT_EQ(availableMemory(paths).bytes, 400 * mib);
}

TEST_F(Available, LimitOfAContainerThatSeesOnlyItsRootCounts)
{
    paths.selfCgroup = host.write("self", "0::/../../other\n");
    host.write("cgroup/memory.max", std::to_string(50 * mib));
    host.write("cgroup/memory.current", std::to_string(60 * mib));
    EXPECT_EQ(availableMemory(paths).bytes, 0u);
}

TEST_F(Available, OldCgroupsCountToo)
{
    paths.selfCgroup = host.write("self", "5:devices:/x\n4:cpu,memory:/box\n0::/\n");
    host.write("cgroup/memory/box/memory.limit_in_bytes", std::to_string(600 * mib));
    host.write("cgroup/memory/box/memory.usage_in_bytes", std::to_string(200 * mib));
    host.write("cgroup/memory/box/memory.stat", "total_inactive_file " + std::to_string(50 * mib) + "\n");
    EXPECT_EQ(availableMemory(paths).bytes, 450 * mib);
}

TEST_F(Available, SomeIsLeftToOthers)
{
    EXPECT_TRUE(checkMemory(3800 * mib, "slabs", paths));
    EXPECT_FALSE(checkMemory(3900 * mib, "slabs", paths));
}

TEST_F(Available, UnreadableFilesAreNoLimit)
{
    paths.meminfo = host.path("absent");
    paths.selfCgroup = host.path("absent");
    EXPECT_TRUE(checkMemory(std::uint64_t{1} << 40, "slabs", paths));
}

TEST(MemoryText, BytesAreNamedInTheLargestHonestUnit)
{
    EXPECT_EQ(bytesText(1), "1 bytes");
    EXPECT_EQ(bytesText(4097), "4097 bytes");
    EXPECT_EQ(bytesText(614400), "600 KiB");
    EXPECT_EQ(bytesText(3 * mib / 2), "1.5 MiB");
    EXPECT_EQ(bytesText(std::uint64_t{3} << 40), "3 TiB");
}

TEST(MemoryPages, PageSizeComesFromTheMappingThatHoldsTheAddress)
{
    const std::string smaps = "1000-3000 rw-s 00000000 00:01 5 /memfd:a (deleted)\n"
                              "Size: 8 kB\nKernelPageSize:        4 kB\nMMUPageSize: 4 kB\n"
                              "3000-403000 rw-s 00000000 00:01 6 /memfd:b (deleted)\n"
                              "Size: 4096 kB\nKernelPageSize:     2048 kB\nMMUPageSize: 2048 kB\n";
    const auto at = [&smaps](std::uintptr_t address) {
        std::istringstream text(smaps);
        return pageSizeAt(address, text);
    };
    EXPECT_EQ(at(0x1000), 4096u);
    EXPECT_EQ(at(0x2fff), 4096u);
    EXPECT_EQ(at(0x3000), hugePageSize);
    EXPECT_EQ(at(0x403000), 0u);
}

} // namespace dmaslab::test
