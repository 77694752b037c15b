// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dmaslab/export.h"

namespace dmaslab {

/**
 * The first bytes of a frame that verifies itself, all integers little endian:
 *   0  8 bytes ASCII "dmaslab1"
 *   8  u64 sequence
 *  16  u64 XXH3-64 of the frame's bytes from 64 to its end
 *  24  u64 capture time in ns
 *  32  zeros
 * A frame under 64 bytes carries as much of it as fits; its hash is that of no bytes.
 */
inline constexpr std::size_t kStampBytes = 64;

enum class StampStatus
{
    Ok,        ///< magic, hash and zeros are right: these bytes belong together
    NoStamp,   ///< no stamp here, or a damaged one
    WrongHash, ///< a stamp over bytes it was not made for: a stale or torn frame
    Truncated, ///< under 24 bytes, so without a hash; what is there is right
};

struct StampCheck
{
    StampStatus status = StampStatus::NoStamp;
    bool hasSequence = false; ///< the frame is long enough to carry one, and the magic is right
    std::uint64_t sequence = 0;
    std::uint64_t captureTimeNs = 0; ///< 0 when the frame is too short for it
};

[[nodiscard]] DMASLAB_EXPORT const char *toString(StampStatus status);

/** The part of a frame that the hash is of. */
template <typename Byte>
[[nodiscard]] std::span<Byte> stampedBody(std::span<Byte> frame)
{
    return frame.size() > kStampBytes ? frame.subspan(kStampBytes) : std::span<Byte>{};
}

/** Hashes the body as it is and writes the stamp. */
DMASLAB_EXPORT void writeStamp(std::span<std::byte> frame, std::uint64_t sequence,
                               std::uint64_t captureTimeNs);
/** The same when the hash of the body is known. Touches nothing but the first 64 bytes. */
DMASLAB_EXPORT void writeStamp(std::span<std::byte> frame, std::uint64_t sequence,
                               std::uint64_t captureTimeNs, std::uint64_t bodyHash);

/** The sequence and the time are not under the hash: compare them with what the buffer says. */
[[nodiscard]] DMASLAB_EXPORT StampCheck verifyStamp(std::span<const std::byte> frame);

} // namespace dmaslab
