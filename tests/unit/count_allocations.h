// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

namespace dmaslab::test {

/** While it lives, counts what this thread takes with operator new. Link count_allocations.cpp. */
class CountAllocations
{
public:
    CountAllocations();
    ~CountAllocations();
    CountAllocations(const CountAllocations &) = delete;
    CountAllocations &operator=(const CountAllocations &) = delete;
    [[nodiscard]] std::size_t count() const;
    /** False under clang's thread sanitizer, which links an operator new of its own. */
    static bool works();
};

} // namespace dmaslab::test
