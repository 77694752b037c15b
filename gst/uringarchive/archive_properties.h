// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include "common/handles.h"
#include "uringarchive/archive_settings.h"

namespace dmaslab {

enum ArchiveProperty : guint
{
    PROP_0,
    PROP_LOCATION,
    PROP_NUM_FRAMES,
    PROP_EVERY_NTH,
    PROP_NTH_PHASE,
    PROP_LAYOUT,
    PROP_SEGMENT_BYTES,
    PROP_SEGMENT_FRAMES,
    PROP_SEGMENT_TIME,
    PROP_MAX_SEGMENTS,
    PROP_QUEUE_DEPTH,
    PROP_BATCH_TIME,
    PROP_COMMIT_INTERVAL,
    PROP_MAX_HELD,
    PROP_IO,
    PROP_DIRECT,
    PROP_REGISTER_BUFFERS,
    PROP_CHECKSUM,
    PROP_ON_FULL,
    PROP_ON_DISK_FULL,
    PROP_METADATA,
    PROP_CPU,
    PROP_RT_PRIORITY,
    // Those below are held by the parts they belong to.
    PROP_RECORDING,
    PROP_STATS,
    PROP_STATS_INTERVAL,
};

/** The properties' values, and the structure that metadataJson was made of. */
struct ArchiveValues
{
    ArchiveSettings settings;
    StructurePtr metadata;
};

void installArchiveProperties(GObjectClass *klass);

/** False when the id is none of ArchiveValues. The caller holds the object lock. */
bool setArchiveProperty(ArchiveValues &values, guint id, const GValue *value);
bool getArchiveProperty(const ArchiveValues &values, guint id, GValue *value);

} // namespace dmaslab
