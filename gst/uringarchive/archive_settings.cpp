// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchive/archive_settings.h"

#include <algorithm>

#include "dmaslab/slab/sizing.h"

namespace dmaslab {

std::uint32_t ArchiveSettings::maxHeld(std::uint32_t rateNumerator, std::uint32_t rateDenominator) const
{
    constexpr std::int64_t kLateNs = 50'000'000; // a disk's usual pauses
    constexpr std::uint32_t kHands = 4;          // taken, being hashed, done but not yet told
    if (writer.maxHeld != 0)
        return writer.maxHeld;
    SizingRequest request;
    request.rateNumerator = everyNth == 0 ? 0 : rateNumerator;
    request.rateDenominator = std::uint32_t(
        std::min<std::uint64_t>(std::uint64_t(rateDenominator) * std::max(everyNth, 1u), UINT32_MAX));
    request.maxLatencyNs = std::uint64_t(writer.batchTimeNs + kLateNs);
    request.driverMinimum = writer.queueDepth + kHands;
    return slabsNeeded(request);
}

} // namespace dmaslab
