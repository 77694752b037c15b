// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

#include "dmaslab/archive/frame_fetcher.h"
#include "dmaslab/memory/arena.h"

namespace dmaslab {

enum class ReplayPacing
{
    Off,
    Recorded,
};

/** The properties, as the element was asked. Taken over whole when the element starts. */
struct ReplaySettings
{
    std::string location;
    ReplayPacing pacing = ReplayPacing::Off;
    bool follow = false;
    MemoryKind memory = MemoryKind::Auto;
    std::uint32_t slabs = 0;
    int numaNode = -1;
    FetchSettings fetch;

    /** Each frame at its recorded time, and the pipeline is live. */
    [[nodiscard]] bool paced() const { return pacing == ReplayPacing::Recorded; }
};

} // namespace dmaslab
