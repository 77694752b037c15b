/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The C interface as a C99 program sees it. Exit status: how many behaviours are wrong. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "dmaslab/dmaslab.h"

static int failures;

#define EXPECT(condition)                                                                                    \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            printf("%s:%d: not so: %s\n", __func__, __LINE__, #condition);                                   \
            ++failures;                                                                                      \
        }                                                                                                    \
    } while (0)

static dmaslab_pool *new_pool(uint32_t slabs, int reuse)
{
    dmaslab_arena_request request = DMASLAB_ARENA_REQUEST_INIT;
    dmaslab_arena *arena = NULL;
    dmaslab_pool *pool = NULL;
    char error[512] = "";
    request.slab_size = 5000;
    request.slabs = slabs;
    request.memory = DMASLAB_MEMORY_MEMFD;
    if (dmaslab_arena_create(&request, &arena, error, sizeof(error)) != DMASLAB_OK ||
        dmaslab_pool_create(arena, reuse, &pool, error, sizeof(error)) != DMASLAB_OK) {
        printf("no pool: %s\n", error);
        ++failures;
    }
    dmaslab_arena_destroy(arena); /* the pool keeps what it needs */
    return pool;
}

static dmaslab_levels levels_of(const dmaslab_pool *pool)
{
    dmaslab_levels levels = DMASLAB_LEVELS_INIT;
    EXPECT(dmaslab_pool_get_levels(pool, &levels) == DMASLAB_OK);
    return levels;
}

static void the_report_says_what_was_got(void)
{
    dmaslab_arena_request request = DMASLAB_ARENA_REQUEST_INIT;
    dmaslab_arena_report report = DMASLAB_ARENA_REPORT_INIT;
    dmaslab_arena *arena = NULL;
    request.slab_size = 5000;
    request.slabs = 3;
    request.memory = DMASLAB_MEMORY_MEMFD;
    EXPECT(dmaslab_arena_create(&request, &arena, NULL, 0) == DMASLAB_OK);
    EXPECT(dmaslab_arena_get_report(arena, &report) == DMASLAB_OK);
    EXPECT(report.slabs == 3 && report.slab_size == 5000 && report.stride % 4096 == 0);
    EXPECT(report.memory == DMASLAB_MEMORY_MEMFD && report.fd >= 0 && report.id != 0);
    EXPECT(dmaslab_arena_degradation(arena, report.degradations) == NULL);
    EXPECT(dmaslab_arena_dmabuf(arena, 0) == -1);
    dmaslab_arena_destroy(arena);
}

static void every_degradation_has_its_sentence(void)
{
    dmaslab_arena_request request = DMASLAB_ARENA_REQUEST_INIT;
    dmaslab_arena_report report = DMASLAB_ARENA_REPORT_INIT;
    dmaslab_arena *arena = NULL;
    int32_t i;
    request.slab_size = 4096;
    request.slabs = 2;
    request.memory = DMASLAB_MEMORY_HUGETLB;
    EXPECT(dmaslab_arena_create(&request, &arena, NULL, 0) == DMASLAB_OK);
    EXPECT(dmaslab_arena_get_report(arena, &report) == DMASLAB_OK);
    if (report.memory != DMASLAB_MEMORY_HUGETLB)
        EXPECT(report.degradations > 0);
    for (i = 0; i < report.degradations; ++i)
        EXPECT(dmaslab_arena_degradation(arena, i) != NULL);
    dmaslab_arena_destroy(arena);
}

static void a_refusal_is_explained_and_cut_to_the_buffer(void)
{
    dmaslab_arena_request request = DMASLAB_ARENA_REQUEST_INIT;
    dmaslab_arena *arena = NULL;
    char error[12];
    memset(error, 'x', sizeof(error));
    EXPECT(dmaslab_arena_create(&request, &arena, error, sizeof(error)) == DMASLAB_INVALID); /* no slabs */
    EXPECT(arena == NULL && memchr(error, '\0', sizeof(error)) != NULL && strlen(error) == sizeof(error) - 1);
    request.memory = 99;
    EXPECT(dmaslab_arena_create(&request, &arena, error, 0) == DMASLAB_INVALID);
    EXPECT(dmaslab_arena_create(NULL, &arena, error, sizeof(error)) == DMASLAB_INVALID);
    EXPECT(dmaslab_pool_create(NULL, DMASLAB_REUSE_LIFO, NULL, error, sizeof(error)) == DMASLAB_INVALID);
}

