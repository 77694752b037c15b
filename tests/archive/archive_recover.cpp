// SPDX-License-Identifier: LGPL-2.1-or-later
// Repairs a recording and says in one line what was found, and how long it took.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include "dmaslab/archive/recovery.h"
#include "dmaslab/ring/futex.h"

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::fprintf(stderr, "archive_recover DIRECTORY\n");
        return 2;
    }
    const std::int64_t begun = dmaslab::monotonicNowNs();
    const auto report = dmaslab::recoverRecording(argv[1]);
    const std::int64_t took = dmaslab::monotonicNowNs() - begun;
    if (!report) {
        std::fprintf(stderr, "archive_recover: %s\n", report.error().message.c_str());
        return EXIT_FAILURE;
    }
    for (const std::string &action : report->actions)
        std::printf("action %s\n", action.c_str());
    std::printf("recovered frames=%" PRIu64 " regained=%" PRIu64 " closed=%d us=%" PRId64 "\n",
                report->frames, report->regained, report->wasClosed ? 1 : 0, took / 1000);
    return EXIT_SUCCESS;
}
