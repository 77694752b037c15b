// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include "dmaslab/error.h"
#include "dmaslab/export.h"

namespace dmaslab {

/** From how many counts on a rectangle holds an atom, and how often that is wrong. */
struct OccupancyThreshold
{
    std::uint64_t counts = 0;
    double falsePositives = 0; ///< an empty one reaches it
    double falseNegatives = 0; ///< an occupied one does not
};

/**
 * Counts are Poisson distributed around either mean. Of all thresholds whose false positives are at most
 * @p fpTarget the one with the fewest errors of both kinds; the lowest of equals.
 */
[[nodiscard]] DMASLAB_EXPORT Result<OccupancyThreshold>
occupancyThreshold(double lambdaOccupied, double lambdaEmpty, double fpTarget);

} // namespace dmaslab
