// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

#include "dmaslab/archive/layout.h"
#include "dmaslab/error.h"
#include "dmaslab/unique_fd.h"

namespace dmaslab {

/** How large a segment is to be. */
struct SegmentPlan
{
    std::uint32_t number = 0;
    std::uint32_t series = 0;
    SeriesLayout layout;
    std::uint64_t records = 0;   ///< most frames in it
    std::uint64_t dataBytes = 0; ///< of the frames file, behind its header; a multiple of 4096
    bool direct = true;

    /** Plans a segment of at most `bytes` of frames; at least one record. */
    static SegmentPlan of(const SeriesLayout &layout, std::uint64_t bytes, std::uint64_t mostFrames);
    [[nodiscard]] std::uint64_t indexBytes() const { return roundUpToBlock(records * sizeof(IndexRecord)); }
    /** The next smaller plan to try when the disk has no room for this one; false when it is too small to be
     * useful. */
    [[nodiscard]] bool halve();
};

/** The two open files of one segment; both have their full size from the beginning. */
struct SegmentFiles
{
    SegmentPlan plan;
    UniqueFd frames;
    UniqueFd index;
    std::string path;         ///< of the frames file
    bool direct = true;       ///< O_DIRECT was taken
    bool preallocated = true; ///< false: the file system cannot, and writes will find their blocks as they go
};

/** What a closed segment is. */
struct SegmentEnd
{
    std::uint64_t records = 0;
    std::uint64_t dataBytes = 0; ///< behind the header of the frames file
    bool uncertain = false;      ///< a commit failed half way: the headers may say more than that
};

struct ArchivePlace
{
    int directory = -1;
    std::string path;
};

/** Creates and preallocates both files; on failure nothing is left behind. Durable when it returns. */
[[nodiscard]] Result<SegmentFiles> createSegment(const ArchivePlace &place, const SegmentPlan &plan);
/**
 * Gives the files of the segment `oldest` the number of the plan, empty: their blocks are overwritten in
 * place. The caller has taken the old segment out of the manifest.
 */
[[nodiscard]] Result<SegmentFiles> recycleSegment(const ArchivePlace &place, std::uint32_t oldest,
                                                  const SegmentPlan &plan);
/** Cuts the files to what is in them and makes that durable. */
[[nodiscard]] Result<void> endSegment(SegmentFiles &files, const SegmentEnd &end);
/** Removes the files of a segment that never had a frame. */
void removeSegment(const ArchivePlace &place, std::uint32_t number);

} // namespace dmaslab
