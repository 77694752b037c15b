// SPDX-License-Identifier: LGPL-2.1-or-later
// LD_PRELOAD: counts the block copies of a process that are large enough to be pixels, whoever makes them.
// At exit it writes "calls N bytes N frame-calls N" to the file named by MEMCPY_SPY_FILE; frame-calls are
// those of at least MEMCPY_SPY_FRAME bytes.
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum
{
    leastBytes = 4096
};

typedef void *(*Copy)(void *, const void *, size_t);
typedef void *(*CheckedCopy)(void *, const void *, size_t, size_t);

static _Atomic(unsigned long) calls, bytes, frameCalls;
static size_t frameBytes = (size_t)-1;

static void count(size_t size)
{
    if (size < leastBytes)
        return;
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&bytes, size, memory_order_relaxed);
    if (size >= frameBytes)
        atomic_fetch_add_explicit(&frameCalls, 1, memory_order_relaxed);
}

// The dynamic linker itself copies before dlsym() can be asked, in one thread; a loop serves until then.
// Volatile, or the compiler makes a call to memcpy of it.
static void *copyByHand(void *to, const void *from, size_t size)
{
    volatile unsigned char *out = to;
    const volatile unsigned char *in = from;
    if ((size_t)(out - in) >= size) {
        for (size_t i = 0; i < size; ++i)
            out[i] = in[i];
    } else {
        for (size_t i = size; i-- > 0;)
            out[i] = in[i];
    }
    return to;
}

static Copy realCopy, realMove;

__attribute__((constructor)) static void begin(void)
{
    const char *frame = getenv("MEMCPY_SPY_FRAME");
    if (frame)
        frameBytes = strtoul(frame, NULL, 10);
    realMove = (Copy)dlsym(RTLD_NEXT, "memmove");
    realCopy = (Copy)dlsym(RTLD_NEXT, "memcpy");
}

__attribute__((destructor)) static void end(void)
{
    const char *name = getenv("MEMCPY_SPY_FILE");
    FILE *file = name ? fopen(name, "w") : NULL;
    if (!file)
        return;
    fprintf(file, "calls %lu bytes %lu frame-calls %lu\n", calls, bytes, frameCalls);
    fclose(file);
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    count(size);
    return realCopy ? realCopy(to, from, size) : copyByHand(to, from, size);
}

void *memmove(void *to, const void *from, size_t size)
{
    count(size);
    return realMove ? realMove(to, from, size) : copyByHand(to, from, size);
}

// What memcpy and memmove become under _FORTIFY_SOURCE.
void *__memcpy_chk(void *restrict to, const void *restrict from, size_t size, size_t room)
{
    if (size > room)
        abort();
    return memcpy(to, from, size);
}

void *__memmove_chk(void *to, const void *from, size_t size, size_t room)
{
    if (size > room)
        abort();
    return memmove(to, from, size);
}
