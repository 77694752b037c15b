// SPDX-License-Identifier: LGPL-2.1-or-later
// A GstBufferPool that does next to nothing: buffers made once, a ring of pointers, no reset. What it still
// costs is the base class (its counter of outstanding buffers and its own reference, both written by every
// acquire and every release) and the life of a GstBuffer: no pool behind this interface can be faster.
#pragma once

#include <memory>

#include <gst/gst.h>

#include "bench/harness.h"
#include "dmaslab/ring/cpu.h"
#include "dmaslab/ring/spsc_ring.h"

struct GstBenchFloorPool
{
    GstBufferPool parent;
    dmaslab::SpscRing<GstBuffer *> *ring;
};
struct GstBenchFloorPoolClass
{
    GstBufferPoolClass parent;
};

static GType gst_bench_floor_pool_get_type();
G_DEFINE_TYPE(GstBenchFloorPool, gst_bench_floor_pool, GST_TYPE_BUFFER_POOL)

namespace bench {

inline dmaslab::SpscRing<GstBuffer *> &ringOf(GstBufferPool *pool)
{
    return *reinterpret_cast<GstBenchFloorPool *>(pool)->ring;
}

inline GstFlowReturn floorAcquire(GstBufferPool *pool, GstBuffer **buffer, GstBufferPoolAcquireParams *)
{
    while (!ringOf(pool).pop(*buffer))
        dmaslab::cpuRelax();
    return GST_FLOW_OK;
}

inline void floorRelease(GstBufferPool *pool, GstBuffer *buffer)
{
    if (!ringOf(pool).push(buffer))
        giveUp("more buffers came back than there are");
}

inline gboolean floorStart(GstBufferPool *pool)
{
    GstStructure *config = gst_buffer_pool_get_config(pool);
    guint size = 0, most = 0;
    gst_buffer_pool_config_get_params(config, nullptr, &size, nullptr, &most);
    gst_structure_free(config);
    reinterpret_cast<GstBenchFloorPool *>(pool)->ring = new dmaslab::SpscRing<GstBuffer *>(most);
    for (guint i = 0; i < most; ++i)
        floorRelease(pool, gst_buffer_new_allocate(nullptr, size, nullptr));
    return TRUE;
}

inline gboolean floorStop(GstBufferPool *pool)
{
    GstBuffer *buffer = nullptr;
    while (ringOf(pool).pop(buffer))
        gst_buffer_unref(buffer);
    delete &ringOf(pool);
    return TRUE;
}

} // namespace bench

static void gst_bench_floor_pool_class_init(GstBenchFloorPoolClass *klass)
{
    auto *pool = GST_BUFFER_POOL_CLASS(klass);
    pool->start = bench::floorStart;
    pool->stop = bench::floorStop;
    pool->acquire_buffer = bench::floorAcquire;
    pool->release_buffer = bench::floorRelease;
    pool->reset_buffer = [](GstBufferPool *, GstBuffer *) {};
}

static void gst_bench_floor_pool_init(GstBenchFloorPool *) {}
