// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

#include "dmaslab/error.h"
#include "dmaslab/export.h"
#include "dmaslab/ring/doorbell.h"

namespace dmaslab {

/**
 * Threads that do parts of one job together with the thread that has it: run() returns when all parts are
 * done. One job at a time, from one thread at a time. While jobs follow each other closely nobody sleeps and
 * nothing costs a system call.
 */
class DMASLAB_EXPORT BandTeam
{
public:
    /** @p size parts: the caller's own and one per thread that is started. */
    [[nodiscard]] static Result<std::unique_ptr<BandTeam>> start(unsigned size);
    ~BandTeam();
    BandTeam(const BandTeam &) = delete;
    BandTeam &operator=(const BandTeam &) = delete;

    [[nodiscard]] unsigned size() const { return unsigned(helpers_.size()) + 1; }

    /** part(0) here, part(1) to part(size() - 1) on the threads. */
    template <typename Part>
    void run(Part &&part)
    {
        using Callable = std::remove_reference_t<Part>;
        run({[](void *context, unsigned index) { (*static_cast<Callable *>(context))(index); }, &part});
    }

private:
    /** Longer than what one thread does alone between two jobs, and than bands differ: a wake of each thread
     * for each frame would cost more than a band of a small picture. Who finds nothing looks for less long
     * the next time. */
    static constexpr std::int64_t kSpinNs = 200'000;

    struct Job
    {
        void (*call)(void *context, unsigned index) = nullptr;
        void *context = nullptr;
    };
    struct Helper
    {
        Doorbell bell{false, kSpinNs};
        std::atomic<std::uint32_t> wanted{0}; ///< how many jobs it was given
        std::atomic<std::uint32_t> done{0};   ///< how many it finished
        std::thread thread;
    };

    BandTeam() = default;
    void run(Job job);
    void help(Helper &helper, unsigned index);

    Job job_;
    std::atomic<bool> stop_{false};
    Doorbell finished_{false, kSpinNs};
    std::vector<std::unique_ptr<Helper>> helpers_;
};

} // namespace dmaslab
