// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

#include "dmaslab/error.h"

namespace dmaslab {

/**
 * Frames per second as a fraction, and the grid it makes. Every point is computed from its number, never by
 * adding periods up, so 30000/1001 does not drift; 128 bits hold every product.
 */
class FrameRate
{
public:
    static Result<FrameRate> make(int64_t numerator, int64_t denominator)
    {
        if (numerator <= 0 || denominator <= 0 || numerator > INT32_MAX || denominator > INT32_MAX)
            return fail(Errc::InvalidArgument,
                        "framerate " + std::to_string(numerator) + "/" + std::to_string(denominator) +
                            " gives no deadlines: set a positive framerate in the caps, "
                            "or pacing=off");
        return FrameRate(uint32_t(numerator), uint32_t(denominator));
    }

    /** When frame @p n is due after frame 0, rounded down to a nanosecond. */
    [[nodiscard]] int64_t offsetNs(uint64_t n) const noexcept
    {
        const Wide at = Wide(n) * secondsNs() / numerator_;
        return at > Wide(INT64_MAX) ? INT64_MAX : int64_t(at);
    }

    /** The first frame that is due at @p offsetNs after frame 0, or later. */
    [[nodiscard]] uint64_t firstAtOrAfter(int64_t offsetNs) const noexcept
    {
        if (offsetNs <= 0)
            return 0;
        return uint64_t((Wide(offsetNs) * numerator_ + secondsNs() - 1) / secondsNs());
    }

    [[nodiscard]] int64_t periodNs() const noexcept { return offsetNs(1); }
    [[nodiscard]] uint32_t numerator() const noexcept { return numerator_; }
    [[nodiscard]] uint32_t denominator() const noexcept { return denominator_; }

private:
    __extension__ using Wide = unsigned __int128;

    FrameRate(uint32_t numerator, uint32_t denominator) noexcept
        : numerator_(numerator), denominator_(denominator)
    {
    }

    [[nodiscard]] Wide secondsNs() const noexcept { return Wide(denominator_) * 1'000'000'000; }

    uint32_t numerator_;
    uint32_t denominator_;
};

} // namespace dmaslab
