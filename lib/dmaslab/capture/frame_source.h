// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dmaslab/error.h"
#include "dmaslab/export.h"

namespace dmaslab {

/** What a source fills: one frame as bytes in memory, rows from top to bottom. */
struct FrameLayout
{
    std::size_t frameBytes = 0;
};

enum class FillStatus {
    Ok,
    EndOfStream,
    Error, ///< lastError() tells
};

/**
 * A source that is told where to put a frame (synthetic, files). Devices that fill slabs on
 * their own time implement their own loop beside this; a slab is all they share.
 * Called from one thread at a time.
 */
class DMASLAB_EXPORT FrameSource
{
public:
    virtual ~FrameSource() = default;

    /** Fills one slab. `sequence` and `captureTimeNs` are what the frame shall carry about itself. */
    virtual FillStatus fill(std::span<std::byte> slab, std::uint32_t slabIndex, std::uint64_t sequence,
                            std::uint64_t captureTimeNs) = 0;
    [[nodiscard]] virtual const Error &lastError() const = 0;
};

} // namespace dmaslab
