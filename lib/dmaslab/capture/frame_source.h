// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dmaslab/capture/frame_layout.h"
#include "dmaslab/error.h"
#include "dmaslab/export.h"

namespace dmaslab {

/** The slab to fill, and which one it is: arena and index together name it for its whole life. */
struct FillTarget
{
    std::span<std::byte> bytes; ///< at least FrameLayout::frameBytes
    std::uint32_t arenaId = 0;
    std::uint32_t index = 0;
};

enum class FillStatus
{
    Ok,
    EndOfStream,
    Error, ///< lastError() tells
};

/**
 * A source that is told where to put a frame (synthetic, files). Devices that fill slabs on
 * their own time implement their own loop beside this; a slab is all they share.
 * Called from one thread at a time. No call but prepare() allocates memory once every slab was seen.
 */
class DMASLAB_EXPORT FrameSource
{
public:
    virtual ~FrameSource() = default;

    /** Optional, before the first deadline: whatever has to be done once per slab. */
    virtual void prepare(const FillTarget & /*target*/) {}
    /** Fills one slab. `sequence` and `captureTimeNs` are what the frame shall carry about itself. */
    virtual FillStatus fill(const FillTarget &target, std::uint64_t sequence,
                            std::uint64_t captureTimeNs) = 0;
    [[nodiscard]] virtual const Error &lastError() const = 0;
};

} // namespace dmaslab
