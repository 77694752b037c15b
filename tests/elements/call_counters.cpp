// SPDX-License-Identifier: LGPL-2.1-or-later
// An executable's own symbols go before those of any library, ours and GStreamer's included; hence no
// LD_PRELOAD. The calls are made without the library, because looking its functions up would allocate.
#include "call_counters.h"

#include <atomic>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

std::atomic<std::uint64_t> mappingCalls{0};
std::atomic<std::uint64_t> ioctlCalls{0};
std::atomic<std::uint64_t> heapCalls{0};

void count(std::atomic<std::uint64_t> &calls)
{
    calls.fetch_add(1, std::memory_order_relaxed);
}

} // namespace

namespace dmaslab::test {

CallCounts CallCounts::now()
{
    return {mappingCalls.load(), ioctlCalls.load(), heapCalls.load()};
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

bool allocationsAreCounted()
{
#ifdef SANITIZED
    return false;
#else
    const char *slices = std::getenv("G_SLICE");
    return slices && std::strcmp(slices, "always-malloc") == 0;
#endif
}

} // namespace dmaslab::test

#ifndef SANITIZED

extern "C" {

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) noexcept
{
    count(mappingCalls);
    return reinterpret_cast<void *>(syscall(SYS_mmap, address, length, protection, flags, fd, offset));
}

int munmap(void *address, size_t length) noexcept
{
    count(mappingCalls);
    return static_cast<int>(syscall(SYS_munmap, address, length));
}

int mprotect(void *address, size_t length, int protection) noexcept
{
    count(mappingCalls);
    return static_cast<int>(syscall(SYS_mprotect, address, length, protection));
}

int ioctl(int fd, unsigned long request, ...) noexcept
{
    count(ioctlCalls);
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return static_cast<int>(syscall(SYS_ioctl, fd, request, argument));
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size) noexcept
{
    count(heapCalls);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) noexcept
{
    count(heapCalls);
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) noexcept
{
    count(heapCalls);
    return __libc_realloc(memory, size);
}
}

#endif
