// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

#include "dmaslab/error.h"
#include "dmaslab/memory/arena.h"
#include "dmaslab/memory/memfd_backing.h"

namespace dmaslab {

struct ArenaLayout
{
    std::size_t stride = 0; ///< from one slab to the next
    std::size_t length = 0; ///< of the whole range
};

/** Refuses counts and sizes that make no sense; no memory is asked for. */
Result<ArenaLayout> layoutOf(const ArenaRequest &request, PageKind pages);

} // namespace dmaslab