static void older_and_newer_callers_get_what_both_know(void)
{
    struct
    {
        dmaslab_levels levels;
        uint64_t beyond;
    } newer = {DMASLAB_LEVELS_INIT, 42};
    dmaslab_levels older = DMASLAB_LEVELS_INIT;
    dmaslab_pool *pool = new_pool(3, DMASLAB_REUSE_LIFO);
    newer.levels.struct_size = sizeof(newer);
    EXPECT(dmaslab_pool_get_levels(pool, &newer.levels) == DMASLAB_OK);
    EXPECT(newer.levels.slabs == 3 && newer.beyond == 42 && newer.levels.struct_size == sizeof(newer));
    older.struct_size = offsetof(dmaslab_levels, held);
    older.held = 77;
    EXPECT(dmaslab_pool_get_levels(pool, &older) == DMASLAB_OK);
    EXPECT(older.slabs == 3 && older.free == 3 && older.held == 77);
    dmaslab_pool_destroy(pool);
}

static void slabs_are_handed_out_until_there_are_none(void)
{
    dmaslab_handle a, b, c;
    dmaslab_pool *pool = new_pool(2, DMASLAB_REUSE_LIFO);
    EXPECT(dmaslab_pool_acquire(pool, 0, &a) == DMASLAB_OK);
    EXPECT(dmaslab_pool_acquire(pool, -1, &b) == DMASLAB_OK);
    EXPECT(dmaslab_slab_data(pool, a) != dmaslab_slab_data(pool, b) && dmaslab_slab_size(pool) == 5000);
    EXPECT(dmaslab_pool_acquire(pool, 0, &c) == DMASLAB_STARVED);
    EXPECT(dmaslab_pool_acquire(pool, 1000000, &c) == DMASLAB_STARVED);
    EXPECT(levels_of(pool).held == 2 && levels_of(pool).low == 0 && levels_of(pool).starved == 2);
    EXPECT(dmaslab_pool_release(pool, a, DMASLAB_HOLDER_PROCESSING) == DMASLAB_OK);
    EXPECT(dmaslab_pool_release(pool, b, DMASLAB_HOLDER_PROCESSING) == DMASLAB_OK);
    EXPECT(levels_of(pool).free == 2);
    dmaslab_pool_destroy(pool);
}

static void a_second_release_is_refused_and_counted(void)
{
    dmaslab_handle first, second;
    dmaslab_pool *pool = new_pool(1, DMASLAB_REUSE_LIFO);
    EXPECT(dmaslab_pool_acquire(pool, 0, &first) == DMASLAB_OK);
    EXPECT(dmaslab_pool_release(pool, first, DMASLAB_HOLDER_PROCESSING) == DMASLAB_OK);
    EXPECT(dmaslab_pool_release(pool, first, DMASLAB_HOLDER_PROCESSING) == DMASLAB_STALE);
    EXPECT(dmaslab_pool_acquire(pool, 0, &second) == DMASLAB_OK);
    EXPECT(dmaslab_pool_release(pool, first, DMASLAB_HOLDER_PROCESSING) == DMASLAB_STALE); /* not second's */
    EXPECT(dmaslab_pool_publish(pool, first, 1) == DMASLAB_STALE);
    EXPECT(levels_of(pool).held == 1 && levels_of(pool).stale_handles == 3);
    EXPECT(dmaslab_pool_release(pool, second, DMASLAB_HOLDER_PROCESSING) == DMASLAB_OK);
    dmaslab_pool_destroy(pool);
}

static void declared_holders_are_counted_apart(void)
{
    dmaslab_handle slab;
    dmaslab_pool *pool = new_pool(2, DMASLAB_REUSE_LIFO);
    EXPECT(dmaslab_pool_acquire(pool, 0, &slab) == DMASLAB_OK);
    EXPECT(dmaslab_pool_hold(pool, slab, DMASLAB_HOLDER_PROCESSING, DMASLAB_HOLDER_DISK) == DMASLAB_OK);
    EXPECT(levels_of(pool).hot == 1 && levels_of(pool).warm == 0);
    EXPECT(dmaslab_pool_release(pool, slab, DMASLAB_HOLDER_PROCESSING) == DMASLAB_OK);
    EXPECT(levels_of(pool).hot == 0 && levels_of(pool).warm == 1);
    EXPECT(dmaslab_pool_release(pool, slab, DMASLAB_HOLDER_PROCESSING) == DMASLAB_STALE);
    EXPECT(dmaslab_pool_release(pool, slab, 99) == DMASLAB_INVALID);
    EXPECT(dmaslab_pool_release(pool, slab, DMASLAB_HOLDER_DISK) == DMASLAB_OK);
    EXPECT(levels_of(pool).free == 2);
    dmaslab_pool_destroy(pool);
}

