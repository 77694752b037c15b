// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>

#include "dmaslab/pacing/frame_rate.h"

namespace dmaslab {

/**
 * `max-rate`: which frames of a grid stay when only so many per second are wanted. A frame stays when the
 * coarser grid has stepped on since the frame before it; nothing is remembered, so a change of rate, a loss
 * or a pause leaves no error behind. The rate may be set from any thread.
 */
class Thinning
{
public:
    /** 0/1: every frame. */
    void setRate(std::uint32_t numerator, std::uint32_t denominator) noexcept
    {
        // relaxed: the two halves travel in one word and nothing else depends on them.
        rate_.store(std::uint64_t{numerator} << 32 | denominator, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint32_t numerator() const noexcept { return std::uint32_t(word() >> 32); }
    [[nodiscard]] std::uint32_t denominator() const noexcept { return std::uint32_t(word()); }

    [[nodiscard]] bool keeps(std::uint64_t frame, const FrameRate &rate) const noexcept
    {
        const std::uint64_t wanted = word();
        return (wanted >> 32) == 0 || frame == 0 ||
               step(wanted, frame, rate) != step(wanted, frame - 1, rate);
    }

private:
    __extension__ using Wide = unsigned __int128;

    [[nodiscard]] std::uint64_t word() const noexcept { return rate_.load(std::memory_order_relaxed); }
    static Wide step(std::uint64_t wanted, std::uint64_t frame, const FrameRate &rate) noexcept
    {
        return Wide(frame) * std::uint32_t(wanted >> 32) * rate.denominator() /
               (Wide(std::uint32_t(wanted)) * rate.numerator());
    }

    std::atomic<std::uint64_t> rate_{1};
};

} // namespace dmaslab
