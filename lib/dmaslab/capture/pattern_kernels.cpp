// SPDX-License-Identifier: LGPL-2.1-or-later
// Compiled once per instruction set; DMASLAB_KERNELS names the table each makes.
#include "dmaslab/capture/pattern_kernels.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace dmaslab {

namespace {

/** Small enough to stay in the first cache between being written and being hashed. */
constexpr size_t chunkBytes = 16384;
/** Odd, so that all words of a frame differ. */
constexpr uint64_t countingStep = 0x9e3779b97f4a7c15;
constexpr size_t noiseLanes = 8;

uint64_t hash(const void *bytes, size_t length)
{
    return XXH3_64bits(bytes, length);
}

/** Writes whole words, then the first bytes of the next; memcpy because a frame may lie at any address. */
void fillWords(unsigned char *bytes, size_t length, uint64_t first)
{
    const size_t words = length / 8;
    for (size_t i = 0; i < words; i++) {
        const uint64_t word = first + i * countingStep;
        memcpy(bytes + i * 8, &word, 8);
    }
    const uint64_t last = first + words * countingStep;
    memcpy(bytes + words * 8, &last, length % 8);
}

uint64_t fillCounting(void *bytes, size_t length, uint64_t first)
{
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    auto *at = static_cast<unsigned char *>(bytes);
    while (length > 0) {
        const size_t chunk = length < chunkBytes ? length : chunkBytes;
        fillWords(at, chunk, first);
        XXH3_64bits_update(&state, at, chunk);
        first += chunkBytes / 8 * countingStep;
        at += chunk;
        length -= chunk;
    }
    return XXH3_64bits_digest(&state);
}

uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/** Independent xorshift generators side by side: shifts and xors are what vectors do fast. */
void fillNoise(void *bytes, size_t length, uint64_t seed)
{
    uint64_t lanes[noiseLanes];
    for (size_t lane = 0; lane < noiseLanes; lane++)
        lanes[lane] = mix(seed + (lane + 1) * countingStep) | 1; // a state of 0 would stay 0
    auto *at = static_cast<unsigned char *>(bytes);
    for (;;) {
        for (uint64_t &lane : lanes) {
            lane ^= lane << 13;
            lane ^= lane >> 7;
            lane ^= lane << 17;
        }
        if (length < sizeof lanes)
            break;
        memcpy(at, lanes, sizeof lanes);
        at += sizeof lanes;
        length -= sizeof lanes;
    }
    memcpy(at, lanes, length);
}

void fillRamp8(void *row, size_t samples, uint8_t first, uint8_t step)
{
    auto *at = static_cast<unsigned char *>(row);
    for (size_t i = 0; i < samples; i++)
        at[i] = static_cast<uint8_t>(first + i * step);
}

void fillRamp16(void *row, size_t samples, uint16_t first, uint16_t step, bool swapped)
{
    auto *at = static_cast<unsigned char *>(row);
    for (size_t i = 0; i < samples; i++) {
        auto value = static_cast<uint16_t>(first + i * step);
        if (swapped)
            value = __builtin_bswap16(value);
        memcpy(at + 2 * i, &value, 2);
    }
}

} // namespace

extern const PatternKernels DMASLAB_KERNELS;
const PatternKernels DMASLAB_KERNELS = {hash,      fillCounting, fillNoise,
                                        fillRamp8, fillRamp16,   DMASLAB_KERNELS_NAME};

} // namespace dmaslab
