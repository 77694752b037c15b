// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dmaslab/archive/manifest.h"
#include "dmaslab/archive/recovery.h"

namespace dmaslab {

/** What a repair works on. */
struct RepairJob
{
    int directory = -1;
    std::string path;
    bool hashed = true; ///< the recording has hashes, so that uncounted frames can be told from remains
    bool dryRun = false;
};

/**
 * Completes one open segment: counts what is whole, makes the headers say so, cuts the files, and fills in
 * its entry of the manifest. `previous` is the last sequence before it, and then its own last. False when it
 * has no files, so that there is nothing to list.
 */
[[nodiscard]] Result<bool> repairSegment(const RepairJob &job, const ManifestSeries &series,
                                         std::optional<std::uint64_t> &previous, ManifestSegment &segment,
                                         RecoveryReport &report);

/** Cuts the files of a segment that was prepared, never listed and never used. False: there is none. */
[[nodiscard]] Result<bool> trimPrepared(const RepairJob &job, std::uint32_t number, RecoveryReport &report);

/** Makes losses.npy whole; how many entries it has. */
[[nodiscard]] Result<std::uint64_t> repairLosses(const RepairJob &job, RecoveryReport &report);

} // namespace dmaslab
