// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dmaslab/capture/frame_source.h"

namespace dmaslab {

enum class Pattern
{
    Counter,   ///< every byte depends on the sequence; carries the stamp of stamp.h
    Gradient,  ///< a diagonal ramp that moves by one step per frame
    Noise,     ///< fresh pseudo-random bytes per frame, the same for the same sequence
    Prefilled, ///< pixels laid once per slab, then only the stamp is written: a camera that moves no pixels
};

[[nodiscard]] DMASLAB_EXPORT const char *toString(Pattern pattern);

/** Frames out of nothing. Deterministic: arena, slab, sequence and time decide every byte. */
class DMASLAB_EXPORT SyntheticSource final : public FrameSource
{
public:
    static Result<std::unique_ptr<SyntheticSource>> create(Pattern pattern, FrameLayout layout);

    /** Prefilled: lays the pixels, so that the first round through the pool is as fast as the others. */
    void prepare(const FillTarget &target) override;
    FillStatus fill(const FillTarget &target, std::uint64_t sequence, std::uint64_t captureTimeNs) override;
    [[nodiscard]] const Error &lastError() const override { return error_; }

private:
    SyntheticSource(Pattern pattern, FrameLayout layout);
    void fillGradient(std::span<std::byte> frame, std::uint64_t sequence) const;
    std::uint64_t prefilledHash(const FillTarget &target);

    Pattern pattern_;
    FrameLayout layout_;
    std::vector<ByteRange> padding_;
    /** Hashes of the laid slabs of one arena, by index. New caps mean a new arena, hence new pixels. */
    std::uint32_t laidArena_ = 0;
    std::vector<std::optional<std::uint64_t>> laid_;
    Error error_;
};

} // namespace dmaslab
