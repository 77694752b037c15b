// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/pacing/pacer.h"

#include "dmaslab/ring/cpu.h"

namespace dmaslab {
namespace {

constexpr uint32_t kInterrupted = 1;
constexpr uint32_t kRebased = 2;

/** A counter with one writer: a load and a store are enough, readers take what they find. */
void add(std::atomic<uint64_t> &counter, uint64_t amount) noexcept
{
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

/** The far end of time stays there. */
int64_t plus(int64_t base, int64_t offset) noexcept
{
    int64_t sum = 0;
    return __builtin_add_overflow(base, offset, &sum) ? INT64_MAX : sum;
}

} // namespace

Pacer::Pacer(FrameRate rate, PacerOptions options, MonotonicClock &clock) noexcept
    : rate_(rate), onOverrun_(options.onOverrun), clock_(clock),
      early_(options.spinUs, rate.periodNs(), options.cpus > 0 ? options.cpus : usableCpus())
{
}

void Pacer::rebase(int64_t baseNs) noexcept
{
    base_.store(baseNs, std::memory_order_relaxed);
    word_.fetch_add(kRebased, std::memory_order_release); // publishes the base to who sees the new count
    clock_.wake(word_);
}

void Pacer::interrupt() noexcept
{
    word_.fetch_or(kInterrupted, std::memory_order_release); // what was decided before is seen by the woken
    clock_.wake(word_);
}

void Pacer::reset() noexcept
{
    word_.fetch_and(~kInterrupted, std::memory_order_acq_rel);
}

int64_t Pacer::deadlineNs(uint64_t frame) const noexcept
{
    return plus(base_.load(std::memory_order_relaxed), rate_.offsetNs(frame));
}

PaceResult Pacer::waitFor(uint64_t frame) noexcept
{
    for (;;) {
        // Everything is decided anew after a rebase: frames missed on the old grid are not missed on the new
        // one.
        PaceResult result{.status = PaceResult::Status::OnTime, .frame = frame};
        // Acquire, and before the base: a rebase after this load changes the word and ends the wait below.
        const uint32_t seen = word_.load(std::memory_order_acquire);
        if (seen & kInterrupted) {
            result.status = PaceResult::Status::Interrupted;
            return result;
        }
        const int64_t base = base_.load(std::memory_order_relaxed);
        int64_t now = clock_.nowNs();
        int64_t due = plus(base, rate_.offsetNs(frame));
        if (now > due) {
            result.status = PaceResult::Status::Late;
            // Late within its own period is still its turn; later than that, its turn is over.
            if (onOverrun_ == OnOverrun::Burst || now < plus(base, rate_.offsetNs(frame + 1)))
                return release(result, due, now);
            result.frame = rate_.firstAtOrAfter(now - base);
            result.missed = result.frame - frame;
            due = plus(base, rate_.offsetNs(result.frame));
        }
        if (sleepAndSpin(seen, due, now))
            return release(result, due, now);
    }
}

/** False when interrupted or rebased meanwhile. */
bool Pacer::sleepAndSpin(uint32_t seen, int64_t due, int64_t &now) noexcept
{
    const auto changed = [&] { return word_.load(std::memory_order_acquire) != seen; };
    const int64_t wakeAt = due - early_.ns();
    if (now < wakeAt) {
        do {
            clock_.waitUntil(word_, seen, wakeAt);
            if (changed())
                return false;
            now = clock_.nowNs();
        } while (now < wakeAt);
        early_.note(now - wakeAt);
    }
    while (now < due) {
        if (changed())
            return false;
        cpuRelax();
        now = clock_.nowNs();
    }
    return true;
}

PaceResult Pacer::release(PaceResult result, int64_t due, int64_t now) noexcept
{
    result.deadlineNs = due;
    result.latenessNs = now - due;
    lateness_.record(result.latenessNs);
    if (result.status == PaceResult::Status::Late)
        add(late_, 1);
    if (result.missed > 0)
        add(missed_, result.missed);
    return result;
}

} // namespace dmaslab
