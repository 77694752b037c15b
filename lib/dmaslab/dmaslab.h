/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file
 * The core of dmaslab for C: arenas of DMA memory and the lock-free pool over them. C99 and later, and C++.
 * Link with `pkg-config dmaslab`.
 *
 * The binary interface is stable: structures begin with their size, which their _INIT macro sets, and grow at
 * the end only. No function throws or prints. Every function may be called from any thread, except where it
 * says otherwise.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dmaslab/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/** "0.1.0": of the library that is loaded, not of this header. */
DMASLAB_EXPORT const char *dmaslab_version(void);

/** What functions return; 0 is success, everything else is negative. */
typedef enum
{
    DMASLAB_OK = 0,
    DMASLAB_STARVED = -1,     /**< every slab was held until the timeout */
    DMASLAB_INTERRUPTED = -2, /**< dmaslab_pool_set_interrupted() */
    DMASLAB_STALE = -3,       /**< released before, or a handle of an earlier use: refused and counted */
    DMASLAB_NOT_FOUND = -4,   /**< no such frame, file, device, node */
    DMASLAB_INVALID = -5,     /**< an argument makes no sense */
    DMASLAB_DENIED = -6,      /**< it exists, but not for this user */
    DMASLAB_NO_MEMORY = -7,
    DMASLAB_LIMIT = -8, /**< descriptors, sizes, holders of one slab */
    DMASLAB_UNSUPPORTED = -9,
    DMASLAB_IO = -10
} dmaslab_status;

typedef enum
{
    DMASLAB_MEMORY_AUTO = 0, /**< udmabuf where the kernel has it, else memfd */
    DMASLAB_MEMORY_UDMABUF = 1,
    DMASLAB_MEMORY_HUGETLB = 2,
    DMASLAB_MEMORY_MEMFD = 3,
    DMASLAB_MEMORY_DMA_HEAP = 4
} dmaslab_memory;

typedef enum
{
    DMASLAB_REUSE_LIFO = 0, /**< the slab released last comes next: still in the cache */
    DMASLAB_REUSE_FIFO = 1  /**< the newest unheld frames stay intact, dmaslab_pool_find() finds them */
} dmaslab_reuse;

/** Who holds a slab. A hold ends as the kind that it began as. */
typedef enum
{
    DMASLAB_HOLDER_PROCESSING = 0,
    DMASLAB_HOLDER_DISK = 1,
    DMASLAB_HOLDER_REMOTE = 2
} dmaslab_holder;

typedef struct dmaslab_arena dmaslab_arena;
typedef struct dmaslab_pool dmaslab_pool;

typedef struct
{
    size_t struct_size;
    size_t slab_size;  /**< bytes of one frame */
    uint32_t slabs;    /**< how many */
    int32_t memory;    /**< dmaslab_memory */
    int32_t numa_node; /**< -1: wherever the kernel puts it */
    int32_t lock;      /**< nonzero: mlock; a refusal is a degradation, no error */
} dmaslab_arena_request;
#define DMASLAB_ARENA_REQUEST_INIT                                                                           \
    {                                                                                                        \
        sizeof(dmaslab_arena_request), 0, 0, DMASLAB_MEMORY_AUTO, -1, 0                                      \
    }

/** What was really got. */
typedef struct
{
    size_t struct_size;
    size_t slab_size, stride; /**< slab i begins at base + i * stride */
    size_t page_size;         /**< of the mapping, as the kernel reports it */
    uint32_t id;              /**< unique in the process, never reused */
    uint32_t slabs;
    int32_t memory;    /**< dmaslab_memory */
    int32_t numa_node; /**< -1: not known or spread */
    int32_t locked, dmabuf;
    int32_t degradations; /**< how many things were wanted and not got */
    int32_t fd;           /**< the file behind all slabs, owned by the arena; -1: each has only its dma-buf */
} dmaslab_arena_report;
#define DMASLAB_ARENA_REPORT_INIT                                                                            \
    {                                                                                                        \
        sizeof(dmaslab_arena_report), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0                                        \
    }

/** One use of one slab. Plain values: copy it, send it; every use of it is checked. */
typedef struct
{
    uint32_t arena, index, generation;
} dmaslab_handle;

