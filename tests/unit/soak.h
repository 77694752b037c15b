// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

namespace dmaslab::test {

/** How often a torture test turns: a sample of a second or two, the full count with DMASLAB_SOAK=1. */
inline uint64_t soakCount(uint64_t sample, uint64_t full)
{
    const char *soak = std::getenv("DMASLAB_SOAK");
    return soak != nullptr && std::strcmp(soak, "1") == 0 ? full : sample;
}

/** A new seed each run, printed so that a failure can be repeated with DMASLAB_SEED. */
inline uint64_t soakSeed()
{
    const char *given = std::getenv("DMASLAB_SEED");
    const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
    std::printf("seed %llu (repeat with DMASLAB_SEED)\n", static_cast<unsigned long long>(seed));
    return seed;
}

} // namespace dmaslab::test
