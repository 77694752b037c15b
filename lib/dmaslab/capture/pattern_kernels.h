// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <stddef.h>
#include <stdint.h>

// No C++ standard header here: this is also included by a file compiled for a newer CPU, and an
// inline function of the library compiled there could be the one the linker keeps for everybody.

namespace dmaslab {

/** The loops that touch every byte, compiled once per instruction set. */
struct PatternKernels
{
    uint64_t (*hash)(const void *bytes, size_t length);
    /** Fills with 64-bit words first, first + step, ... and returns the hash of what it wrote. */
    uint64_t (*fillCounting)(void *bytes, size_t length, uint64_t first);
    void (*fillNoise)(void *bytes, size_t length, uint64_t seed);
    /** One row of samples: first, first + step, ...; `swapped`: not in the byte order of this machine. */
    void (*fillRamp8)(void *row, size_t samples, uint8_t first, uint8_t step);
    void (*fillRamp16)(void *row, size_t samples, uint16_t first, uint16_t step, bool swapped);
    const char *name;
};

/** The best set for the CPU we run on. */
const PatternKernels &patternKernels();

} // namespace dmaslab
