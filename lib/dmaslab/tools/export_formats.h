// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "dmaslab/archive/reader.h"
#include "dmaslab/tools/commands.h"
#include "dmaslab/tools/frame_range.h"
#include "dmaslab/tools/frame_walk.h"

namespace dmaslab::tools {

struct ExportJob
{
    const Recording &recording;
    const ExportOptions &options;
    FrameRange range;

    [[nodiscard]] WalkOptions walkOptions() const { return {options.verify, !options.quiet}; }
};

struct ExportReport
{
    WalkReport walk;
    std::string made; ///< what is there now, a clause
};

/** Frames without the padding of rows as one .npy array. */
[[nodiscard]] Result<ExportReport> exportNpy(const ExportJob &job);
/** Frames back to back in PREFIX_000000.bin …, beside each a .idx with a line "<sequence> <offset>" per
 * frame. */
[[nodiscard]] Result<ExportReport> exportBin(const ExportJob &job);
/** A picture per frame, in one directory, or as the output itself when there is one frame. */
[[nodiscard]] Result<ExportReport> exportPictures(const ExportJob &job, ExportFormat format);
/** The index, a line per frame. */
[[nodiscard]] Result<ExportReport> exportCsv(const ExportJob &job);

/** Indices of the segments that have frames of the range. */
[[nodiscard]] std::vector<std::size_t> segmentsOf(const Recording &recording, const FrameRange &range);
/** Whether a file there would lie among those of the recording. */
[[nodiscard]] bool liesInRecording(const std::string &path, const Recording &recording);

} // namespace dmaslab::tools
