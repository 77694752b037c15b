// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include <gst/gst.h>

#include "dmaslab/ring/doorbell.h"
#include "dmaslab/slab/slab_ref.h"
#include "uringarchive/frame_geometry.h"

namespace dmaslab {

/**
 * What keeps one frame as it is until the disk has it. The GstBuffer is held, not its memory alone: beside a
 * bare memory a filter in another branch may write into the pixels (docs/gst-memory.md).
 */
struct FrameOwner
{
    GstBuffer *buffer = nullptr;
    MemoryMaps maps;
    SlabRef diskHold; ///< tells the slab's pool, and refuses every writer
    const FrameGeometry *geometry = nullptr;
    std::atomic<bool> taken{false};
};

/** Where the bytes of a held frame are. */
struct HeldBytes
{
    const std::byte *data = nullptr; ///< nullptr: scattered, they must be gathered
    std::uint64_t size = 0;          ///< of the frame
    std::uint64_t readable = 0;
    std::uint32_t arenaId = 0;
    const std::byte *arenaBase = nullptr;
    std::uint64_t arenaBytes = 0;
};

/** The records of all frames that an element holds, made in advance: a frame costs no allocation. */
class FrameOwners
{
public:
    /** So many may be held; for the thread that takes. */
    void reserve(std::uint32_t frames);
    [[nodiscard]] std::uint32_t capacity() const { return capacity_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint32_t held() const { return held_.load(std::memory_order_acquire); }

    /** Holds the frame; nullptr when there is no record left. One thread. */
    [[nodiscard]] FrameOwner *take(GstBuffer *buffer, const FrameGeometry *geometry);
    /** Any thread. */
    void release(FrameOwner *owner);

    /** Maps it, so that `bytes` says where it is; false when the system refuses. */
    static bool map(FrameOwner &owner, HeldBytes &bytes);

    /** Waits until a good part is free, so that a full archive does not wake for each frame, or nobody wants
     * it any more. For the thread that takes; false when interrupted. */
    [[nodiscard]] bool waitForRoom(const std::atomic<bool> &wanted);
    /** After `wanted` has become false. Any thread. */
    void endWait() { roomBell_.ring(); }
    /** Waits until no frame is held, of whichever recording; false at the deadline or when interrupted. */
    [[nodiscard]] bool waitForNone(std::int64_t deadlineNs);
    void setInterrupted(bool interrupted);

private:
    [[nodiscard]] std::uint32_t enough() const { return capacity() - std::max(capacity() / 4, 1u); }

    // A deque: records stay where they are as more are made.
    std::deque<FrameOwner> owners_;
    std::atomic<std::uint32_t> capacity_{0};
    std::size_t next_ = 0; ///< frames mostly go home in the order they came
    std::atomic<std::uint32_t> held_{0};
    Doorbell roomBell_;
};

} // namespace dmaslab
