// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include "dmaslabsrc/settings.h"

namespace dmaslab {

enum SrcProperty : guint
{
    PROP_0,
    PROP_BACKEND,
    PROP_LOCATION,
    PROP_MEMORY,
    PROP_SLABS,
    PROP_MAX_LATENCY,
    PROP_REUSE,
    PROP_PACING,
    PROP_MAX_RATE,
    PROP_ON_OVERRUN,
    PROP_ON_STARVATION,
    PROP_LOOP,
    PROP_PATTERN,
    PROP_SPIN,
    PROP_NUMA_NODE,
    // Those below are installed and held by the parts they belong to.
    PROP_STATS,
    PROP_STATS_INTERVAL,
    PROP_CPU,
    PROP_RT_PRIORITY,
};

void installSrcProperties(GObjectClass *klass);

/** False when the id is none of Settings. The caller holds the object lock. */
bool setSrcProperty(Settings &settings, guint id, const GValue *value);
bool getSrcProperty(const Settings &settings, guint id, GValue *value);

} // namespace dmaslab
