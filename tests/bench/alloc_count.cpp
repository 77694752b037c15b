// SPDX-License-Identifier: LGPL-2.1-or-later
// LD_PRELOAD: counts heap allocations and finds out by walking the stack whose they are.
#include "bench/alloc_count.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <cerrno>
#include <execinfo.h>
#include <link.h>

extern "C" {
// glibc's own entry points: going through dlsym() would allocate before there is an allocator.
void *__libc_malloc(std::size_t size);
void *__libc_calloc(std::size_t count, std::size_t size);
void *__libc_realloc(void *at, std::size_t size);
void *__libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

struct Range
{
    std::uintptr_t from = 0, until = 0;
    enum
    {
        Helper, ///< allocates on behalf of its caller
        Ours
    } kind = Helper;
};

constexpr int kMostRanges = 64;
Range ranges[kMostRanges];
int rangeCount = 0;
std::atomic<bool> counting{false};
std::atomic<unsigned long long> all{0}, ours{0};
thread_local bool inside = false; // walking the stack may itself allocate

bool contains(const char *name, const char *part)
{
    return std::strstr(name, part) != nullptr;
}

int addModule(dl_phdr_info *info, std::size_t, void *)
{
    const char *name = info->dlpi_name;
    const bool mine = contains(name, "libdmaslab") || contains(name, "libgstdmaslab") ||
                      contains(name, "libgstslabqueue") || contains(name, "libgsturingarchive");
    const bool helper = contains(name, "/libc.") || contains(name, "libstdc++") ||
                        contains(name, "libglib-2") || contains(name, "libgobject-2") ||
                        contains(name, "liballoc_count") || contains(name, "libgcc_s");
    if (!mine && !helper)
        return 0;
    for (int i = 0; i < info->dlpi_phnum && rangeCount < kMostRanges; ++i) {
        const auto &segment = info->dlpi_phdr[i];
        if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_X))
            continue;
        const auto from = std::uintptr_t(info->dlpi_addr + segment.p_vaddr);
        ranges[rangeCount++] = {from, from + segment.p_memsz, mine ? Range::Ours : Range::Helper};
    }
    return 0;
}

bool isOurs()
{
    void *stack[32];
    const int depth = backtrace(stack, 32);
    for (int i = 0; i < depth; ++i) {
        const auto at = reinterpret_cast<std::uintptr_t>(stack[i]);
        bool helper = false;
        for (int r = 0; r < rangeCount && !helper; ++r) {
            if (at < ranges[r].from || at >= ranges[r].until)
                continue;
            if (ranges[r].kind == Range::Ours)
                return true;
            helper = true;
        }
        if (!helper)
            return false;
    }
    return false;
}

void note()
{
    if (!counting.load(std::memory_order_acquire) || inside)
        return;
    inside = true;
    all.fetch_add(1, std::memory_order_relaxed);
    if (isOurs())
        ours.fetch_add(1, std::memory_order_relaxed);
    inside = false;
}

} // namespace

extern "C" {

__attribute__((visibility("default"))) void alloc_count_start()
{
    counting.store(false);
    void *warm[4];
    (void)backtrace(warm, 4); // loads the unwinder now, not under a lock of somebody's later
    rangeCount = 0;
    dl_iterate_phdr(addModule, nullptr);
    all = 0;
    ours = 0;
    counting.store(true, std::memory_order_release);
}

__attribute__((visibility("default"))) AllocCounts alloc_count_read()
{
    counting.store(false);
    AllocCounts counts{};
    counts.all = all;
    counts.ours = ours;
    return counts;
}

__attribute__((visibility("default"))) void *malloc(std::size_t size)
{
    note();
    return __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(std::size_t count, std::size_t size)
{
    note();
    return __libc_calloc(count, size);
}

__attribute__((visibility("default"))) void *realloc(void *at, std::size_t size)
{
    note();
    return __libc_realloc(at, size);
}

__attribute__((visibility("default"))) void *aligned_alloc(std::size_t alignment, std::size_t size)
{
    note();
    return __libc_memalign(alignment, size);
}

__attribute__((visibility("default"))) void *memalign(std::size_t alignment, std::size_t size)
{
    note();
    return __libc_memalign(alignment, size);
}

__attribute__((visibility("default"))) int posix_memalign(void **at, std::size_t alignment, std::size_t size)
{
    note();
    *at = __libc_memalign(alignment, size);
    return *at ? 0 : ENOMEM;
}

} // extern "C"
