// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

#include "dmaslab/export.h"

namespace dmaslab {

// The bytes of a recording, as docs/archive-format.md specifies them. All integers are little endian.
static_assert(std::endian::native == std::endian::little, "records are written as they lie in memory");

inline constexpr int kArchiveVersion = 1;
inline constexpr std::size_t kArchiveBlock = 4096; ///< headers, records and offsets are multiples of it

inline constexpr const char *kManifestName = "manifest.json";
inline constexpr const char *kLossesName = "losses.npy";
[[nodiscard]] DMASLAB_EXPORT std::string framesName(std::uint32_t segment); ///< "frames-000007.npy"
[[nodiscard]] DMASLAB_EXPORT std::string indexName(std::uint32_t segment);  ///< "index-000007.npy"

[[nodiscard]] constexpr std::uint64_t roundUpToBlock(std::uint64_t bytes)
{
    return (bytes + kArchiveBlock - 1) / kArchiveBlock * kArchiveBlock;
}

/** ns since 1970. */
[[nodiscard]] DMASLAB_EXPORT std::int64_t utcNowNs();

/** How frames lie in a frames file. */
enum class ArchiveLayout : std::uint8_t
{
    Auto,   ///< a wish only: the first of the others that copies nothing
    Plain,  ///< (N, H, W): a frame is a multiple of 4096 bytes
    Rows,   ///< (N, H', W): rows without pixels below the picture fill it up to one
    Record, ///< structured: pixels and a pad
    Blob,   ///< bytes; each frame begins at a multiple of 4096 and has its own length
};

[[nodiscard]] DMASLAB_EXPORT const char *toString(ArchiveLayout layout);

enum IndexFlag : std::uint16_t
{
    kFrameBad = 1 << 0,       ///< could not be written: the bytes in its place mean nothing
    kFrameDiscont = 1 << 1,   ///< frames before it are missing
    kFrameCorrupted = 1 << 2, ///< the source marked it as damaged
    kFrameDelta = 1 << 3,     ///< encoded: cannot be decoded by itself
    kFrameHeader = 1 << 4,    ///< encoded: codec data, no picture
    kFrameUnhashed = 1 << 5,  ///< `hash` was not computed
};

inline constexpr std::int64_t kNoTime = -1;
inline constexpr std::uint64_t kNoDeviceNumber = ~std::uint64_t{0};

/** One frame in index-NNNNNN.npy. */
struct IndexRecord
{
    std::uint64_t sequence = 0;             ///< strictly increasing in a recording
    std::int64_t pts = kNoTime;             ///< ns, as in the stream
    std::int64_t capture = kNoTime;         ///< ns of the device's or the host's monotonic clock
    std::int64_t utc = kNoTime;             ///< ns since 1970, when the frame reached the archive
    std::uint64_t hash = 0;                 ///< XXH3-64 of its `length` bytes
    std::uint64_t device = kNoDeviceNumber; ///< the device's own number
    std::uint32_t block = 0;                ///< where it begins: in blocks behind the header
    std::uint32_t length = 0;               ///< bytes of the frame, padding not included
    std::uint32_t dropsBefore = 0;          ///< frames lost since the record before; saturates
    std::uint16_t epoch = 0;                ///< how often the source's numbers began anew
    std::uint16_t flags = 0;                ///< IndexFlag

    bool operator==(const IndexRecord &) const = default;
};
static_assert(sizeof(IndexRecord) == 64);

enum class LossKind : std::uint32_t
{
    Loss,
    Skip, ///< left out on purpose by an element before the archive
};

/** One entry of losses.npy: frames first..last, of which `count` are missing. */
struct DMASLAB_EXPORT LossRecord
{
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t count = 0;
    std::int64_t time = kNoTime; ///< running time of the first, ns
    std::int64_t utc = kNoTime;  ///< when the archive learned of it
    std::uint32_t series = 0;
    LossKind kind = LossKind::Loss;
    std::array<char, 16> reason{};  ///< "starved", …; zero-padded
    std::array<char, 64> element{}; ///< who lost them; zero-padded, cut where too long

    void setReason(const std::string &text);
    void setElement(const std::string &text);
    [[nodiscard]] std::string reasonText() const;
    [[nodiscard]] std::string elementText() const;
    bool operator==(const LossRecord &) const = default;
};
static_assert(sizeof(LossRecord) == 128);

} // namespace dmaslab
