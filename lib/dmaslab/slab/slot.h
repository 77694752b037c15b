// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>

namespace dmaslab {

/**
 * The state of one slab in one word, so that every transition is one compare-and-swap:
 *
 *     63         32  31      30      20 19       0
 *     generation   | listed | declared | holders
 *
 * `listed`: the slab has an entry in the free queue (fifo only: find() can revive a slab that stays listed).
 * `declared` counts those holders that are disk or remote.
 */
class SlotState
{
public:
    static constexpr std::uint64_t kHolder = 1;
    static constexpr std::uint64_t kHolderMask = (1u << 20) - 1;
    static constexpr std::uint32_t kMostHolders = kHolderMask / 2; ///< far from the next field
    static constexpr std::uint64_t kDeclared = 1u << 20;
    static constexpr std::uint64_t kDeclaredMask = std::uint64_t{(1u << 11) - 1} << 20;
    static constexpr std::uint32_t kMostDeclared = 1u << 10;
    static constexpr std::uint64_t kListed = 1u << 31;
    static constexpr std::uint64_t kGeneration = std::uint64_t{1} << 32;

    static std::uint32_t holders(std::uint64_t s) { return static_cast<std::uint32_t>(s & kHolderMask); }
    static std::uint32_t declared(std::uint64_t s)
    {
        return static_cast<std::uint32_t>((s & kDeclaredMask) >> 20);
    }
    static bool listed(std::uint64_t s) { return (s & kListed) != 0; }
    static std::uint32_t generation(std::uint64_t s) { return static_cast<std::uint32_t>(s >> 32); }
    static std::uint64_t sole(std::uint32_t generation, std::uint64_t holder)
    {
        return (std::uint64_t{generation} << 32) | holder;
    }
    /** The state of a slab that its next user has just taken. */
    static std::uint64_t taken(std::uint64_t s)
    {
        const std::uint32_t next = generation(s) + 1;
        return (std::uint64_t{next == 0 ? 1 : next} << 32) | kHolder;
    }
};

/** One cache line per slab: releasing one never disturbs the neighbour. */
struct alignas(64) Slot
{
    std::atomic<std::uint64_t> state{0};
    std::atomic<std::uint64_t> sequence{0};           ///< valid when sequenceGeneration is the state's
    std::atomic<std::uint32_t> sequenceGeneration{0}; ///< 0: nothing published, for no use has generation 0
    std::atomic<std::uint32_t> link{0};               ///< lifo: next free slab; fifo: the queue node it owns

    /** The content of this use was published. acquire: its sequence and pixels are visible after a true. */
    [[nodiscard]] bool isPublished(std::uint64_t s) const
    {
        const std::uint32_t written = sequenceGeneration.load(std::memory_order_acquire);
        return written != 0 && written == SlotState::generation(s);
    }
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(sizeof(Slot) == 64);

} // namespace dmaslab
