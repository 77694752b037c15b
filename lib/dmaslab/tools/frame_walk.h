// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "dmaslab/archive/reader.h"
#include "dmaslab/tools/frame_range.h"

namespace dmaslab::tools {

struct WalkedFrame
{
    std::uint64_t number = 0;
    FramePlace place;
    std::span<const std::byte> bytes; ///< until the next frame
};

struct WalkOptions
{
    bool verify = true; ///< a frame whose hash is wrong is left out
    bool progress = true;
};

struct WalkReport
{
    std::uint64_t visited = 0;
    std::uint64_t leftOut = 0;
    bool interrupted = false;
};

/**
 * Reads frame after frame. Those that cannot be read, were never written, or are not what was archived are
 * left out and named on standard error.
 */
[[nodiscard]] Result<WalkReport> walkFrames(const Recording &recording, const FrameRange &range,
                                            const WalkOptions &options,
                                            const std::function<Result<void>(const WalkedFrame &)> &visit);

} // namespace dmaslab::tools
