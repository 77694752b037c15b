// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dmaslab/archive/recovery.h"

namespace dmaslab {

/**
 * Tells numbers that are absent for a reason from those that are not: left out by every_nth, or in the
 * ledger. An entry of the ledger that counts its whole range explains exactly that; one that counts fewer
 * explains as many, anywhere in its range.
 */
class DMASLAB_EXPORT GapAccount
{
public:
    GapAccount(std::span<const LossRecord> ledger, std::uint32_t everyNth, std::uint32_t nthPhase);

    /** Both are there, nothing between them is. Gaps come in order. */
    void add(std::uint64_t before, std::uint64_t after);
    /** What nothing explains, in order; once, at the end. */
    [[nodiscard]] std::vector<MissingFrames> finish();

private:
    struct Range
    {
        std::uint64_t first, last;
        std::uint64_t explained = 0; ///< of its numbers, where it explains not all
        std::uint64_t absent = 0;
    };

    static void join(std::vector<Range> &ranges);
    [[nodiscard]] std::uint64_t wanted(std::uint64_t first, std::uint64_t last) const;
    void addUncovered(std::uint64_t first, std::uint64_t last);
    void addMissing(std::uint64_t first, std::uint64_t last);

    std::uint64_t everyNth_, nthPhase_;
    std::vector<Range> whole_, partial_; ///< apart from each other, in order
    std::vector<MissingFrames> missing_;
};

} // namespace dmaslab
