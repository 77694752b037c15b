// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dmaslab/export.h"

namespace dmaslab {

/**
 * Distribution of nanoseconds: exact below 64, within 1/32 above, up to 18 minutes. One thread records (no
 * allocation, no locked instruction), any thread reads; a reader may see a sample counted and not yet the
 * next.
 */
class DMASLAB_EXPORT LatenessHistogram
{
public:
    struct Summary
    {
        uint64_t count = 0;
        int64_t p50 = 0, p99 = 0, p999 = 0, max = 0;
    };

    // The one writer
    void record(int64_t ns) noexcept;
    void reset() noexcept;

    // Any thread
    /** The value that @p share (0..1) of the samples do not exceed, rounded up to the end of its class. */
    [[nodiscard]] int64_t percentile(double share) const noexcept;
    [[nodiscard]] int64_t max() const noexcept { return max_.load(std::memory_order_relaxed); }
    [[nodiscard]] uint64_t count() const noexcept;
    [[nodiscard]] Summary summary() const noexcept;

private:
    static constexpr int kFineBits = 5; // 32 classes per power of two
    static constexpr int kTopBit = 40;
    static constexpr std::size_t kClasses = std::size_t(kTopBit - kFineBits + 1) << kFineBits;

    static std::size_t classOf(uint64_t ns) noexcept;
    static int64_t endOf(std::size_t index) noexcept;

    std::array<std::atomic<uint64_t>, kClasses> counts_{};
    std::atomic<int64_t> max_{0};
};

} // namespace dmaslab
