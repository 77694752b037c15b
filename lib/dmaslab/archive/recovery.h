// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dmaslab/archive/reader.h"

namespace dmaslab {

struct RecoveryReport
{
    bool wasClosed = false;           ///< nothing to do
    std::uint64_t frames = 0;         ///< in the recording now
    std::uint64_t regained = 0;       ///< of these, beyond what the headers counted
    std::vector<std::string> actions; ///< what was (or, in a dry run, would be) changed, a sentence each
};

/**
 * Repairs a recording whose writer died: frames that the headers do not count yet but whose index entry and
 * hash are right are taken in, headers are made to agree, files are cut to size, the manifest is completed.
 * Looks at the tail of the open segments only. Never removes a file, and refuses while a writer has the
 * recording.
 */
[[nodiscard]] DMASLAB_EXPORT Result<RecoveryReport> recoverRecording(const std::string &directory,
                                                                     bool dryRun = false);

enum class FrameFault : std::uint8_t
{
    WrongHash,  ///< the bytes are not those that were archived
    Bad,        ///< marked as not written when it was archived
    Unreadable, ///< the system could not read it
    Index,      ///< its index entry is impossible
};

[[nodiscard]] DMASLAB_EXPORT const char *toString(FrameFault fault);

struct VerifyFault
{
    std::uint64_t frame = 0;
    std::uint64_t sequence = 0;
    std::uint32_t segment = 0;
    FrameFault fault = FrameFault::WrongHash;
    std::string detail;
};

/** Numbers that should be there: `count` of first … last. */
struct MissingFrames
{
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t count = 0;
    bool operator==(const MissingFrames &) const = default;
};

struct VerifyReport
{
    std::uint64_t frames = 0;
    std::uint64_t verified = 0;      ///< hash right
    std::uint64_t unhashed = 0;      ///< readable, but recorded without a hash
    std::uint64_t missing = 0;       ///< numbers absent that the ledger does not explain
    std::vector<MissingFrames> gaps; ///< where these are
    std::vector<VerifyFault> faults;
    std::vector<std::string> problems; ///< of files and counts
    [[nodiscard]] bool ok() const { return faults.empty() && problems.empty() && missing == 0; }
};

/** Reads and hashes every frame. `progress(done, total)` returning false ends it early. */
[[nodiscard]] DMASLAB_EXPORT Result<VerifyReport>
verifyRecording(const Recording &recording,
                const std::function<bool(std::uint64_t, std::uint64_t)> &progress = {});

} // namespace dmaslab
