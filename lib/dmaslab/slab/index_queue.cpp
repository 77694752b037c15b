// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/slab/index_queue.h"

namespace dmaslab {

namespace {

std::uint32_t indexOf(std::uint64_t tagged)
{
    return static_cast<std::uint32_t>(tagged);
}

// A new value for a word that held `previous`: the tag moves on, so that a CAS prepared before fails.
std::uint64_t tagged(std::uint64_t previous, std::uint32_t index)
{
    return (((previous >> 32) + 1) << 32) | index;
}

} // namespace

IndexQueue::IndexQueue(std::span<Slot> slots)
    : slots_(slots), nodes_(std::make_unique<Node[]>(slots.size() + 1)), head_(slots.size()),
      tail_(slots.size())
{
    for (std::uint32_t i = 0; i <= slots.size(); ++i) {
        nodes_[i].next.store(kEmpty, std::memory_order_relaxed);
        nodes_[i].slab.store(kEmpty, std::memory_order_relaxed);
    }
    for (std::uint32_t i = 0; i < slots.size(); ++i)
        slots_[i].link.store(i, std::memory_order_relaxed);
}

void IndexQueue::push(std::uint32_t slab)
{
    // Ours alone: the node came with the slab, and the slab came to us by an acquire on its state.
    const std::uint32_t mine = slots_[slab].link.load(std::memory_order_relaxed);
    Node &node = nodes_[mine];
    node.slab.store(slab, std::memory_order_relaxed);
    node.next.store(tagged(node.next.load(std::memory_order_relaxed), kEmpty), std::memory_order_relaxed);
    for (;;) {
        std::uint64_t tail = tail_.load(std::memory_order_acquire);
        std::uint64_t next = nodes_[indexOf(tail)].next.load(std::memory_order_acquire);
        if (tail != tail_.load(std::memory_order_acquire))
            continue;
        if (indexOf(next) != kEmpty) {
            // Somebody linked but was stopped before moving the tail: do it for him. release: the node
            // behind the new tail stays visible to whoever reads the tail.
            tail_.compare_exchange_weak(tail, tagged(tail, indexOf(next)), std::memory_order_release,
                                        std::memory_order_relaxed);
            continue;
        }
        // release: publishes node.slab and node.next (and the pixels) with the link.
        if (nodes_[indexOf(tail)].next.compare_exchange_weak(
                next, tagged(next, mine), std::memory_order_release, std::memory_order_relaxed)) {
            tail_.compare_exchange_strong(tail, tagged(tail, mine), std::memory_order_release,
                                          std::memory_order_relaxed);
            return;
        }
    }
}

std::uint32_t IndexQueue::pop()
{
    for (;;) {
        std::uint64_t head = head_.load(std::memory_order_acquire);
        std::uint64_t tail = tail_.load(std::memory_order_acquire);
        // acquire: pairs with the link in push(), so that slab below is the one stored with it.
        const std::uint64_t next = nodes_[indexOf(head)].next.load(std::memory_order_acquire);
        if (head != head_.load(std::memory_order_acquire))
            continue;
        if (indexOf(next) == kEmpty)
            return kEmpty;
        if (indexOf(head) == indexOf(tail)) {
            tail_.compare_exchange_weak(tail, tagged(tail, indexOf(next)), std::memory_order_release,
                                        std::memory_order_relaxed);
            continue;
        }
        // Read before the CAS: afterwards the node may already serve another slab.
        const std::uint32_t slab = nodes_[indexOf(next)].slab.load(std::memory_order_relaxed);
        // acq_rel: release hands the old dummy on to us in order; acquire for the pixels behind the entry.
        if (head_.compare_exchange_weak(head, tagged(head, indexOf(next)), std::memory_order_acq_rel,
                                        std::memory_order_relaxed)) {
            slots_[slab].link.store(indexOf(head), std::memory_order_relaxed);
            return slab;
        }
    }
}

} // namespace dmaslab
