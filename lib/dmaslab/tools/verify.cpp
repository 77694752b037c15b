// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "dmaslab/archive/recovery.h"
#include "dmaslab/tools/commands.h"
#include "dmaslab/tools/open_recording.h"
#include "dmaslab/tools/terminal.h"

namespace dmaslab::tools {

namespace {

/** A gap as the numbers that belong to the recording: with every_nth = 5 it does not begin at 11 but at 15.
 */
MissingFrames narrowed(MissingFrames gap, const Manifest &manifest)
{
    const std::uint64_t step = std::max(manifest.everyNth, 1u);
    const std::uint64_t phase = manifest.nthPhase % step;
    const std::uint64_t first = gap.first + (step + phase - gap.first % step) % step;
    const std::uint64_t last = gap.last - (step + gap.last % step - phase) % step;
    return first <= last ? MissingFrames{first, last, gap.count} : gap;
}

void printReport(const Manifest &manifest, const VerifyReport &report)
{
    for (const std::string &problem : report.problems)
        std::printf("problem: %s\n", printable(problem).c_str());
    for (const VerifyFault &fault : report.faults) {
        std::printf("frame %" PRIu64 ", sequence %" PRIu64 ", segment %u: %s%s%s\n", fault.frame,
                    fault.sequence, fault.segment, toString(fault.fault), fault.detail.empty() ? "" : ": ",
                    printable(fault.detail).c_str());
    }
    for (const MissingFrames &reported : report.gaps) {
        const MissingFrames gap = narrowed(reported, manifest);
        std::printf("sequence %" PRIu64 "%s: %s missing, and the ledger does not say why\n", gap.first,
                    gap.last > gap.first ? (" to " + std::to_string(gap.last)).c_str() : "",
                    countText(gap.count, "frame").c_str());
    }
    std::string counts = std::to_string(report.verified) + " verified";
    if (report.unhashed > 0)
        counts += ", " + std::to_string(report.unhashed) + " readable but recorded without a hash";
    if (!report.faults.empty())
        counts += ", " + std::to_string(report.faults.size()) + " damaged";
    if (report.missing > 0)
        counts += ", " + std::to_string(report.missing) + " missing";
    std::printf("%s: %s: %s\n", countText(report.frames, "frame").c_str(), counts.c_str(),
                report.ok() ? "all right" : "NOT all right");
}

void printJsonReport(const Recording &recording, const VerifyReport &report)
{
    nlohmann::ordered_json json = {{"recording", recording.path()},
                                   {"ok", report.ok()},
                                   {"frames", report.frames},
                                   {"verified", report.verified},
                                   {"unhashed", report.unhashed},
                                   {"missing", report.missing},
                                   {"gaps", nlohmann::ordered_json::array()},
                                   {"faults", nlohmann::ordered_json::array()},
                                   {"problems", report.problems}};
    for (const MissingFrames &reported : report.gaps) {
        const MissingFrames gap = narrowed(reported, recording.manifest());
        json["gaps"].push_back({{"first", gap.first}, {"last", gap.last}, {"count", gap.count}});
    }
    for (const VerifyFault &fault : report.faults)
        json["faults"].push_back({{"frame", fault.frame},
                                  {"sequence", fault.sequence},
                                  {"segment", fault.segment},
                                  {"fault", toString(fault.fault)},
                                  {"detail", fault.detail}});
    printJson(json);
}

} // namespace

int runVerify(const VerifyOptions &options)
{
    const auto recording = openRecording(options.recording);
    if (!recording)
        return complain(recording.error().message);
    catchInterrupt();
    ProgressBar bar("verify", !options.quiet);
    const auto report = verifyRecording(*recording, [&](std::uint64_t done, std::uint64_t total) {
        bar.update(done, total);
        return !interrupted();
    });
    bar.clear();
    if (!report)
        return complain(report.error().message);
    if (interrupted()) {
        complain("interrupted: what follows is of the frames looked at so far");
        if (!options.quiet && !options.json)
            printReport(recording->manifest(), *report);
        return kInterrupted;
    }
    if (options.json)
        printJsonReport(*recording, *report);
    else if (!options.quiet)
        printReport(recording->manifest(), *report);
    return report->ok() ? kAllRight : kFaults;
}

} // namespace dmaslab::tools
