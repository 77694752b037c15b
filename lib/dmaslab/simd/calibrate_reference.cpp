// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/simd/references.h"

namespace dmaslab {

namespace {

void calibrate(const ConstPixels16 &in, const Pixels16 &out, const Calibration &calibration, Store)
{
    const bool hasDark = calibration.dark.data != nullptr;
    const bool hasGain = calibration.gain.data != nullptr;
    const auto one = std::uint16_t(1u << calibration.gainShift);
    for (std::size_t y = 0; y < out.rows; ++y) {
        const std::uint16_t *dark = hasDark ? calibration.dark.row(y) : nullptr;
        const std::uint16_t *gain = hasGain ? calibration.gain.row(y) : nullptr;
        for (std::size_t x = 0; x < out.width; ++x)
            out.row(y)[x] = calibrated(in.row(y)[x], dark ? dark[x] : std::uint16_t{0}, gain ? gain[x] : one,
                                       calibration.gainShift);
    }
}

} // namespace

constinit const CalibrateKernels calibrateReference{calibrate};

} // namespace dmaslab
