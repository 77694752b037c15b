// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "dmaslab/error.h"
#include "dmaslab/ring/slots.h"

namespace dmaslab {

/**
 * Bounded queue between exactly one producer thread and one consumer thread; every operation is wait-free.
 *
 * Each slot carries the position it was filled for, so the consumer learns of an element from the cache line
 * that holds it: one line moves per hand-over, not an index and then the data. The producer reads the
 * consumer's index only when its cached copy says "full". Elements still inside when the ring dies are
 * forgotten: whoever stores handles drains it first.
 */
template <typename T>
class SpscRing
{
    static_assert(std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T>);

public:
    static Result<std::unique_ptr<SpscRing>> create(std::size_t capacity)
    {
        if (capacity == 0 || capacity > kMaxRingCapacity)
            return fail(Errc::InvalidArgument, "ring capacity " + std::to_string(capacity) +
                                                   " is outside 1.." + std::to_string(kMaxRingCapacity));
        auto slots = detail::makeSlots<Slot>(std::bit_ceil(capacity));
        std::unique_ptr<SpscRing> ring;
        if (slots)
            ring.reset(new (std::nothrow) SpscRing(capacity, std::move(slots)));
        if (!ring)
            return fail(Errc::NoMemory, "no memory for a ring of " + std::to_string(capacity) +
                                            " elements: choose a smaller one");
        return ring;
    }

    /** For capacities known to be sane (1..kMaxRingCapacity); throws std::bad_alloc like any container. */
    explicit SpscRing(std::size_t capacity)
        : SpscRing(
              std::clamp<std::size_t>(capacity, 1, kMaxRingCapacity),
              detail::makeSlots<Slot>(std::bit_ceil(std::clamp<std::size_t>(capacity, 1, kMaxRingCapacity))))
    {
        if (!slots_)
            throw std::bad_alloc();
    }
    SpscRing(const SpscRing &) = delete;
    SpscRing &operator=(const SpscRing &) = delete;

    // Producer
    [[nodiscard]] bool push(const T &value) noexcept
    {
        const uint64_t tail = tail_.load(std::memory_order_relaxed); // only we write it
        if (roomFor(tail) == 0)
            return false;
        Slot &slot = slots_[tail & mask_];
        slot.value = value;
        tail_.store(tail + 1, std::memory_order_relaxed); // before the slot: nobody ever sees head > tail
        slot.sequence.store(uint32_t(tail + 1), std::memory_order_release); // publishes value and tail_
        return true;
    }

    /** Pushes as many as fit, in order, and returns how many. */
    [[nodiscard]] std::size_t pushBurst(std::span<const T> values) noexcept
    {
        const uint64_t tail = tail_.load(std::memory_order_relaxed);
        const std::size_t count = std::min<std::size_t>(values.size(), roomFor(tail, values.size()));
        tail_.store(tail + count, std::memory_order_relaxed);
        for (std::size_t i = 0; i < count; ++i) {
            Slot &slot = slots_[(tail + i) & mask_];
            slot.value = values[i];
            slot.sequence.store(uint32_t(tail + i + 1), std::memory_order_release);
        }
        return count;
    }

    [[nodiscard]] bool full() noexcept { return roomFor(tail_.load(std::memory_order_relaxed)) == 0; }

    // Consumer
    [[nodiscard]] bool pop(T &value) noexcept
    {
        const uint64_t head = head_.load(std::memory_order_relaxed); // only we write it
        Slot &slot = slots_[head & mask_];
        if (slot.sequence.load(std::memory_order_acquire) != uint32_t(head + 1)) // pairs with push
            return false;
        value = slot.value;
        head_.store(head + 1, std::memory_order_release); // our read is over: the producer may refill
        return true;
    }

    /** Pops up to values.size() elements, in order, and returns how many. */
    [[nodiscard]] std::size_t popBurst(std::span<T> values) noexcept
    {
        const uint64_t head = head_.load(std::memory_order_relaxed);
        std::size_t count = 0;
        for (; count < values.size(); ++count) {
            Slot &slot = slots_[(head + count) & mask_];
            if (slot.sequence.load(std::memory_order_acquire) != uint32_t(head + count + 1))
                break;
            values[count] = slot.value;
        }
        if (count > 0)
            head_.store(head + count, std::memory_order_release);
        return count;
    }

    [[nodiscard]] bool empty() const noexcept
    {
        const uint64_t head = head_.load(std::memory_order_relaxed);
        return slots_[head & mask_].sequence.load(std::memory_order_acquire) != uint32_t(head + 1);
    }

    // Any thread; exact while both sides rest, otherwise a value of the recent past
    [[nodiscard]] std::size_t size() const noexcept
    {
        // Head first, with acquire: what it covers was pushed, so the tail read after it is never smaller.
        const uint64_t head = head_.load(std::memory_order_acquire);
        return std::size_t(std::min<uint64_t>(tail_.load(std::memory_order_relaxed) - head, capacity_));
    }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    /** Position of the next element to be pushed or popped: counts from 0, never wraps. */
    [[nodiscard]] uint64_t tailPosition() const noexcept { return tail_.load(std::memory_order_acquire); }
    [[nodiscard]] uint64_t headPosition() const noexcept { return head_.load(std::memory_order_acquire); }

private:
    // A power of two up to a line, so that no slot lies across two lines.
    static constexpr std::size_t kSlotAlign =
        std::bit_ceil(std::min<std::size_t>(sizeof(uint32_t) + sizeof(T), 64));
    struct alignas(kSlotAlign) alignas(T) Slot
    {
        std::atomic<uint32_t> sequence{0}; ///< position + 1, cut to 32 bits, of the element it holds
        T value{};
    };

    SpscRing(std::size_t capacity, detail::SlotArray<Slot> slots) noexcept
        : slots_(std::move(slots)), mask_(std::bit_ceil(capacity) - 1), capacity_(capacity)
    {
    }

    std::size_t roomFor(uint64_t tail, std::size_t wanted = 1) noexcept
    {
        std::size_t room = capacity_ - std::size_t(tail - headSeen_);
        if (room < wanted) {
            headSeen_ = head_.load(std::memory_order_acquire); // pairs with pop: those slots were read
            room = capacity_ - std::size_t(tail - headSeen_);
        }
        return room;
    }

    const detail::SlotArray<Slot> slots_; // shared, read only
    const uint64_t mask_;
    const std::size_t capacity_;
    alignas(kNoSharing) std::atomic<uint64_t> tail_{0}; // the producer's line
    uint64_t headSeen_ = 0;
    alignas(kNoSharing) std::atomic<uint64_t> head_{0}; // the consumer's line
};

} // namespace dmaslab
