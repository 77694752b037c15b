// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "bench/harness.h"

namespace bench {

// Each does the leg if it is one of its own, and says whether it was.
bool kernelLeg(const std::string &what, const Options &options, Report &report);
bool roiLeg(const std::string &what, const Options &options, Report &report);
bool processorLeg(const std::string &what, const Options &options, Report &report);
/** Never where OpenCV is not there. */
bool opencvLeg(const std::string &what, const Options &options, Report &report);
bool elementLeg(const std::string &what, const Options &options, Report &report);

} // namespace bench
