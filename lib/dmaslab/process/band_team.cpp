// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/process/band_team.h"

#include <system_error>

#include <pthread.h>

namespace dmaslab {

Result<std::unique_ptr<BandTeam>> BandTeam::start(unsigned size)
{
    std::unique_ptr<BandTeam> team(new BandTeam);
    try {
        for (unsigned index = 1; index < size; ++index) {
            team->helpers_.push_back(std::make_unique<Helper>());
            Helper &helper = *team->helpers_.back();
            helper.thread = std::thread([raw = team.get(), &helper, index] { raw->help(helper, index); });
            pthread_setname_np(helper.thread.native_handle(), "dmaslab-band");
        }
    } catch (const std::system_error &error) {
        return fail(Errc::Limit,
                    "threads=" + std::to_string(size) + ": the system starts no more threads (" +
                        error.what() + "); take fewer",
                    error.code().value());
    }
    return team;
}

BandTeam::~BandTeam()
{
    stop_.store(true, std::memory_order_release); // publishes nothing else; no job is under way
    for (const auto &helper : helpers_) {
        helper->bell.ring();
        if (helper->thread.joinable())
            helper->thread.join();
    }
}

void BandTeam::run(Job job)
{
    job_ = job;
    for (const auto &helper : helpers_) {
        // release: the helper that sees the count sees the job, and the frame behind it
        helper->wanted.fetch_add(1, std::memory_order_release);
        helper->bell.ring();
    }
    job.call(job.context, 0);
    for (const auto &helper : helpers_) {
        // acquire: sees what the helper wrote; relaxed: only this thread changes what is wanted
        const auto isDone = [&helper] {
            return helper->done.load(std::memory_order_acquire) ==
                   helper->wanted.load(std::memory_order_relaxed);
        };
        (void)finished_.wait(isDone);
    }
}

void BandTeam::help(Helper &helper, unsigned index)
{
    std::uint32_t seen = 0;
    for (;;) {
        // acquire: job_ was written before the count, and is not written again before we are done
        const auto hasWork = [&] {
            return helper.wanted.load(std::memory_order_acquire) != seen ||
                   stop_.load(std::memory_order_acquire);
        };
        (void)helper.bell.wait(hasWork);
        if (helper.wanted.load(std::memory_order_acquire) == seen)
            return;
        ++seen;
        job_.call(job_.context, index);
        helper.done.store(seen, std::memory_order_release); // with it our rows and sums
        finished_.ring();
    }
}

} // namespace dmaslab
