// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "dmaslab/simd/bin.h"
#include "dmaslab/simd/calibrate.h"
#include "dmaslab/simd/roi.h"
#include "dmaslab/simd/statistics.h"
#include "dmaslab/simd/tone.h"
#include "dmaslab/simd/unpack.h"

namespace dmaslab {

// SimdLevel::Scalar: one pixel at a time, as the definition reads. The other levels must give the same bits.
extern const UnpackKernels unpackReference;
extern const CalibrateKernels calibrateReference;
extern const BinKernels binReference;
extern const ToneKernels toneReference;
extern const StatisticsKernels statisticsReference;
extern const RoiKernels roiReference;

} // namespace dmaslab
