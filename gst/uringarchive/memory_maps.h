// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

#include <gst/gst.h>

namespace dmaslab {

/**
 * The memories of a buffer, each mapped by itself: mapping the buffer as one would copy it first. Mapped
 * once, while its frame can still be refused, so that reading it later cannot fail. Who has it keeps the
 * buffer.
 */
class MemoryMaps
{
public:
    static constexpr guint most = 16; ///< as many as GStreamer gives a buffer, gst_buffer_get_max_memory()

    /** All of them or, when it returns false, none. */
    [[nodiscard]] bool map(GstBuffer *buffer);
    void unmap();

    [[nodiscard]] guint count() const { return count_; }
    [[nodiscard]] const GstMapInfo &operator[](guint i) const { return maps_[i]; }
    /** What is not there is 0. */
    void copy(gsize offset, std::byte *dest, gsize bytes) const;

private:
    guint count_ = 0;
    GstMapInfo maps_[most];
};

} // namespace dmaslab
