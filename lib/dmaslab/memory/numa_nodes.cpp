// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/memory/numa_nodes.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>

#include <numaif.h>

#include "dmaslab/memory/page_info.h"
#include "dmaslab/memory/text.h"

namespace dmaslab {

namespace {

constexpr std::size_t maxSamples = 1024;

} // namespace

std::vector<int> parseNodeList(std::string_view list)
{
    std::vector<int> nodes;
    const char *at = list.data();
    const char *const end = at + list.size();
    while (at != end) {
        int first = 0;
        auto parsed = std::from_chars(at, end, first);
        if (parsed.ec != std::errc())
            break;
        int last = first;
        if (parsed.ptr != end && *parsed.ptr == '-')
            parsed = std::from_chars(parsed.ptr + 1, end, last);
        if (parsed.ec != std::errc())
            break;
        for (int node = first; node <= last; ++node)
            nodes.push_back(node);
        at = parsed.ptr;
        if (at == end || *at != ',')
            break;
        ++at;
    }
    return nodes;
}

std::vector<int> memoryNodes(const HostPaths &paths)
{
    for (const char *file : {"/has_memory", "/online"}) {
        if (const auto list = readLine(paths.numaNodes + file)) {
            auto nodes = parseNodeList(*list);
            if (!nodes.empty())
                return nodes;
        }
    }
    return {0};
}

Result<void> checkNode(int node, const HostPaths &paths)
{
    const auto nodes = memoryNodes(paths);
    if (std::find(nodes.begin(), nodes.end(), node) != nodes.end())
        return {};
    std::string known;
    for (const int one : nodes)
        known += (known.empty() ? "" : ", ") + std::to_string(one);
    return fail(Errc::InvalidArgument, "NUMA node " + std::to_string(node) +
                                           " does not exist or has no memory; nodes with memory here: " +
                                           known + "; -1 leaves the choice to the kernel");
}

Result<void> preferNode(const Mapping &mapping, int node)
{
    constexpr std::size_t bits = sizeof(unsigned long) * CHAR_BIT;
    const auto index = static_cast<std::size_t>(node);
    std::vector<unsigned long> mask(index / bits + 1, 0);
    mask[index / bits] = 1UL << (index % bits);
    // Preferred, not bound: on a full node a bound page ends the process (OOM killer, SIGBUS for huge pages),
    // a preferred one lands elsewhere, which sampleNodes() then reports.
    // The kernel counts one bit less than it is told.
    if (::mbind(mapping.base(), mapping.length(), MPOL_PREFERRED, mask.data(), mask.size() * bits + 1, 0) ==
        0)
        return {};
    const int error = errno;
    return fail(error == EPERM ? Errc::Permission : Errc::Unsupported,
                "the kernel refused to bind memory to NUMA node " + std::to_string(node) + ": " +
                    errnoText(error) + " (in a container allow mbind, for example with CAP_SYS_NICE)",
                error);
}

std::vector<int> sampleNodes(const Mapping &mapping)
{
    const std::size_t pages = mapping.length() / systemPageSize();
    const std::size_t samples = std::min(pages, maxSamples);
    std::vector<void *> addresses(samples);
    for (std::size_t i = 0; i < samples; ++i)
        addresses[i] = mapping.base() + (i * pages / samples) * systemPageSize();
    std::vector<int> nodes(samples, -1);
    // With no target nodes move_pages moves nothing and answers where each page is, or a negative errno.
    if (::move_pages(0, samples, addresses.data(), nullptr, nodes.data(), 0) != 0)
        return {};
    std::erase_if(nodes, [](int node) { return node < 0; });
    return nodes;
}

} // namespace dmaslab
