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
 * The SpscRing whose producer may also take the oldest element out ("leaky downstream"). Whoever moves the
 * head by compare-and-swap owns the element, so each one is popped or dropped, exactly once. A consumer that
 * loses has read a slot that may be refilled under it: slots are therefore atomic, and what it read is
 * discarded. Positions are absolute: a consumer can order other things (events) between elements by them.
 */
template <typename T>
class DroppingRing
{
    static_assert(std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T>);
    static_assert(std::atomic<T>::is_always_lock_free, "a racing read must be one machine word");

public:
    struct Element
    {
        T value{};
        uint64_t position = 0;
    };

    static Result<std::unique_ptr<DroppingRing>> create(std::size_t capacity)
    {
        if (capacity == 0 || capacity > kMaxRingCapacity)
            return fail(Errc::InvalidArgument, "ring capacity " + std::to_string(capacity) +
                                                   " is outside 1.." + std::to_string(kMaxRingCapacity));
        auto slots = detail::makeSlots<Slot>(std::bit_ceil(capacity));
        std::unique_ptr<DroppingRing> ring;
        if (slots)
            ring.reset(new (std::nothrow) DroppingRing(capacity, std::move(slots)));
        if (!ring)
            return fail(Errc::NoMemory, "no memory for a ring of " + std::to_string(capacity) +
                                            " elements: choose a smaller one");
        return ring;
    }

    /** For capacities known to be sane (1..kMaxRingCapacity); throws std::bad_alloc like any container. */
    explicit DroppingRing(std::size_t capacity)
        : DroppingRing(
              std::clamp<std::size_t>(capacity, 1, kMaxRingCapacity),
              detail::makeSlots<Slot>(std::bit_ceil(std::clamp<std::size_t>(capacity, 1, kMaxRingCapacity))))
    {
        if (!slots_)
            throw std::bad_alloc();
    }
    DroppingRing(const DroppingRing &) = delete;
    DroppingRing &operator=(const DroppingRing &) = delete;

    // Producer
    [[nodiscard]] bool push(T value) noexcept
    {
        const uint64_t tail = tail_.load(std::memory_order_relaxed); // only we write it
        if (!hasRoom(tail))
            return false;
        Slot &slot = slots_[tail & mask_];
        slot.value.store(value,
                         std::memory_order_relaxed);      // a late loser may read it now, and throws it away
        tail_.store(tail + 1, std::memory_order_relaxed); // before the slot: nobody ever sees head > tail
        slot.sequence.store(uint32_t(tail + 1), std::memory_order_release); // publishes value and tail_
        return true;
    }

    /** Takes the oldest element away from the consumer; false when there is none left to take. */
    [[nodiscard]] bool dropOldest(Element &dropped) noexcept
    {
        const uint64_t tail = tail_.load(std::memory_order_relaxed);
        uint64_t head = head_.load(std::memory_order_acquire);
        while (head != tail) {
            const T value = slots_[head & mask_].value.load(std::memory_order_relaxed); // we wrote it
            if (claim(head, 1)) {
                headSeen_ = head + 1;
                dropped = {value, head};
                return true;
            }
        }
        return false;
    }

    /** Always gets in. True when the ring was full and the oldest element had to leave, into @p dropped. */
    [[nodiscard]] bool pushDroppingOldest(T value, Element &dropped) noexcept
    {
        bool lost = false;
        while (!push(value)) {
            // One turn at most: a lost race means that the consumer made the room.
            uint64_t head = headSeen_; // just read by push
            const T oldest = slots_[head & mask_].value.load(std::memory_order_relaxed);
            lost = claim(head, 1);
            if (lost)
                dropped = {oldest, head};
        }
        return lost;
    }

    [[nodiscard]] bool full() noexcept { return !hasRoom(tail_.load(std::memory_order_relaxed)); }

