// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/handles.h"
#include "dmaslabsrc/producer.h"

namespace dmaslab {

/** The property `stats`, on any thread. */
[[nodiscard]] StructurePtr collectStats(const Producer &producer);

/** What its fields beyond the common ones mean, as gst-inspect-1.0 shows it. */
extern const char *const srcStatsBlurb;

} // namespace dmaslab
