// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dmaslab {

/**
 * Which number belongs to a pointer. Filled once, then read by any thread without a lock: qdata would do the
 * same, but takes two atomic operations on the object for each look, and maps look for every frame.
 */
class PointerIndex
{
public:
    static constexpr std::uint32_t kNone = 0xffffffffu;

    explicit PointerIndex(std::size_t count) : entries_(std::bit_ceil(2 * count + 1)) {}

    void insert(const void *pointer, std::uint32_t number)
    {
        std::size_t place = hash(pointer);
        while (entries_[place].pointer)
            place = (place + 1) & (entries_.size() - 1);
        entries_[place] = {pointer, number};
    }

    [[nodiscard]] std::uint32_t find(const void *pointer) const
    {
        std::size_t place = hash(pointer);
        while (entries_[place].pointer) {
            if (entries_[place].pointer == pointer)
                return entries_[place].number;
            place = (place + 1) & (entries_.size() - 1);
        }
        return kNone;
    }

private:
    struct Entry
    {
        const void *pointer = nullptr;
        std::uint32_t number = kNone;
    };

    [[nodiscard]] std::size_t hash(const void *pointer) const
    {
        const auto bits = reinterpret_cast<std::uintptr_t>(pointer);
        return ((bits >> 4) * 0x9e3779b97f4a7c15u >> 20) & (entries_.size() - 1);
    }

    std::vector<Entry> entries_; ///< at most half full, so find() always meets an empty place
};

} // namespace dmaslab
