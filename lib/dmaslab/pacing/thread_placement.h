// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sched.h>

#include "dmaslab/error.h"
#include "dmaslab/export.h"
#include "dmaslab/unique_fd.h"

namespace dmaslab {

/** Where and how a thread should run. */
struct ThreadPlacement
{
    int cpu = -1;             ///< run on this CPU only; -1: wherever it runs now
    int rtPriority = 0;       ///< 1..99: SCHED_FIFO at this priority; 0: as it is
    int64_t timerSlackNs = 1; ///< how late the kernel may fire our timers to save power; 0: as it is

    /** Impossible values (no such CPU, priority outside 0..99). What rights allow shows on entering only. */
    [[nodiscard]] DMASLAB_EXPORT Result<void> validate() const;
};

/**
 * Places the calling thread, and on destruction puts back exactly what it found: threads come from pools
 * shared with strangers. Create and destroy it on the same thread.
 */
class DMASLAB_EXPORT PlacementGuard
{
public:
    explicit PlacementGuard(const ThreadPlacement &wanted);
    ~PlacementGuard();
    PlacementGuard(const PlacementGuard &) = delete;
    PlacementGuard &operator=(const PlacementGuard &) = delete;

    /** What was wanted and not got, each a sentence with its remedy. */
    [[nodiscard]] const std::vector<std::string> &degradations() const { return degradations_; }

private:
    void pin(int cpu);
    void prioritize(int priority);
    void tighten(int64_t slackNs);

    static constexpr int kSets = 8; // 8192 CPUs, as many as Linux can be built for on any machine of ours

    std::vector<std::string> degradations_;
    cpu_set_t oldCpus_[kSets];
    sched_param oldParam_{};
    int oldPolicy_ = 0; // with the reset-on-fork flag
    int oldSlackNs_ = 0;
    bool pinned_ = false, prioritized_ = false, tightened_ = false;
};

/** Keeps the CPUs out of deep sleep while it lives: halves the wake-up time, costs power. Machine-wide. */
class DMASLAB_EXPORT CpuDmaLatencyHold
{
public:
    static Result<CpuDmaLatencyHold> take(int32_t toleratedUs = 0,
                                          const char *device = "/dev/cpu_dma_latency");

private:
    explicit CpuDmaLatencyHold(UniqueFd fd) : fd_(std::move(fd)) {}

    UniqueFd fd_; // the kernel takes the wish back when this closes
};

} // namespace dmaslab
