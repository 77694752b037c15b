// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/slab/sizing.h"

#include <algorithm>

#include "dmaslab/slab/free_word.h"

namespace dmaslab {

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

std::uint64_t framesIn(const SizingRequest &r, std::uint64_t ns)
{
    if (r.rateNumerator == 0 || r.rateDenominator == 0)
        return 0;
    using Wide = unsigned __int128;
    const Wide denominator = Wide{kSecond} * r.rateDenominator;
    const Wide frames = (Wide{ns} * r.rateNumerator + denominator - 1) / denominator;
    return static_cast<std::uint64_t>(std::min<Wide>(frames, FreeWord::kMaxSlabs));
}

} // namespace

std::uint32_t slabsNeeded(const SizingRequest &r)
{
    const std::uint64_t sum =
        framesIn(r, r.maxLatencyNs) + framesIn(r, r.safetyNs) + std::uint64_t{r.driverMinimum} + r.declared;
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(sum, 2, FreeWord::kMaxSlabs));
}

std::string explainSizing(const SizingRequest &r)
{
    return std::to_string(framesIn(r, r.maxLatencyNs)) + " (rate x latency) + " +
           std::to_string(framesIn(r, r.safetyNs)) + " (rate x safety) + " + std::to_string(r.driverMinimum) +
           " (device) + " + std::to_string(r.declared) +
           " (declared by the branches) = " + std::to_string(slabsNeeded(r));
}

} // namespace dmaslab
