// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>

#include <hwy/targets.h>

#include "dmaslab/simd/level.h"

namespace dmaslab {

/** Highway's bits for a level, those that this build and CPU have. */
[[nodiscard]] std::uint64_t simdTargets(SimdLevel level);

/**
 * Where a table of HWY_EXPORT has the function of a level. Highway's own dispatch chooses once for the whole
 * process; two elements with different levels need both.
 */
[[nodiscard]] inline std::size_t dispatchIndex(SimdLevel level)
{
#if HWY_TARGETS & (HWY_TARGETS - 1)
    hwy::ChosenTarget target;
    target.Update(static_cast<decltype(HWY_TARGETS)>(simdTargets(level)));
    return target.GetIndex();
#else
    (void)level; // one target only: a table of one
    return 0;
#endif
}

} // namespace dmaslab
