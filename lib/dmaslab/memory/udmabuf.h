// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dmaslab/error.h"
#include "dmaslab/memory/host_paths.h"
#include "dmaslab/unique_fd.h"

namespace dmaslab {

/**
 * One dma-buf per slab, made of the memfd's own pages. All or none. The memfd must carry F_SEAL_SHRINK and
 * must not carry a seal against writing yet.
 */
Result<std::vector<UniqueFd>> makeUdmabufs(int memfd, std::uint32_t slabs, std::size_t stride,
                                           const HostPaths &paths);

} // namespace dmaslab
