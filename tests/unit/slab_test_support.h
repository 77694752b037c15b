// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "dmaslab/slab/pool.h"

namespace dmaslab::test {

constexpr std::int64_t kFarDeadline = kNoDeadline;

inline std::shared_ptr<Arena> makeArena(std::uint32_t slabs, std::size_t bytes = 4096)
{
    ArenaRequest request;
    request.kind = MemoryKind::Memfd;
    request.slabs = slabs;
    request.slabSize = bytes;
    return *Arena::create(request);
}

inline PoolPtr makePool(std::uint32_t slabs, Reuse reuse = Reuse::Lifo, std::size_t bytes = 4096)
{
    return *Pool::create(makeArena(slabs, bytes), reuse);
}

/** Returns when somebody has announced that he waits for a slab; only the futex call itself may be
 * outstanding. */
inline void untilAsleep(const Pool &pool)
{
    while (!pool.hasWaiter())
        std::this_thread::yield();
}

} // namespace dmaslab::test
