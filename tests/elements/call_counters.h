// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

/** Calls of this process into the C library, seen from outside the code under test (call_counters.cpp). */
namespace dmaslab::test {

struct CallCounts
{
    std::uint64_t mappings = 0;    ///< mmap, munmap, mprotect
    std::uint64_t ioctls = 0;      ///< ioctl
    std::uint64_t allocations = 0; ///< malloc, calloc, realloc

    static CallCounts now();
    bool operator==(const CallCounts &) const = default;
};

/** Heap calls cannot be seen under a sanitizer, nor from the slice allocator unless G_SLICE=always-malloc. */
bool allocationsAreCounted();

} // namespace dmaslab::test
