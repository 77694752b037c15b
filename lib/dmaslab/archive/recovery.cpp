// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/recovery.h"

#include <cerrno>
#include <ctime>
#include <new>

#include <fcntl.h>
#include <sys/file.h>

#include "dmaslab/archive/file_io.h"
#include "dmaslab/archive/segment_repair.h"
#include "dmaslab/memory/text.h"

namespace dmaslab {

namespace {

/** A reader that asks whether a writer lives has the lock for a moment; a writer has it for good. */
constexpr int kLockTries = 50;
constexpr timespec kBetweenTries = {0, 2'000'000};

Result<UniqueFd> lockDirectory(std::string &path)
{
    auto fd = openRecordingDirectory(path);
    for (int tries = 1; fd && flock(fd->get(), LOCK_EX | LOCK_NB) != 0; ++tries) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return failSystem(path, "lock it", errno);
        if (tries == kLockTries)
            return fail(Errc::Permission,
                        path + ": is being written: stop its writer first, which also completes it",
                        EWOULDBLOCK);
        nanosleep(&kBetweenTries, nullptr);
    }
    return fd;
}

std::string counted(std::uint64_t count, const char *noun)
{
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

Result<RecoveryReport> recover(std::string path, bool dryRun)
{
    const auto directory = lockDirectory(path);
    if (!directory)
        return tl::unexpected(directory.error());
    auto manifest = Manifest::read(directory->get(), path);
    if (!manifest)
        return tl::unexpected(manifest.error());
    RecoveryReport report;
    report.wasClosed = manifest->state != RecordingState::Recording;
    const RepairJob job{directory->get(), path, manifest->hashed, dryRun};
    std::optional<std::uint64_t> previous;
    std::vector<ManifestSegment> kept;
    std::uint32_t next = 0;
    for (ManifestSegment &segment : manifest->segments) {
        next = segment.number + 1;
        if (!report.wasClosed && !segment.closed) {
            const auto present =
                repairSegment(job, manifest->series[segment.series], previous, segment, report);
            if (!present)
                return tl::unexpected(present.error());
            if (!*present)
                continue;
        }
        if (segment.lastSequence)
            previous = segment.lastSequence;
        report.frames += segment.frames;
        kept.push_back(segment);
    }
    if (report.wasClosed)
        return report;
    // A segment is prepared, with all its space, before it is listed. Its number may wrap only in theory.
    for (std::uint32_t number = next; number >= next; ++number) {
        const auto present = trimPrepared(job, number, report);
        if (!present)
            return tl::unexpected(present.error());
        if (!*present)
            break;
    }
    const auto losses = repairLosses(job, report);
    if (!losses)
        return tl::unexpected(losses.error());
    manifest->losses = *losses;
    manifest->segments = std::move(kept);
    manifest->state = RecordingState::Recovered;
    manifest->closed = utcText(utcNowNs());
    report.actions.push_back(std::string(kManifestName) + ": says \"recovered\" now, " +
                             counted(report.frames, "frame") + " in " +
                             counted(manifest->segments.size(), "segment"));
    if (!dryRun) {
        if (const auto ok = manifest->replace(directory->get(), path); !ok)
            return tl::unexpected(ok.error());
    }
    return report;
}

} // namespace

Result<RecoveryReport> recoverRecording(const std::string &directory, bool dryRun)
try {
    return recover(directory, dryRun);
} catch (const std::bad_alloc &) {
    return failNoMemory("no memory");
}

} // namespace dmaslab
