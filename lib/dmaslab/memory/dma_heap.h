// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dmaslab/error.h"
#include "dmaslab/memory/host_paths.h"
#include "dmaslab/unique_fd.h"

namespace dmaslab {

/** One dma-buf of `bytes` per slab out of a heap. All or none. An empty name means "system". */
Result<std::vector<UniqueFd>> allocateFromHeap(const std::string &heap, std::uint32_t slabs,
                                               std::size_t bytes, const HostPaths &paths);

} // namespace dmaslab
