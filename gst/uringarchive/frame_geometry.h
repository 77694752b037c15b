// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

#include <gst/gst.h>

#include "common/archive_format.h"
#include "uringarchive/memory_maps.h"

namespace dmaslab {

/** How the frames of one series are stored, beside how each buffer may bring them. */
class FrameGeometry
{
public:
    explicit FrameGeometry(ArchiveFormat format);

    [[nodiscard]] const ArchiveFormat &format() const { return format_; }
    /** Bytes of each frame; 0: each has its own. */
    [[nodiscard]] std::uint64_t frameBytes() const { return format_.series.frameBytes; }

    enum class Fit
    {
        AsItLies,
        Gather, ///< rows are elsewhere than in the series
        Wrong,  ///< there are not enough bytes, or too many to know which
    };
    [[nodiscard]] Fit fit(GstBuffer *buffer) const;
    /** Copies the frame into the places of the series; padding becomes 0. */
    void gather(GstBuffer *buffer, const MemoryMaps &memories, std::byte *dest) const;

private:
    [[nodiscard]] bool liesLikeSeries(const GstVideoMeta *meta) const;
    [[nodiscard]] gint64 placeOf(const GstVideoMeta *meta, std::size_t plane, std::size_t row) const;
    [[nodiscard]] bool hasAllRows(const GstVideoMeta *meta, gsize size) const;

    ArchiveFormat format_;
    bool usual_ = false; ///< frames without a video meta lie as the series does
};

} // namespace dmaslab
