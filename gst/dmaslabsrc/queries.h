// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "dmaslabsrc/producer.h"

namespace dmaslab {

/** Live: from one frame, which takes that long to be there, to all slabs under way. */
[[nodiscard]] bool answerLatency(const Producer &producer, GstQuery *query);
/** Of files that end; in time and in frames. */
[[nodiscard]] bool answerDuration(const Producer &producer, GstQuery *query);

} // namespace dmaslab
