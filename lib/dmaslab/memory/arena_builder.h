// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dmaslab/error.h"
#include "dmaslab/memory/arena.h"
#include "dmaslab/memory/host_paths.h"
#include "dmaslab/memory/mapping.h"
#include "dmaslab/unique_fd.h"

namespace dmaslab {

/** Everything an arena owns and knows, without its identity. */
struct ArenaParts
{
    std::uint32_t slabs = 0;
    std::size_t slabSize = 0;
    std::size_t stride = 0;
    Mapping mapping;
    UniqueFd file;                 ///< invalid when each slab is a dma-buf of its own making
    std::vector<UniqueFd> dmabufs; ///< empty, or one per slab
    ArenaReport report;
};

/** The fallback ladder: what was asked for, or the next best thing with a sentence in the report. */
Result<ArenaParts> buildArena(const ArenaRequest &request, const HostPaths &paths);

/** Foreign dma-bufs side by side in one range. */
Result<ArenaParts> importArena(std::vector<UniqueFd> dmabufs, std::size_t slabSize);

} // namespace dmaslab
