// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/handles.h"
#include "uringarchivesrc/player.h"

namespace dmaslab {

/** The property `stats`, on any thread. */
[[nodiscard]] StructurePtr collectStats(const Player &player);

/** What its fields beyond the common ones mean, as gst-inspect-1.0 shows it. */
extern const char *const replayStatsBlurb;

} // namespace dmaslab
