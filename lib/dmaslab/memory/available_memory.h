// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

#include "dmaslab/error.h"
#include "dmaslab/memory/host_paths.h"

namespace dmaslab {

struct AvailableMemory
{
    std::uint64_t bytes = 0;
    std::string source; ///< which figure decided: the machine's, or a cgroup's limit
};

/** What can be had without swapping: MemAvailable, or less where a cgroup above us limits memory. */
[[nodiscard]] AvailableMemory availableMemory(const HostPaths &paths);

/**
 * Refuses what cannot be there, before a page is touched: past the limit the kernel would end a process,
 * and maybe not this one.
 */
Result<void> checkMemory(std::uint64_t bytes, const std::string &what, const HostPaths &paths);

} // namespace dmaslab
