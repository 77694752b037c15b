// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchive/memory_maps.h"

#include <algorithm>
#include <cstring>

namespace dmaslab {

bool MemoryMaps::map(GstBuffer *buffer)
{
    const guint memories = gst_buffer_n_memory(buffer);
    if (memories > most)
        return false;
    for (; count_ < memories; ++count_) {
        if (!gst_memory_map(gst_buffer_peek_memory(buffer, count_), &maps_[count_], GST_MAP_READ)) {
            unmap();
            return false;
        }
    }
    return true;
}

void MemoryMaps::unmap()
{
    while (count_ > 0) {
        --count_;
        gst_memory_unmap(maps_[count_].memory, &maps_[count_]);
    }
}

void MemoryMaps::copy(gsize offset, std::byte *dest, gsize bytes) const
{
    for (guint i = 0; i < count_ && bytes > 0; ++i) {
        if (offset >= maps_[i].size) {
            offset -= maps_[i].size;
            continue;
        }
        const gsize part = std::min(bytes, maps_[i].size - offset);
        std::memcpy(dest, maps_[i].data + offset, part);
        dest += part;
        bytes -= part;
        offset = 0;
    }
    std::memset(dest, 0, bytes);
}

} // namespace dmaslab
