// SPDX-License-Identifier: LGPL-2.1-or-later
// The pixel kernels and what they are measured against, one of them per process.
//   what=memcpy|ntcopy|read|statistics|…   the whole list is in the functions of simd_legs.h
//   width=N height=N place=cache|dram simd=LEVEL
#include "bench/simd_legs.h"

#include <cstdio>

int main(int argc, char **argv)
{
    const bench::Options options(argc, argv);
    const std::string what = options.text("what");
    bench::Report report;
    if (!bench::kernelLeg(what, options, report) && !bench::roiLeg(what, options, report) &&
        !bench::processorLeg(what, options, report) && !bench::opencvLeg(what, options, report) &&
        !bench::elementLeg(what, options, report))
        bench::giveUp("what=" + what + " is unknown");
    report.print();
    return 0;
}
