// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include "common/handles.h"
#include "common/slab_buffer_pool.h"
#include "dmaslab/archive/manifest.h"

namespace dmaslab {

/** One series of a recording as GStreamer sees it. */
struct SeriesCaps
{
    CapsPtr caps; ///< as recorded
    BufferLayout layout;
    GstClockTime frameDuration = GST_CLOCK_TIME_NONE; ///< by the framerate, if there is one
};

/** `location` is the name that errors carry. */
[[nodiscard]] Result<SeriesCaps> capsOfSeries(const ManifestSeries &series, const std::string &location);

/** How long a frame of these caps lasts; NONE without a framerate. */
[[nodiscard]] GstClockTime frameDurationOf(const GstCaps *caps);

} // namespace dmaslab
