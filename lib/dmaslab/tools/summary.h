// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dmaslab/archive/reader.h"

namespace dmaslab::tools {

/** What `info` knows about one segment. */
struct SegmentSummary
{
    std::uint64_t bad = 0;
    std::uint64_t bytes = 0;     ///< of both files
    std::uint64_t allocated = 0; ///< on disk: more while space is reserved
    std::optional<IndexRecord> first, last;
    bool closed = false;
};

/** What `info` says, as text and as JSON. */
struct Summary
{
    std::string state; ///< recording, crashed, closed or recovered
    std::uint64_t frames = 0;
    std::uint64_t bad = 0;
    std::uint64_t bytes = 0;
    std::uint64_t allocated = 0;
    std::vector<SegmentSummary> segments;
    std::vector<std::string> problems; ///< of files and counts
    std::optional<IndexRecord> first, last;
    std::int64_t durationNs = 0; ///< by pts, from the first frame to the last
    double rate = 0;             ///< frames per second by pts; 0: unknown
    std::vector<LossRecord> losses;
    /** Of a ring that gave up segments: the first number it still has. What was before is no gap. */
    std::optional<std::uint64_t> keptFrom;
    std::uint32_t overwrittenSegments = 0;
    std::map<std::string, std::uint64_t> lostByReason;
    std::uint64_t lost = 0;           ///< of what the recording kept
    std::uint64_t lostBeforeKept = 0; ///< what a ring would have overwritten
    std::uint64_t skipped = 0;
    double expected = 0; ///< numbers of the span below that belong to the recording
    double complete = 0; ///< of these, those that are there and not bad
    /** Numbers that losses and frames span, and how many of each stretch of them are there. */
    std::uint64_t spanFirst = 0, spanLast = 0;
    std::vector<double> picture; ///< 0 … 1 for each column; -1: nothing was to be there
};

/** Reads ledger, headers and a few index entries per column of the picture, not the whole index. */
[[nodiscard]] Result<Summary> summarize(const Recording &recording, unsigned columns);

/** The picture as one line between bars, in blocks or in ASCII. */
[[nodiscard]] std::string pictureLine(const std::vector<double> &picture, bool utf8);

} // namespace dmaslab::tools
