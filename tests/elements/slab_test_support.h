// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "common/gst.h"
#include "common/handles.h"
#include "common/slab_buffer_pool.h"

namespace dmaslab::test {

using PoolObject = ObjectPtr<GstBufferPool>;

inline bool configure(GstBufferPool *pool, GstCaps *caps, guint size, guint minimum, guint maximum)
{
    GstStructure *config = gst_buffer_pool_get_config(pool);
    gst_buffer_pool_config_set_params(config, caps, size, minimum, maximum);
    return gst_buffer_pool_set_config(pool, config);
}

/** An active pool over slabs of its own. */
inline PoolObject activePool(guint slabs, guint size = 4096)
{
    PoolObject pool(gst_dma_slab_buffer_pool_new());
    EXPECT_TRUE(configure(pool.get(), nullptr, size, 0, slabs));
    EXPECT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));
    return pool;
}

inline GstFlowReturn tryAcquire(GstBufferPool *pool, BufferPtr &buffer)
{
    GstBufferPoolAcquireParams params{};
    params.flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT;
    GstBuffer *raw = nullptr;
    const GstFlowReturn flow = gst_buffer_pool_acquire_buffer(pool, &raw, &params);
    buffer.reset(raw);
    return flow;
}

/** A buffer that must be there. */
inline BufferPtr take(const PoolObject &pool)
{
    BufferPtr buffer;
    EXPECT_EQ(tryAcquire(pool.get(), buffer), GST_FLOW_OK);
    return buffer;
}

inline PoolLevels levels(const PoolObject &pool)
{
    return slabBankOf(pool.get())->pool().levels();
}

inline guint64 copied(const PoolObject &pool)
{
    return gst_dma_slab_buffer_pool_get_bytes_copied(pool.get());
}

inline void paint(GstBuffer *buffer, int value)
{
    GstMapInfo map;
    ASSERT_TRUE(gst_buffer_map(buffer, &map, GST_MAP_WRITE));
    std::memset(map.data, value, map.size);
    gst_buffer_unmap(buffer, &map);
}

/** The value that all bytes have, or -1. */
inline int colour(const guint8 *data, gsize size)
{
    for (gsize i = 1; i < size; ++i) {
        if (data[i] != data[0])
            return -1;
    }
    return data[0];
}

inline int colour(GstMemory *memory)
{
    GstMapInfo map;
    if (!gst_memory_map(memory, &map, GST_MAP_READ))
        return -2;
    const int value = colour(map.data, map.size);
    gst_memory_unmap(memory, &map);
    return value;
}

inline int colour(GstBuffer *buffer)
{
    GstMapInfo map;
    if (!gst_buffer_map(buffer, &map, GST_MAP_READ))
        return -2;
    const int value = colour(map.data, map.size);
    gst_buffer_unmap(buffer, &map);
    return value;
}

inline GstDmaSlabInfo infoOf(GstBuffer *buffer)
{
    GstDmaSlabInfo info{};
    EXPECT_TRUE(gst_dma_slab_buffer_get_info(buffer, &info));
    return info;
}

/** What a leaked arena leaves behind in the process. */
struct Footprint
{
    long descriptors = 0;
    long mappings = 0; ///< of slabs

    static Footprint now()
    {
        Footprint result;
        for ([[maybe_unused]] const auto &entry : std::filesystem::directory_iterator("/proc/self/fd"))
            ++result.descriptors;
        std::ifstream maps("/proc/self/maps");
        for (std::string line; std::getline(maps, line);)
            result.mappings += line.find("memfd:dmaslab") != std::string::npos;
        return result;
    }
    bool operator==(const Footprint &) const = default;
    friend std::ostream &operator<<(std::ostream &out, const Footprint &f)
    {
        return out << f.descriptors << " descriptors, " << f.mappings << " mappings of slabs";
    }
};

} // namespace dmaslab::test
