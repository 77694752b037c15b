// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace dmaslab {

/**
 * Where the kernel shows what it can do. Only tests pass anything but the defaults: with other files here a
 * machine that has everything behaves like one that lacks it.
 */
struct HostPaths
{
    std::string udmabuf = "/dev/udmabuf";
    std::string udmabufSizeLimit = "/sys/module/udmabuf/parameters/size_limit_mb";
    std::string dmaHeaps = "/dev/dma_heap";
    std::string hugePages = "/sys/kernel/mm/hugepages/hugepages-2048kB";
    std::string numaNodes = "/sys/devices/system/node";
    std::string meminfo = "/proc/meminfo";
    std::string selfCgroup = "/proc/self/cgroup";
    std::string cgroups = "/sys/fs/cgroup";
};

} // namespace dmaslab
