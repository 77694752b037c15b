// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

#include "dmaslab/archive/manifest.h"
#include "dmaslab/error.h"
#include "dmaslab/unique_fd.h"

namespace dmaslab {

/** A file of a recording, opened to read or to repair. */
[[nodiscard]] Result<UniqueFd> openSegmentFile(int directory, const std::string &name,
                                               const std::string &path, int access);

/** What a file's header counts, and what the file can hold. */
struct FileCount
{
    bool valid = false; ///< it has the header that it should have; otherwise it says 0
    std::uint64_t says = 0;
    std::uint64_t holds = 0;
    std::string problem;
    [[nodiscard]] std::uint64_t counted() const { return says < holds ? says : holds; }
};
/** Records; blob: bytes. */
[[nodiscard]] FileCount countFrames(int fd, const std::string &path, const SeriesLayout &layout);
[[nodiscard]] FileCount countIndex(int fd, const std::string &path);

/** How many of the first `frames` entries lie within `bytes` of data: those at the end need not. */
[[nodiscard]] Result<std::uint64_t> framesWithin(int fd, const std::string &path, std::uint64_t frames,
                                                 std::uint64_t bytes);

/** The frames of a segment that both files have. */
struct SegmentCount
{
    std::uint64_t frames = 0;
    std::uint64_t dataBytes = 0; ///< of the frames file that may be read
    bool agree = false;
    std::string problem;
};
[[nodiscard]] SegmentCount countSegment(int framesFd, const std::string &framesPath, int indexFd,
                                        const std::string &indexPath, const SeriesLayout &layout);

/** Where a frame ends, in bytes behind the header. */
[[nodiscard]] constexpr std::uint64_t endOf(const IndexRecord &record)
{
    return std::uint64_t{record.block} * kArchiveBlock + record.length;
}

/** What is wrong with an entry by the rules of its layout; nullptr: nothing. */
[[nodiscard]] const char *entryFault(const IndexRecord &entry, std::uint64_t record,
                                     const ManifestSeries &series, std::uint64_t dataBytes);

} // namespace dmaslab
