// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cinttypes>
#include <cstdio>

#include "dmaslab/archive/recovery.h"
#include "dmaslab/tools/commands.h"
#include "dmaslab/tools/open_recording.h"
#include "dmaslab/tools/terminal.h"

namespace dmaslab::tools {

namespace {

/** Frames that closed segments had and have no more: repairing gives none of them back. */
std::uint64_t unreadableFrames(const Recording &recording)
{
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < recording.segments().size(); ++i) {
        const ManifestSegment &entry = recording.manifest().segments[i];
        const std::uint64_t there = recording.segments()[i].frames;
        if (entry.closed && entry.frames > there)
            count += entry.frames - there;
    }
    return count;
}

/** Problems of the closed segments, which repairing does not touch. Returns whether there is none. */
bool tellProblems(const Recording &recording)
{
    bool whole = true;
    for (std::size_t i = 0; i < recording.segments().size(); ++i) {
        const std::string &problem = recording.segments()[i].problem;
        if (problem.empty() || !recording.manifest().segments[i].closed)
            continue;
        std::printf("problem: %s\n", printable(problem).c_str());
        whole = false;
    }
    return whole;
}

} // namespace

int runRecover(const RecoverOptions &options)
{
    const auto report = recoverRecording(options.recording, options.dryRun);
    if (!report)
        return complain(explainOpen(report.error(), options.recording).message);
    for (const std::string &action : report->actions)
        std::printf("%s\n", printable(action).c_str());
    const auto recording = openRecording(options.recording);
    if (!recording)
        return complain(recording.error().message);
    const bool whole = tellProblems(*recording);
    const std::uint64_t unreadable = unreadableFrames(*recording);
    const std::string frames = countText(report->frames, "frame");
    if (report->wasClosed)
        std::printf("%s: the recording was closed with %s\n",
                    whole && unreadable == 0 ? "nothing to do" : "nothing that could be repaired",
                    frames.c_str());
    else
        std::printf("%s%s, %" PRIu64 " of them regained\n",
                    options.dryRun ? "nothing was changed; the recording would have " : "the recording has ",
                    frames.c_str(), report->regained);
    if (unreadable > 0)
        std::printf("%" PRIu64 " of %s cannot be read (verify names them)\n", unreadable, frames.c_str());
    return whole && unreadable == 0 ? kAllRight : kFaults;
}

} // namespace dmaslab::tools