static void a_published_frame_is_found_until_its_slab_is_refilled(void)
{
    dmaslab_handle slab, found;
    dmaslab_pool *pool = new_pool(2, DMASLAB_REUSE_FIFO);
    EXPECT(dmaslab_pool_acquire(pool, 0, &slab) == DMASLAB_OK);
    memset(dmaslab_slab_data(pool, slab), 7, dmaslab_slab_size(pool));
    EXPECT(dmaslab_pool_publish(pool, slab, 1234) == DMASLAB_OK);
    EXPECT(dmaslab_pool_release(pool, slab, DMASLAB_HOLDER_PROCESSING) == DMASLAB_OK);
    EXPECT(levels_of(pool).cold == 1);
    EXPECT(dmaslab_pool_find(pool, 1234, &found) == DMASLAB_OK && found.index == slab.index);
    EXPECT(((unsigned char *)dmaslab_slab_data(pool, found))[4999] == 7);
    EXPECT(dmaslab_pool_find(pool, 1235, &slab) == DMASLAB_NOT_FOUND);
    EXPECT(dmaslab_pool_release(pool, found, DMASLAB_HOLDER_PROCESSING) == DMASLAB_OK);
    dmaslab_pool_destroy(pool);
}

static void slabs_outlive_the_callers_pool(void)
{
    dmaslab_handle a, b;
    unsigned char *pixels;
    dmaslab_pool *pool = new_pool(3, DMASLAB_REUSE_LIFO);
    EXPECT(dmaslab_pool_acquire(pool, 0, &a) == DMASLAB_OK);
    EXPECT(dmaslab_pool_acquire(pool, 0, &b) == DMASLAB_OK);
    pixels = dmaslab_slab_data(pool, a);
    memset(pixels, 9, dmaslab_slab_size(pool));
    dmaslab_pool_destroy(pool);
    EXPECT(pixels[0] == 9 && pixels[4999] == 9);
    EXPECT(dmaslab_pool_release(pool, b, DMASLAB_HOLDER_PROCESSING) == DMASLAB_OK);
    EXPECT(dmaslab_pool_release(pool, b, DMASLAB_HOLDER_PROCESSING) == DMASLAB_STALE);
    EXPECT(levels_of(pool).held == 1 && pixels[4999] == 9);
    EXPECT(dmaslab_pool_release(pool, a, DMASLAB_HOLDER_PROCESSING) == DMASLAB_OK); /* ends the pool */
}

static void *acquire_for_ever(void *pool)
{
    dmaslab_handle slab;
    return dmaslab_pool_acquire(pool, -1, &slab) == DMASLAB_INTERRUPTED ? pool : NULL;
}

static void a_wait_can_be_interrupted(void)
{
    dmaslab_handle slab;
    pthread_t thread;
    void *interrupted = NULL;
    dmaslab_pool *pool = new_pool(1, DMASLAB_REUSE_LIFO);
    EXPECT(dmaslab_pool_acquire(pool, 0, &slab) == DMASLAB_OK);
    pthread_create(&thread, NULL, acquire_for_ever, pool);
    dmaslab_pool_set_interrupted(pool, 1); /* before or while it waits: both end the wait */
    pthread_join(thread, &interrupted);
    EXPECT(interrupted == pool);
    dmaslab_pool_set_interrupted(pool, 0);
    EXPECT(dmaslab_pool_release(pool, slab, DMASLAB_HOLDER_PROCESSING) == DMASLAB_OK);
    EXPECT(dmaslab_pool_acquire(pool, -1, &slab) == DMASLAB_OK);
    EXPECT(dmaslab_pool_release(pool, slab, DMASLAB_HOLDER_PROCESSING) == DMASLAB_OK);
    dmaslab_pool_destroy(pool);
}

int main(void)
{
    unsigned major = 0;
    EXPECT(sscanf(dmaslab_version(), "%u.", &major) == 1);
    the_report_says_what_was_got();
    every_degradation_has_its_sentence();
    a_refusal_is_explained_and_cut_to_the_buffer();
    older_and_newer_callers_get_what_both_know();
    slabs_are_handed_out_until_there_are_none();
    a_second_release_is_refused_and_counted();
    declared_holders_are_counted_apart();
    a_published_frame_is_found_until_its_slab_is_refilled();
    slabs_outlive_the_callers_pool();
    a_wait_can_be_interrupted();
    dmaslab_arena_destroy(NULL);
    dmaslab_pool_destroy(NULL);
    printf("%d wrong\n", failures);
    return failures > 100 ? 100 : failures;
}