typedef struct
{
    size_t struct_size;
    uint32_t slabs, free, held;
    uint32_t hot;  /**< held by processing */
    uint32_t warm; /**< held by disk or remote holders only */
    uint32_t cold; /**< unheld, content intact */
    uint32_t low;  /**< fewest free slabs ever seen */
    uint64_t starved, stale_handles;
} dmaslab_levels;
#define DMASLAB_LEVELS_INIT                                                                                  \
    {                                                                                                        \
        sizeof(dmaslab_levels), 0, 0, 0, 0, 0, 0, 0, 0, 0                                                    \
    }

/**
 * @param error where a failure is described, with its remedy; cut to error_size bytes, always terminated; may
 * be NULL
 */
DMASLAB_EXPORT int dmaslab_arena_create(const dmaslab_arena_request *request, dmaslab_arena **arena,
                                        char *error, size_t error_size);
/** Lets go of the arena; its memory stays while a pool or a slab needs it. NULL is allowed. */
DMASLAB_EXPORT void dmaslab_arena_destroy(dmaslab_arena *arena);
DMASLAB_EXPORT int dmaslab_arena_get_report(const dmaslab_arena *arena, dmaslab_arena_report *report);
/** The sentence about one thing not got, with its remedy; NULL past the last. Lives as long as the arena. */
DMASLAB_EXPORT const char *dmaslab_arena_degradation(const dmaslab_arena *arena, int32_t index);
/** The dma-buf of one slab, owned by the arena, or -1. */
DMASLAB_EXPORT int dmaslab_arena_dmabuf(const dmaslab_arena *arena, uint32_t index);

/** One pool per arena. The caller may let go of the arena at once. */
DMASLAB_EXPORT int dmaslab_pool_create(const dmaslab_arena *arena, int reuse, dmaslab_pool **pool,
                                       char *error, size_t error_size);
/**
 * Ends the caller's part, not while another thread is in dmaslab_pool_acquire(). Slabs that are out stay
 * mapped and intact, and are released with the same pool pointer; the last release ends the pool, and the
 * pointer with it. NULL is allowed.
 */
DMASLAB_EXPORT void dmaslab_pool_destroy(dmaslab_pool *pool);

/** @param timeout_ns 0: do not wait; negative: wait for ever. The slab is held as PROCESSING. */
DMASLAB_EXPORT int dmaslab_pool_acquire(dmaslab_pool *pool, int64_t timeout_ns, dmaslab_handle *slab);
/** While nonzero, dmaslab_pool_acquire() answers INTERRUPTED; wakes those that wait. */
DMASLAB_EXPORT void dmaslab_pool_set_interrupted(dmaslab_pool *pool, int interrupted);
/** One more holder, of the kind `as`, of a slab that the caller holds as `held`. */
DMASLAB_EXPORT int dmaslab_pool_hold(dmaslab_pool *pool, dmaslab_handle slab, int held, int as);
/** Ends a hold. A second release of the same hold is refused and counted, it harms nobody. */
DMASLAB_EXPORT int dmaslab_pool_release(dmaslab_pool *pool, dmaslab_handle slab, int held);
/** Says which frame the slab holds, once its pixels are complete. The caller holds it as PROCESSING. */
DMASLAB_EXPORT int dmaslab_pool_publish(dmaslab_pool *pool, dmaslab_handle slab, uint64_t sequence);
/** FIFO: the frame published under this number, held as PROCESSING from here on; or NOT_FOUND. */
DMASLAB_EXPORT int dmaslab_pool_find(dmaslab_pool *pool, uint64_t sequence, dmaslab_handle *slab);
DMASLAB_EXPORT int dmaslab_pool_get_levels(const dmaslab_pool *pool, dmaslab_levels *levels);

/** Where the slab is mapped, the same address for its whole life; NULL for a handle of another arena. */
DMASLAB_EXPORT void *dmaslab_slab_data(const dmaslab_pool *pool, dmaslab_handle slab);
/** Bytes of a frame. */
DMASLAB_EXPORT size_t dmaslab_slab_size(const dmaslab_pool *pool);

#ifdef __cplusplus
}
#endif
