// SPDX-License-Identifier: LGPL-2.1-or-later
// A file of its own: compilers that see a replaced operator new and its users together warn about mixed
// pairs.
#include "count_allocations.h"

#include <cstdlib>
#include <new>

namespace {
thread_local bool counting = false;
thread_local std::size_t counted = 0;
} // namespace

void *operator new(std::size_t size)
{
    counted += counting ? 1 : 0;
    if (void *memory = std::malloc(size))
        return memory;
    throw std::bad_alloc();
}

void operator delete(void *memory) noexcept
{
    std::free(memory);
}

void operator delete(void *memory, std::size_t) noexcept
{
    std::free(memory);
}

namespace dmaslab::test {

CountAllocations::CountAllocations()
{
    counted = 0;
    counting = true;
}

CountAllocations::~CountAllocations()
{
    counting = false;
}

std::size_t CountAllocations::count() const
{
    return counted;
}

} // namespace dmaslab::test
