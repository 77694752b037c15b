// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>

#include "dmaslab/pacing/frame_rate.h"

namespace dmaslab {

/**
 * Which frames of a grid stay when only so many per second are wanted: those at which the coarser grid has
 * stepped on since the frame before. Nothing is remembered, so a change of rate, a loss or a pause leaves no
 * error behind.
 */
class FrameChoice
{
public:
    FrameChoice(std::uint32_t numerator, std::uint32_t denominator) noexcept
        : numerator_(numerator), denominator_(denominator)
    {
    }

    [[nodiscard]] bool keeps(std::uint64_t frame, const FrameRate &rate) const noexcept
    {
        return numerator_ == 0 || frame == 0 || step(frame, rate) != step(frame - 1, rate);
    }
    /** The first frame from this one on that stays. */
    [[nodiscard]] std::uint64_t firstKept(std::uint64_t frame, const FrameRate &rate) const noexcept
    {
        if (keeps(frame, rate))
            return frame;
        const Wide wanted = Wide(numerator_) * rate.denominator();
        return std::uint64_t(((step(frame, rate) + 1) * denominator_ * rate.numerator() + wanted - 1) /
                             wanted);
    }

private:
    __extension__ using Wide = unsigned __int128;

    [[nodiscard]] Wide step(std::uint64_t frame, const FrameRate &rate) const noexcept
    {
        return Wide(frame) * numerator_ * rate.denominator() / (Wide(denominator_) * rate.numerator());
    }

    std::uint32_t numerator_, denominator_;
};

/** `max-rate`; may be set from any thread. */
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
    /** The rate of now: one frame is judged by one rate, also when it changes meanwhile. */
    [[nodiscard]] FrameChoice choice() const noexcept
    {
        const std::uint64_t both = word();
        return {std::uint32_t(both >> 32), std::uint32_t(both)};
    }

private:
    [[nodiscard]] std::uint64_t word() const noexcept { return rate_.load(std::memory_order_relaxed); }

    std::atomic<std::uint64_t> rate_{1};
};

} // namespace dmaslab
