// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "dmaslab/archive/reader.h"

namespace dmaslab::tools {

/** Recording::open; its error also tells a recording that has only begun from what is none. */
[[nodiscard]] Result<Recording> openRecording(const std::string &path);

/** The same words for who opens by other means. */
[[nodiscard]] Error explainOpen(Error error, const std::string &path);

} // namespace dmaslab::tools
