// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "common/handles.h"

namespace dmaslab {

/** The tags of a manifest that GStreamer knows and that text or a number can stand for; null: none. */
[[nodiscard]] EventPtr recordedTagsEvent(const std::string &tagsJson);

} // namespace dmaslab
