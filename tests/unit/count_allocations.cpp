// SPDX-License-Identifier: LGPL-2.1-or-later
// A file of its own: compilers that see a replaced operator new and its users together warn about mixed
// pairs.
#include "count_allocations.h"

#include <cstdlib>
#include <new>

#define COUNTS 1
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#undef COUNTS
#define COUNTS 0
#endif
#endif

namespace {
[[maybe_unused]] thread_local bool counting = false;
thread_local std::size_t counted = 0;
} // namespace

#if COUNTS
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
#endif

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

bool CountAllocations::works()
{
    return COUNTS != 0;
}

} // namespace dmaslab::test
