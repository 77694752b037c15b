// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dmaslab/archive/layout.h"

namespace dmaslab {

struct ManifestSeries
{
    SeriesFormat format;
    SeriesLayout layout;
};

struct ManifestSegment
{
    std::uint32_t number = 0;
    std::uint32_t series = 0;
    bool closed = false; ///< an open one's counts are in its file headers
    std::uint64_t frames = 0;
    std::uint64_t bad = 0;   ///< of these, marked kFrameBad
    std::uint64_t bytes = 0; ///< of the frames file
    std::optional<std::uint64_t> firstSequence;
    std::optional<std::uint64_t> lastSequence;
};

enum class RecordingState : std::uint8_t
{
    Recording, ///< being written, or its writer died
    Closed,
    Recovered,
};

/** "2026-11-26T09:00:00.000000000Z" of ns since 1970. */
[[nodiscard]] DMASLAB_EXPORT std::string utcText(std::int64_t ns);

/** manifest.json: everything about a recording but its frames. */
struct Manifest
{
    RecordingState state = RecordingState::Recording;
    std::string id;       ///< 32 hexadecimal digits, another one for each recording
    std::string software; ///< who wrote it
    std::string host;
    std::string device;  ///< where the frames come from, as far as known
    std::string created; ///< UTC, ISO 8601
    std::string closed;
    std::int64_t createdNs = 0; ///< the same, ns since 1970
    std::uint32_t everyNth = 1;
    std::uint32_t nthPhase = 0;
    bool hashed = true;              ///< checksum xxh3; otherwise none
    std::string metadataJson = "{}"; ///< the user's, a JSON object
    std::string tagsJson = "{}";     ///< the stream's, a JSON object
    std::vector<ManifestSeries> series;
    std::vector<ManifestSegment> segments; ///< by number
    std::uint64_t losses = 0;              ///< entries of losses.npy, final once closed

    /** As docs/archive-format.md has it; empty when there is no memory. */
    [[nodiscard]] DMASLAB_EXPORT std::string toJson() const;
    /** Safe for any input; `file` is the name that errors carry. */
    [[nodiscard]] static DMASLAB_EXPORT Result<Manifest> parse(std::string_view json,
                                                               const std::string &file);
    [[nodiscard]] static DMASLAB_EXPORT Result<Manifest> read(int directory, const std::string &path);
    /** Replaces manifest.json: a new file, fsync, rename, fsync of the directory. */
    [[nodiscard]] DMASLAB_EXPORT Result<void> replace(int directory, const std::string &path) const;
};

} // namespace dmaslab
