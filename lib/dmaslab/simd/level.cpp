// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/simd/level.h"

#include <array>

#include "dmaslab/simd/dispatch.h"

namespace dmaslab {

namespace {

struct Named
{
    SimdLevel level;
    std::string_view name;
    std::uint64_t targets; ///< Highway's names of it; 0: no vectors
};

// Not named here and so never chosen: SVE, whose vectors have no size that a table could be laid out for.
constexpr std::array kLevels{
    Named{SimdLevel::Auto, "auto", 0},
    Named{SimdLevel::Scalar, "scalar", 0},
    Named{SimdLevel::Sse4, "sse4", HWY_SSSE3 | HWY_SSE4},
    Named{SimdLevel::Avx2, "avx2", HWY_AVX2},
    Named{SimdLevel::Avx512, "avx512", HWY_AVX3 | HWY_AVX3_DL},
    Named{SimdLevel::Neon, "neon", HWY_NEON},
};

std::vector<SimdLevel> findUsable()
{
    std::vector<SimdLevel> usable{SimdLevel::Scalar};
    const std::uint64_t runs = std::uint64_t(hwy::SupportedTargets()) & std::uint64_t(HWY_TARGETS);
    for (const Named &entry : kLevels) {
        if ((entry.targets & runs) != 0)
            usable.push_back(entry.level);
    }
    return usable;
}

} // namespace

std::string_view toString(SimdLevel level)
{
    for (const Named &entry : kLevels) {
        if (entry.level == level)
            return entry.name;
    }
    return "?";
}

std::optional<SimdLevel> simdLevelFromString(std::string_view name)
{
    for (const Named &entry : kLevels) {
        if (entry.name == name)
            return entry.level;
    }
    return std::nullopt;
}

const std::vector<SimdLevel> &usableSimdLevels()
{
    static const std::vector<SimdLevel> usable = findUsable();
    return usable;
}

SimdLevel bestSimdLevel(SimdLevel cap)
{
    SimdLevel best = SimdLevel::Scalar;
    for (const SimdLevel level : usableSimdLevels()) {
        if (cap == SimdLevel::Auto || level <= cap)
            best = level;
    }
    return best;
}

std::uint64_t simdTargets(SimdLevel level)
{
    std::uint64_t targets = 0;
    for (const Named &entry : kLevels) {
        if (entry.level == level)
            targets = entry.targets;
    }
    return targets & std::uint64_t(hwy::SupportedTargets()) & std::uint64_t(HWY_TARGETS);
}

} // namespace dmaslab
