// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "dmaslab/archive/manifest.h"

namespace dmaslab::manifest_words {

inline constexpr const char *kFormat = "dmaslab-recording";
inline constexpr const char *kHashed = "xxh3-64";
inline constexpr const char *kUnhashed = "none";

[[nodiscard]] inline const char *toText(RecordingState state)
{
    switch (state) {
    case RecordingState::Recording:
        return "recording";
    case RecordingState::Closed:
        return "closed";
    case RecordingState::Recovered:
        return "recovered";
    }
    return "?";
}

} // namespace dmaslab::manifest_words
