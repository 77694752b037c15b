// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cinttypes>
#include <cstdio>

#include "dmaslab/archive/recovery.h"
#include "dmaslab/tools/commands.h"
#include "dmaslab/tools/terminal.h"

namespace dmaslab::tools {

int runRecover(const RecoverOptions &options)
{
    const auto report = recoverRecording(options.recording, options.dryRun);
    if (!report)
        return complain(report.error().message);
    for (const std::string &action : report->actions)
        std::printf("%s\n", printable(action).c_str());
    const std::string frames = countText(report->frames, "frame");
    if (report->wasClosed)
        std::printf("nothing to do: the recording was closed; it has %s\n", frames.c_str());
    else
        std::printf("%s%s, %" PRIu64 " of them regained\n",
                    options.dryRun ? "nothing was changed; the recording would have " : "the recording has ",
                    frames.c_str(), report->regained);
    return kAllRight;
}

} // namespace dmaslab::tools
