// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include "uringarchivesrc/settings.h"

namespace dmaslab {

enum ArchiveSrcProperty : guint
{
    PROP_0,
    PROP_LOCATION,
    PROP_PACING,
    PROP_FOLLOW,
    PROP_VERIFY,
    PROP_IO,
    PROP_QUEUE_DEPTH,
    PROP_MEMORY,
    PROP_SLABS,
    PROP_NUMA_NODE,
    // Those below are installed and held by the parts they belong to.
    PROP_STATS,
    PROP_STATS_INTERVAL,
    PROP_CPU,
    PROP_RT_PRIORITY,
};

void installReplayProperties(GObjectClass *klass);

/** False when the id is none of ReplaySettings. The caller holds the object lock. */
bool setReplayProperty(ReplaySettings &settings, guint id, const GValue *value);
bool getReplayProperty(const ReplaySettings &settings, guint id, GValue *value);

} // namespace dmaslab
