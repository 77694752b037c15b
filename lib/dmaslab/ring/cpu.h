// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cstddef>

#include <sched.h>
#include <unistd.h>

namespace dmaslab {

/** Two lines, not one: the adjacent-line prefetcher of x86 and some Arm cores drag the neighbour along. */
inline constexpr std::size_t kNoSharing = 128;

/** Tells the core that this is a spin loop: saves power and leaves room for a sibling thread. */
inline void cpuRelax() noexcept
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    asm volatile("yield" ::: "memory");
#endif
}

/**
 * How many CPUs this program may use. The caller and the main thread are both asked, because a thread pinned
 * to one CPU still has partners on the others. 1 means that spinning only takes time from who should be
 * running.
 */
inline int usableCpus() noexcept
{
    int most = 1;
    for (const pid_t who : {pid_t(0), getpid()}) {
        cpu_set_t set;
        CPU_ZERO(&set);
        if (sched_getaffinity(who, sizeof(set), &set) == 0)
            most = std::max(most, CPU_COUNT(&set));
        else
            most = std::max(most, int(sysconf(_SC_NPROCESSORS_ONLN))); // more CPUs than the set can name
    }
    return most;
}

} // namespace dmaslab
