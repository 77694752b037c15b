// SPDX-License-Identifier: LGPL-2.1-or-later
// The ledger of a branch that stalls for hours stays small and its counts stay exact.
#include "common/loss_ledger.h"

#include <gtest/gtest.h>

using namespace dmaslab;

TEST(LossLedgerBound, HoldsWhenReasonsTakeTurns)
{
    LossLedger ledger;
    const std::uint64_t frames = 3 * LossLedger::maxEntries;
    for (std::uint64_t i = 0; i < frames; ++i)
        ledger.record(i % 2 ? LossReason::Overrun : LossReason::Starved, i, i);
    const auto losses = ledger.takePending();
    EXPECT_LE(losses.size(), LossLedger::maxEntries + lossReasonCount);
    std::uint64_t counted = 0;
    for (const Loss &loss : losses)
        counted += loss.count;
    EXPECT_EQ(counted, frames);
}
