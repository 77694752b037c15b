// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "dmaslab/slab/slot.h"

namespace dmaslab {

/**
 * Lock-free queue of slab indices, oldest first (Michael and Scott, on indices with tags). Each slab owns one
 * node (its Slot::link) and the queue one spare, so it never allocates and never fills up. A ticket ring
 * would be shorter, but there a thread that is preempted between its ticket and its store stops all others.
 */
class IndexQueue
{
public:
    static constexpr std::uint32_t kEmpty = 0xffffffffu;

    explicit IndexQueue(std::span<Slot> slots);

    /** The slab must not be in the queue. */
    void push(std::uint32_t slab);
    std::uint32_t pop();

private:
    struct Node
    {
        std::atomic<std::uint64_t> next; ///< tag | index of the next node
        std::atomic<std::uint32_t> slab;
    };

    std::span<Slot> slots_;
    std::unique_ptr<Node[]> nodes_;
    alignas(64) std::atomic<std::uint64_t> head_;
    alignas(64) std::atomic<std::uint64_t> tail_;
};

} // namespace dmaslab