    // Consumer
    [[nodiscard]] bool pop(Element &element) noexcept
    {
        uint64_t head = head_.load(std::memory_order_acquire);
        for (;;) {
            Slot &slot = slots_[head & mask_];
            if (slot.sequence.load(std::memory_order_acquire) != uint32_t(head + 1)) { // pairs with push
                // Empty, or refilled after a drop. The refill happened after the head moved, so look again.
                const uint64_t now = head_.load(std::memory_order_acquire);
                if (now == head)
                    return false;
                head = now;
                continue;
            }
            const T value = slot.value.load(std::memory_order_relaxed);
            if (claim(head, 1)) {
                element = {value, head};
                return true;
            }
        }
    }

    [[nodiscard]] bool pop(T &value) noexcept
    {
        Element element;
        if (!pop(element))
            return false;
        value = element.value;
        return true;
    }

    /** Pops up to values.size() elements of consecutive positions; @p first is the position of the first. */
    [[nodiscard]] std::size_t popBurst(std::span<T> values, uint64_t &first) noexcept
    {
        uint64_t head = head_.load(std::memory_order_acquire);
        for (;;) {
            std::size_t count = 0;
            for (; count < values.size(); ++count) {
                Slot &slot = slots_[(head + count) & mask_];
                if (slot.sequence.load(std::memory_order_acquire) != uint32_t(head + count + 1))
                    break;
                values[count] = slot.value.load(std::memory_order_relaxed);
            }
            if (count == 0) {
                const uint64_t now = head_.load(std::memory_order_acquire); // as in pop
                if (now == head)
                    return 0;
                head = now;
                continue;
            }
            first = head;
            if (claim(head, count))
                return count;
        }
    }

    /** Position of the next element the consumer would get; the producer may still drop that one. */
    [[nodiscard]] uint64_t peekPosition() const noexcept { return head_.load(std::memory_order_acquire); }

    // Any thread; exact while both sides rest, otherwise a value of the recent past
    [[nodiscard]] std::size_t size() const noexcept
    {
        // Head first, with acquire: what it covers was pushed, so the tail read after it is never smaller.
        const uint64_t head = head_.load(std::memory_order_acquire);
        return std::size_t(std::min<uint64_t>(tail_.load(std::memory_order_relaxed) - head, capacity_));
    }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    /** Position the next pushed element gets: counts from 0, never wraps. */
    [[nodiscard]] uint64_t tailPosition() const noexcept { return tail_.load(std::memory_order_acquire); }

private:
    struct alignas(2 * std::max(sizeof(T), sizeof(uint32_t))) Slot
    {
        std::atomic<uint32_t> sequence{0}; ///< position + 1, cut to 32 bits, of the element it holds
        std::atomic<T> value{};
    };

    DroppingRing(std::size_t capacity, detail::SlotArray<Slot> slots) noexcept
        : slots_(std::move(slots)), mask_(std::bit_ceil(capacity) - 1), capacity_(capacity)
    {
    }

    /** On failure @p head becomes the present head. Release: our reads of the slots end before they change
     *  hands; acquire: the other side's reads ended before we refill or look at them. */
    bool claim(uint64_t &head, std::size_t count) noexcept
    {
        uint64_t expected = head;
        if (head_.compare_exchange_strong(expected, head + count, std::memory_order_acq_rel,
                                          std::memory_order_acquire))
            return true;
        head = expected;
        return false;
    }

    bool hasRoom(uint64_t tail) noexcept
    {
        if (tail - headSeen_ < capacity_)
            return true;
        headSeen_ = head_.load(std::memory_order_acquire); // pairs with claim: those slots were read
        return tail - headSeen_ < capacity_;
    }

    const detail::SlotArray<Slot> slots_; // shared, read only
    const uint64_t mask_;
    const std::size_t capacity_;
    alignas(kNoSharing) std::atomic<uint64_t> tail_{0}; // the producer's line
    uint64_t headSeen_ = 0;
    alignas(kNoSharing) std::atomic<uint64_t> head_{0}; // taken by whoever claims
};

} // namespace dmaslab
