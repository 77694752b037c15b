// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/capture/stamp.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "dmaslab/capture/frame_hash.h"

namespace dmaslab {

namespace {

constexpr char magic[] = "dmaslab1";
constexpr std::size_t sequenceAt = 8;
constexpr std::size_t hashAt = 16;
constexpr std::size_t timeAt = 24;
constexpr std::size_t zerosAt = 32;

using Stamp = std::array<std::byte, kStampBytes>;

std::uint64_t littleEndian(std::uint64_t value)
{
    return std::endian::native == std::endian::little ? value : __builtin_bswap64(value);
}

void put(Stamp &stamp, std::size_t at, std::uint64_t value)
{
    value = littleEndian(value);
    std::memcpy(stamp.data() + at, &value, sizeof value);
}

std::uint64_t get(const Stamp &stamp, std::size_t at)
{
    std::uint64_t value = 0;
    std::memcpy(&value, stamp.data() + at, sizeof value);
    return littleEndian(value);
}

} // namespace

const char *toString(StampStatus status)
{
    switch (status) {
    case StampStatus::Ok:
        return "ok";
    case StampStatus::NoStamp:
        return "no stamp";
    case StampStatus::WrongHash:
        return "wrong hash";
    case StampStatus::Truncated:
        return "truncated";
    }
    return "unknown";
}

void writeStamp(std::span<std::byte> frame, std::uint64_t sequence, std::uint64_t captureTimeNs)
{
    writeStamp(frame, sequence, captureTimeNs, frameHash(stampedBody(frame)));
}

void writeStamp(std::span<std::byte> frame, std::uint64_t sequence, std::uint64_t captureTimeNs,
                std::uint64_t bodyHash)
{
    Stamp stamp = {};
    std::memcpy(stamp.data(), magic, sequenceAt);
    put(stamp, sequenceAt, sequence);
    put(stamp, hashAt, bodyHash);
    put(stamp, timeAt, captureTimeNs);
    std::copy_n(stamp.begin(), std::min(stamp.size(), frame.size()), frame.begin());
}

StampCheck verifyStamp(std::span<const std::byte> frame)
{
    const std::size_t have = std::min(frame.size(), kStampBytes);
    Stamp stamp = {}; // what a short frame has no room for stays zero
    std::copy_n(frame.begin(), have, stamp.begin());
    StampCheck check;
    if (have == 0 || std::memcmp(stamp.data(), magic, std::min(have, sequenceAt)) != 0)
        return check;
    check.hasSequence = have >= hashAt;
    check.sequence = check.hasSequence ? get(stamp, sequenceAt) : 0;
    check.captureTimeNs = have >= zerosAt ? get(stamp, timeAt) : 0;
    const auto isZero = [](std::byte b) { return b == std::byte{0}; };
    if (!std::all_of(stamp.begin() + zerosAt, stamp.end(), isZero))
        return check;
    if (have < timeAt)
        check.status = StampStatus::Truncated;
    else if (get(stamp, hashAt) != frameHash(stampedBody(frame)))
        check.status = StampStatus::WrongHash;
    else
        check.status = StampStatus::Ok;
    return check;
}

} // namespace dmaslab
