// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "uringarchivesrc/player.h"

namespace dmaslab {

/** Each says whether it had an answer. */
[[nodiscard]] bool answerDuration(const Timeline &timeline, GstQuery *query);
[[nodiscard]] bool answerSeeking(const Timeline &timeline, GstQuery *query);
[[nodiscard]] bool answerConvert(const Timeline &timeline, GstQuery *query);
void answerLatency(const Player &player, GstQuery *query);

/** Between frame numbers in the recording and stream time. */
[[nodiscard]] std::optional<gint64> convert(const Timeline &timeline, GstFormat from, gint64 value,
                                            GstFormat to);

} // namespace dmaslab
