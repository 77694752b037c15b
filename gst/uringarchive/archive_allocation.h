// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include "uringarchive/archive_settings.h"

namespace dmaslab {

/**
 * Answers upstream's ALLOCATION query: how many frames are held here, how they should be aligned and padded
 * so that the disk takes them as they lie, and a pool of slabs for a source that has none.
 */
void proposeAllocation(GstElement *element, GstQuery *query, const ArchiveSettings &settings);

} // namespace dmaslab
