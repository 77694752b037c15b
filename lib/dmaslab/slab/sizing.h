// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

#include "dmaslab/export.h"

namespace dmaslab {

/** What decides how many slabs a stream needs. */
struct SizingRequest
{
    std::uint32_t rateNumerator = 0; ///< frames per `rateDenominator` seconds; 0: not known
    std::uint32_t rateDenominator = 1;
    std::uint64_t maxLatencyNs = 0;  ///< how long a frame may be on its way
    std::uint64_t safetyNs = 0;      ///< stalls to ride out on top of it
    std::uint32_t driverMinimum = 0; ///< what the device itself keeps
    std::uint32_t declared = 0;      ///< what the branches said they hold
};

/** ceil(rate x latency) + ceil(rate x safety) + driver minimum + declared, at least 2. */
[[nodiscard]] DMASLAB_EXPORT std::uint32_t slabsNeeded(const SizingRequest &request);

/** The same as a sentence with its numbers, for warnings. */
[[nodiscard]] DMASLAB_EXPORT std::string explainSizing(const SizingRequest &request);

} // namespace dmaslab
