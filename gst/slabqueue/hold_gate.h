// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "common/handles.h"
#include "dmaslab/ring/doorbell.h"

namespace dmaslab {

/**
 * Counts the frames a branch holds: those inside the queue and those still out downstream. A hold hangs on
 * the buffer as a meta that follows shallow copies (they keep the same memory) and not deep ones, and ends
 * when the last of them is freed or goes back to its pool, on whatever thread, perhaps after the element is
 * gone.
 */
class HoldGate
{
public:
    [[nodiscard]] std::uint32_t held() const noexcept { return held_.load(std::memory_order_acquire); }

    /** Rings for room in the queue, too: whoever waits for room waits for either. Does not spin: the waiter
     * has looked before (ShortLook). */
    Doorbell bell{false, 0};

private:
    friend class Hold;
    std::atomic<std::uint32_t> held_{0};
};

/**
 * Hangs a hold on the buffer. A buffer that others hold as well (behind a tee) is shallow-copied first: what
 * they keep must not count here.
 */
[[nodiscard]] BufferPtr holdBuffer(BufferPtr buffer, const std::shared_ptr<HoldGate> &gate);

} // namespace dmaslab
