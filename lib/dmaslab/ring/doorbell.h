// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "dmaslab/ring/cpu.h"
#include "dmaslab/ring/futex.h"

namespace dmaslab {

/**
 * Lets one thread sleep until a condition that other threads make true. Ringing costs one uncontended atomic
 * add while the waiter is awake; only a sleeping waiter costs a system call.
 *
 * The condition itself lives elsewhere (a ring that is no longer empty): change it first, then ring(). The
 * doorbell outlives everybody who rings it.
 */
class Doorbell
{
public:
    enum class Result : uint8_t
    {
        Ready,
        Timeout,
        Interrupted
    };

    /** @p shared: the doorbell lies in memory that several processes map.
     *  @p maxSpinNs: how long to look before sleeping, at most; about the price of a wake. */
    explicit Doorbell(bool shared = false, int64_t maxSpinNs = kDefaultSpinNs) noexcept
        : shared_(shared), maxSpinNs_(usableCpus() > 1 ? maxSpinNs : 0), spinNs_(maxSpinNs_)
    {
    }
    Doorbell(const Doorbell &) = delete;
    Doorbell &operator=(const Doorbell &) = delete;

    /** Any thread, after making the condition true. */
    void ring() noexcept
    {
        // Both sides change the one word by read-modify-write, so one comes first. Ours first: the waiter's
        // reads what we published (acquire from this release) and its condition holds. The waiter's first: we
        // see the mark and wake. The count also keeps a waiter from falling asleep on the old value.
        if (word_.fetch_add(kCount, std::memory_order_acq_rel) & kSleeping)
            wake();
    }

    /** The one waiter. True conditions return without any atomic write; an interrupt has precedence. */
    template <typename Condition>
    [[nodiscard]] Result wait(Condition &&condition, int64_t deadlineNs = kNoDeadline) noexcept
    {
        if (interrupted())
            return Result::Interrupted;
        if (condition() || spin(condition, deadlineNs))
            return Result::Ready;
        for (;;) {
            // Mark first, look again after: see ring() for why no ring falls between the two.
            const uint32_t seen = word_.fetch_or(kSleeping, std::memory_order_acq_rel) | kSleeping;
            if (seen & kInterrupted)
                return awake(Result::Interrupted);
            if (condition())
                return awake(Result::Ready);
            count(sleeps_);
            if (futexWait(word_, seen, deadlineNs, shared_) == FutexResult::Timeout)
                return awake(condition() ? Result::Ready : Result::Timeout);
        }
    }

    /** Wakes the waiter, and every later wait returns at once, until reset(). Any thread. */
    void interrupt() noexcept
    {
        if (word_.fetch_or(kInterrupted, std::memory_order_acq_rel) & kSleeping)
            wake();
    }
    void reset() noexcept { word_.fetch_and(~kInterrupted, std::memory_order_acq_rel); }
    [[nodiscard]] bool interrupted() const noexcept
    {
        return word_.load(std::memory_order_acquire) & kInterrupted; // acquire: sees why it was interrupted
    }

    /** System calls so far: wakes by all ringers, sleeps by the waiter. */
    [[nodiscard]] uint64_t wakeCalls() const noexcept { return wakes_.load(std::memory_order_relaxed); }
    [[nodiscard]] uint64_t sleepCalls() const noexcept { return sleeps_.load(std::memory_order_relaxed); }

private:
    static constexpr int64_t kDefaultSpinNs = 15'000; // a futex wake costs about as much on a virtual machine
    // Never below, nor below a part of what the owner asked for: a shorter look could not find its way back.
    static constexpr int64_t kLeastSpinNs = 500;
    static constexpr uint32_t kSleeping = 1;
    static constexpr uint32_t kInterrupted = 2;
    static constexpr uint32_t kCount = 4; // the rest counts rings

    static void count(std::atomic<uint64_t> &counter) noexcept
    {
        counter.fetch_add(1, std::memory_order_relaxed); // a statistic, orders nothing
    }

    void wake() noexcept
    {
        // Of several ringers that saw the mark, the one that takes it away makes the call.
        if (word_.fetch_and(~kSleeping, std::memory_order_acq_rel) & kSleeping) {
            count(wakes_);
            futexWake(word_, 1, shared_);
        }
    }

    Result awake(Result result) noexcept
    {
        word_.fetch_and(~kSleeping, std::memory_order_acq_rel);
        return result;
    }

    /** Looks for a while before sleeping; longer after success, shorter after failure. */
    template <typename Condition>
    bool spin(Condition &condition, int64_t deadlineNs) noexcept
    {
        if (maxSpinNs_ <= 0)
            return false;
        const int64_t until = std::min(deadlineNs, monotonicNowNs() + spinNs_);
        do {
            // The word is left alone meanwhile, so that ringing stays in the ringer's own cache.
            for (int i = 0; i < 16; ++i) {
                if (condition()) {
                    spinNs_ = std::min(maxSpinNs_, spinNs_ * 2);
                    return true;
                }
                cpuRelax();
            }
        } while (!interrupted() && monotonicNowNs() < until);
        spinNs_ = std::max(std::min(std::max(kLeastSpinNs, maxSpinNs_ / 32), maxSpinNs_), spinNs_ / 2);
        return false;
    }

    alignas(kNoSharing) std::atomic<uint32_t> word_{0};
    std::atomic<uint64_t> wakes_{0};                      // written only beside a system call
    alignas(kNoSharing) std::atomic<uint64_t> sleeps_{0}; // the waiter's line
    const bool shared_;
    const int64_t maxSpinNs_;
    int64_t spinNs_;
};

} // namespace dmaslab
