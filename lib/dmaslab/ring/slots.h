// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>

#include "dmaslab/ring/cpu.h"

namespace dmaslab {

/** More than any queue of frames needs, and far below where a 32-bit slot sequence could repeat. */
inline constexpr std::size_t kMaxRingCapacity = std::size_t(1) << 28;

namespace detail {

struct FreeSlots
{
    void operator()(void *at) const noexcept { ::operator delete(at, std::align_val_t(kNoSharing)); }
};

template <typename Slot>
using SlotArray = std::unique_ptr<Slot[], FreeSlots>;

/** Zeroed slots, alone on their cache lines; null when there is not enough memory. */
template <typename Slot>
SlotArray<Slot> makeSlots(std::size_t count) noexcept
{
    static_assert(std::is_trivially_destructible_v<Slot>);
    const std::size_t bytes = (count * sizeof(Slot) + kNoSharing - 1) / kNoSharing * kNoSharing;
    void *at = ::operator new(bytes, std::align_val_t(kNoSharing), std::nothrow);
    if (at == nullptr)
        return nullptr;
    auto *slots = static_cast<Slot *>(at);
    for (std::size_t i = 0; i < count; ++i)
        new (slots + i) Slot{};
    return SlotArray<Slot>(slots);
}

} // namespace detail
} // namespace dmaslab
