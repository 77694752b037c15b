// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

#include "dmaslab/capture/synthetic.h"
#include "dmaslab/memory/arena.h"
#include "dmaslab/pacing/pacer.h"
#include "dmaslab/slab/pool.h"

namespace dmaslab {

enum class Backend
{
    Auto,
    Test,
    Files,
};

enum class Pacing
{
    Auto,
    Deadline,
    Off,
};

enum class OnStarvation
{
    Auto,
    Drop,
    Wait,
    Error,
};

/** The properties, as the element was asked. Taken over whole when the element starts. */
struct Settings
{
    Backend backend = Backend::Auto;
    std::string location;
    MemoryKind memory = MemoryKind::Auto;
    std::uint32_t slabs = 0;
    std::uint64_t maxLatencyNs = 100'000'000;
    Reuse reuse = Reuse::Lifo;
    Pacing pacing = Pacing::Auto;
    OnOverrun onOverrun = OnOverrun::Skip;
    OnStarvation onStarvation = OnStarvation::Auto;
    bool loop = false;
    Pattern pattern = Pattern::Counter;
    int spinUs = -1;
    int numaNode = -1;

    /** Frames come at deadlines, and the pipeline is live. */
    [[nodiscard]] bool paced() const { return pacing != Pacing::Off; }
    [[nodiscard]] OnStarvation starvation() const
    {
        if (onStarvation != OnStarvation::Auto)
            return onStarvation;
        return paced() ? OnStarvation::Drop : OnStarvation::Wait;
    }
    /** Auto resolved by what was set; nothing set leaves Auto. */
    [[nodiscard]] Backend resolved() const
    {
        return backend == Backend::Auto && !location.empty() ? Backend::Files : backend;
    }
};

} // namespace dmaslab
