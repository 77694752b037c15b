// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/memory/available_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string_view>

#include "dmaslab/memory/text.h"

namespace dmaslab {

namespace {

/** The file names of one cgroup version's memory controller. */
struct CgroupFiles
{
    const char *limit;
    const char *usage;
    const char *reclaimable; ///< key in memory.stat: file cache that the kernel drops to make room
};

constexpr CgroupFiles version1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
constexpr CgroupFiles version2{"memory.max", "memory.current", "inactive_file"};

void lowerTo(AvailableMemory &least, std::uint64_t bytes, const std::string &source)
{
    if (bytes < least.bytes)
        least = {bytes, source};
}

void applyCgroup(AvailableMemory &least, const std::string &folder, const CgroupFiles &files)
{
    const auto limit = readNumber(folder + "/" + files.limit);
    const auto usage = readNumber(folder + "/" + files.usage);
    if (!limit || !usage)
        return; // no limit ("max"), or the folder is not visible from inside a container
    const auto cache = readKeyedNumber(folder + "/memory.stat", files.reclaimable).value_or(0);
    const std::uint64_t used = *usage - std::min(*usage, cache);
    lowerTo(least, *limit - std::min(*limit, used), folder + "/" + files.limit);
}

/** Every cgroup from ours up to the root limits us. */
void applyCgroups(AvailableMemory &least, const std::string &root, std::string path, const CgroupFiles &files)
{
    // A path outside our cgroup namespace is shown with "..": only the mounted root can be read then.
    if (path.find("..") != std::string::npos)
        path.clear();
    while (!path.empty() && path != "/") {
        applyCgroup(least, root + path, files);
        path.erase(path.rfind('/'));
    }
    applyCgroup(least, root, files);
}

bool listsMemory(std::string_view controllers)
{
    while (!controllers.empty()) {
        const auto comma = controllers.find(',');
        if (controllers.substr(0, comma) == "memory")
            return true;
        controllers = comma == std::string_view::npos ? "" : controllers.substr(comma + 1);
    }
    return false;
}

} // namespace

AvailableMemory availableMemory(const HostPaths &paths)
{
    AvailableMemory least{std::numeric_limits<std::uint64_t>::max(), "no known limit"};
    if (const auto kib = readKeyedNumber(paths.meminfo, "MemAvailable"))
        lowerTo(least, *kib * 1024, "MemAvailable in " + paths.meminfo);

    std::ifstream self(paths.selfCgroup);
    for (std::string line; std::getline(self, line);) { // "4:memory:/path" or "0::/path"
        const auto first = line.find(':');
        const auto second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos)
            continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const std::string path = line.substr(second + 1);
        if (!path.empty() && path.front() != '/')
            continue;
        if (controllers.empty())
            applyCgroups(least, paths.cgroups, path, version2);
        else if (listsMemory(controllers))
            applyCgroups(least, paths.cgroups + "/memory", path, version1);
    }
    return least;
}

Result<void> checkMemory(std::uint64_t bytes, const std::string &what, const HostPaths &paths)
{
    const AvailableMemory available = availableMemory(paths);
    // The margin is for the rest of the program and the machine while the pages are being filled.
    const std::uint64_t margin = std::max<std::uint64_t>(std::uint64_t{32} << 20, available.bytes / 16);
    if (bytes > available.bytes - std::min(available.bytes, margin))
        return fail(Errc::NoMemory, what + " need " + bytesText(bytes) + ", but only " +
                                        bytesText(available.bytes) + " are available (" + available.source +
                                        "; " + bytesText(margin) +
                                        " of that are left to others); ask for fewer slabs");
    return {};
}

} // namespace dmaslab
