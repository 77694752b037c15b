// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/capture/synthetic.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <string>

#include "dmaslab/capture/pattern_kernels.h"
#include "dmaslab/capture/stamp.h"

namespace dmaslab {

namespace {

/** One to one, so that no two sequences begin with the same word; spread, so that neighbours look unlike. */
std::uint64_t firstWord(std::uint64_t sequence)
{
    std::uint64_t x = sequence + 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/** So that a row spans the range of its samples about once, whatever its width. */
std::uint64_t rampStep(std::size_t samples, unsigned sampleBytes)
{
    const std::uint64_t range = sampleBytes == 1 ? 256 : 65536;
    return std::max<std::uint64_t>(1, range / std::max<std::size_t>(1, samples));
}

} // namespace

const char *toString(Pattern pattern)
{
    switch (pattern) {
    case Pattern::Counter:
        return "counter";
    case Pattern::Gradient:
        return "gradient";
    case Pattern::Noise:
        return "noise";
    case Pattern::Prefilled:
        return "prefilled";
    }
    return "unknown";
}

Result<std::unique_ptr<SyntheticSource>> SyntheticSource::create(Pattern pattern, FrameLayout layout)
try {
    if (auto ok = layout.check(); !ok)
        return tl::unexpected(ok.error());
    return std::unique_ptr<SyntheticSource>(new SyntheticSource(pattern, std::move(layout)));
} catch (const std::bad_alloc &) {
    return failNoMemory("test: no memory");
}

SyntheticSource::SyntheticSource(Pattern pattern, FrameLayout layout)
    : pattern_(pattern), layout_(std::move(layout)), padding_(layout_.paddingRanges())
{
    if (layout_.planes.empty())
        layout_.planes.push_back({0, layout_.frameBytes, layout_.frameBytes, 1});
}

void SyntheticSource::prepare(const FillTarget &target)
{
    if (pattern_ == Pattern::Prefilled && target.bytes.size() >= layout_.frameBytes)
        prefilledHash(target);
}

FillStatus SyntheticSource::fill(const FillTarget &target, std::uint64_t sequence,
                                 std::uint64_t captureTimeNs)
{
    if (target.bytes.size() < layout_.frameBytes) {
        error_ = {Errc::InvalidArgument, "a frame of " + std::to_string(layout_.frameBytes) +
                                             " bytes does not fit into a slab of " +
                                             std::to_string(target.bytes.size()) + "; make the slabs larger"};
        return FillStatus::Error;
    }
    const std::span<std::byte> frame = target.bytes.first(layout_.frameBytes);
    const PatternKernels &kernels = patternKernels();
    switch (pattern_) {
    case Pattern::Counter: {
        const std::span<std::byte> body = stampedBody(frame);
        const std::uint64_t hash = kernels.fillCounting(body.data(), body.size(), firstWord(sequence));
        writeStamp(frame, sequence, captureTimeNs, hash);
        break;
    }
    case Pattern::Prefilled:
        writeStamp(frame, sequence, captureTimeNs, prefilledHash(target));
        break;
    case Pattern::Noise:
        kernels.fillNoise(frame.data(), frame.size(), firstWord(sequence));
        break;
    case Pattern::Gradient:
        fillGradient(frame, sequence);
        break;
    }
    return FillStatus::Ok;
}

void SyntheticSource::fillGradient(std::span<std::byte> frame, std::uint64_t sequence) const
{
    const PatternKernels &kernels = patternKernels();
    const bool swapped = layout_.bigEndian != (std::endian::native == std::endian::big);
    for (const PlaneLayout &plane : layout_.planes) {
        const std::size_t samples = plane.rowBytes / layout_.sampleBytes;
        const std::uint64_t step = rampStep(samples, layout_.sampleBytes);
        for (std::size_t y = 0; y < plane.rows; y++) {
            std::byte *row = frame.data() + plane.offset + y * plane.stride;
            const std::uint64_t first = (sequence + y) * step;
            if (layout_.sampleBytes == 1) {
                kernels.fillRamp8(row, samples, static_cast<std::uint8_t>(first),
                                  static_cast<std::uint8_t>(step));
            } else {
                kernels.fillRamp16(row, samples, static_cast<std::uint16_t>(first),
                                   static_cast<std::uint16_t>(step), swapped);
                // An odd byte at the end of the row is no sample, yet part of the frame.
                std::memset(row + samples * 2, 0, plane.rowBytes - samples * 2);
            }
        }
    }
    for (const ByteRange &gap : padding_)
        std::memset(frame.data() + gap.offset, 0, gap.length);
}

std::uint64_t SyntheticSource::prefilledHash(const FillTarget &target)
{
    if (target.arenaId != laidArena_) {
        laid_.clear();
        laidArena_ = target.arenaId;
    }
    if (target.index >= laid_.size())
        laid_.resize(std::size_t{target.index} + 1);
    std::optional<std::uint64_t> &hash = laid_[target.index];
    if (!hash) {
        const std::span<std::byte> body = stampedBody(target.bytes.first(layout_.frameBytes));
        const std::uint64_t slab = std::uint64_t{target.arenaId} << 32 | target.index;
        hash = patternKernels().fillCounting(body.data(), body.size(), firstWord(slab));
    }
    return *hash;
}

} // namespace dmaslab
