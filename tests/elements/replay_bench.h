// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "../unit/archive_test_recording.h"
#include "../unit/capture_test_files.h"
#include "source_bench.h"

namespace dmaslab::test {

/** A uringarchivesrc on the bench, and what it delivered. */
class ReplayBench : public SourceBench
{
public:
    ReplayBench(const std::string &location, const std::string &properties = "",
                const std::string &caps = "ANY");

    struct Frame
    {
        std::uint64_t sequence = 0;
        GstClockTime pts = 0;
        std::string bytes;
    };
    std::vector<Frame> frames();

    /** A flushing seek, unless told otherwise. */
    bool seek(GstFormat format, gint64 start, gint64 stop = -1, GstSeekFlags flags = GST_SEEK_FLAG_FLUSH,
              double rate = 1);
    /** How often a line is in the log. */
    std::size_t times(const std::string &line);
    void waitForTimes(const std::string &line, std::size_t times);
    /** The story since the last flush. */
    std::vector<std::string> storyAfterFlush();
    std::string currentCaps();

private:
    std::mutex mutex_;
    std::vector<Frame> frames_;
};

/** A closed recording of grey frames: number n shows pixels(frameBytes, n). */
void makeGrey(const std::string &path, unsigned frames, std::int64_t firstPts = 0, unsigned split = 0);
inline constexpr std::size_t kGreyBytes = 8192; ///< 64x64, 16 bit

[[nodiscard]] std::vector<std::string> bufferLines(unsigned first, unsigned last);

} // namespace dmaslab::test
