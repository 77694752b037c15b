// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/pacing/pacer.h"

#include <functional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace dmaslab {
namespace {

using Status = PaceResult::Status;
constexpr int64_t kMs = 1'000'000;

/** Time moves only as the script says: by sleeping, and a little by looking. */
class ScriptedClock final : public MonotonicClock
{
public:
    int64_t nowNs() noexcept override { return now += lookCost; }
    void waitUntil(const std::atomic<uint32_t> &word, uint32_t expected, int64_t deadlineNs) noexcept override
    {
        sleeps.push_back(deadlineNs);
        if (duringSleep)
            duringSleep();
        if (word.load() == expected)
            now = std::max(now, deadlineNs) + wakeLate;
    }
    void wake(const std::atomic<uint32_t> &) noexcept override { ++wakes; }

    int64_t now = 0, lookCost = 0, wakeLate = 0;
    int wakes = 0;
    std::vector<int64_t> sleeps;
    std::function<void()> duringSleep;
};

struct PacerTest : testing::Test
{
    ScriptedClock clock;
    const FrameRate kilo = *FrameRate::make(1000, 1);
    static constexpr PacerOptions kNoSpin{.spinUs = 0, .cpus = 2};
    static constexpr PacerOptions kBurst{.onOverrun = OnOverrun::Burst, .spinUs = 0, .cpus = 2};
};

TEST_F(PacerTest, ReleasesEachFrameAtItsOwnDeadline)
{
    Pacer pacer(kilo, kNoSpin, clock);
    clock.now = 500 * kMs;
    pacer.rebase(501 * kMs);
    for (uint64_t n = 0; n < 5; ++n) {
        const PaceResult result = pacer.waitFor(n);
        EXPECT_EQ(result.status, Status::OnTime);
        EXPECT_EQ(result.frame, n);
        EXPECT_EQ(result.deadlineNs, (501 + int64_t(n)) * kMs);
        EXPECT_EQ(clock.now, result.deadlineNs);
        EXPECT_EQ(result.missed, 0u);
    }
    EXPECT_EQ(pacer.lateFrames(), 0u);
    EXPECT_EQ(pacer.lateness().count(), 5u);
}

TEST_F(PacerTest, NeverAddsUpTheLatenessOfItsWakes)
{
    Pacer pacer(*FrameRate::make(30000, 1001), kNoSpin, clock);
    clock.wakeLate = 70'000;
    for (uint64_t n = 1; n <= 300'000; ++n)
        ASSERT_EQ(pacer.waitFor(n).latenessNs, 70'000);
    EXPECT_EQ(clock.now, 10'010 * INT64_C(1'000'000'000) + 70'000);
    EXPECT_EQ(pacer.lateFrames(), 0u);
}

TEST_F(PacerTest, ReleasesALateFrameAtOnceWithinItsPeriod)
{
    for (const PacerOptions &options : {kNoSpin, kBurst}) {
        clock = {};
        Pacer pacer(kilo, options, clock);
        clock.now = 3 * kMs + 999'999;
        const PaceResult result = pacer.waitFor(3);
        EXPECT_EQ(result.status, Status::Late);
        EXPECT_EQ(result.frame, 3u);
        EXPECT_EQ(result.missed, 0u);
        EXPECT_EQ(result.latenessNs, 999'999);
        EXPECT_TRUE(clock.sleeps.empty());
        EXPECT_EQ(pacer.lateFrames(), 1u);
    }
}

TEST_F(PacerTest, SkipGoesOnWithTheNextDeadlineOfTheGrid)
{
    Pacer pacer(kilo, kNoSpin, clock);
    clock.now = 5 * kMs + 200'000; // 3, 4 and 5 are over
    const PaceResult result = pacer.waitFor(3);
    EXPECT_EQ(result.status, Status::Late);
    EXPECT_EQ(result.missed, 3u);
    EXPECT_EQ(result.frame, 6u);
    EXPECT_EQ(result.deadlineNs, 6 * kMs);
    EXPECT_EQ(clock.now, 6 * kMs);
    EXPECT_EQ(pacer.missedFrames(), 3u);
    EXPECT_EQ(pacer.waitFor(7).status, Status::OnTime);
}

TEST_F(PacerTest, SkipTakesADeadlineThatIsJustNow)
{
    Pacer pacer(kilo, kNoSpin, clock);
    clock.now = 4 * kMs;
    const PaceResult result = pacer.waitFor(3);
    EXPECT_EQ(result.missed, 1u);
    EXPECT_EQ(result.frame, 4u);
    EXPECT_EQ(result.latenessNs, 0);
    EXPECT_TRUE(clock.sleeps.empty());
}

TEST_F(PacerTest, BurstReleasesEveryLateFrameAtOnceUntilCaughtUp)
{
    Pacer pacer(kilo, kBurst, clock);
    clock.now = 5 * kMs + 200'000;
    for (uint64_t n = 2; n <= 5; ++n) {
        const PaceResult result = pacer.waitFor(n);
        EXPECT_EQ(result.status, Status::Late);
        EXPECT_EQ(result.frame, n);
        EXPECT_EQ(result.missed, 0u);
        EXPECT_EQ(result.latenessNs, 5 * kMs + 200'000 - int64_t(n) * kMs);
    }
    EXPECT_TRUE(clock.sleeps.empty());
    EXPECT_EQ(pacer.waitFor(6).status, Status::OnTime);
    EXPECT_EQ(clock.now, 6 * kMs);
    EXPECT_EQ(pacer.missedFrames(), 0u);
    EXPECT_EQ(pacer.lateFrames(), 4u);
}

TEST_F(PacerTest, AccountsForEveryFrameOfAnOverloadedSource)
{
    Pacer pacer(kilo, kNoSpin, clock);
    uint64_t released = 0, missed = 0, next = 0;
    while (next < 100'000) {
        const PaceResult result = pacer.waitFor(next);
        missed += result.missed;
        ++released;
        ASSERT_EQ(result.frame, next + result.missed);
        next = result.frame + 1;
        clock.now += 1 * kMs + 234'567; // the work takes longer than the period
    }
    EXPECT_EQ(released + missed, next);
    EXPECT_EQ(pacer.missedFrames(), missed);
    EXPECT_GT(missed, 0u);
}

TEST_F(PacerTest, SleepsShortOfTheDeadlineAndSpinsTheRest)
{
    Pacer pacer(kilo, {.spinUs = 60, .cpus = 2}, clock);
    clock.lookCost = 1'000;
    clock.wakeLate = 30'000;
    const PaceResult result = pacer.waitFor(10);
    ASSERT_EQ(clock.sleeps.size(), 1u);
    EXPECT_EQ(clock.sleeps[0], 10 * kMs - 60'000);
    EXPECT_GE(result.latenessNs, 0);
    EXPECT_LE(result.latenessNs, 1'000);
}

TEST_F(PacerTest, SleepsAgainAfterAWakeForNothing)
{
    Pacer pacer(kilo, kNoSpin, clock);
    int turns = 0;
    clock.duringSleep = [&] {
        if (++turns < 4)
            clock.wakeLate = -100'000 * (4 - turns);
        else
            clock.wakeLate = 0;
    };
    EXPECT_EQ(pacer.waitFor(10).latenessNs, 0);
    EXPECT_EQ(clock.sleeps.size(), 4u);
}

TEST_F(PacerTest, InterruptHoldsUntilReset)
{
    Pacer pacer(kilo, kNoSpin, clock);
    pacer.interrupt();
    EXPECT_EQ(clock.wakes, 1);
    EXPECT_EQ(pacer.waitFor(1).status, Status::Interrupted);
    EXPECT_EQ(pacer.waitFor(1).status, Status::Interrupted);
    EXPECT_TRUE(clock.sleeps.empty());
    EXPECT_EQ(pacer.lateness().count(), 0u);
    pacer.reset();
    EXPECT_EQ(pacer.waitFor(1).status, Status::OnTime);
}

TEST_F(PacerTest, AnInterruptedSkipMissesNothingYet)
{
    Pacer pacer(kilo, kNoSpin, clock);
    clock.now = 5 * kMs + 1;
    clock.duringSleep = [&] { pacer.interrupt(); };
    const PaceResult result = pacer.waitFor(3);
    EXPECT_EQ(result.status, Status::Interrupted);
    EXPECT_EQ(result.frame, 3u);
    EXPECT_EQ(result.missed, 0u);
    EXPECT_EQ(pacer.missedFrames(), 0u);
}

TEST_F(PacerTest, InterruptEndsTheSpinToo)
{
    Pacer pacer(kilo, {.spinUs = 500, .cpus = 2}, clock);
    clock.now = 10 * kMs - 100; // inside the spin already, and the clock stands still
    std::thread other([&] { pacer.interrupt(); });
    EXPECT_EQ(pacer.waitFor(10).status, Status::Interrupted);
    other.join();
}

TEST_F(PacerTest, RebaseMovesTheGrid)
{
    Pacer pacer(kilo, kNoSpin, clock);
    EXPECT_EQ(pacer.waitFor(1).deadlineNs, 1 * kMs);
    clock.now = 900 * kMs;
    pacer.rebase(899 * kMs); // after a pause: frame 2 keeps its number and gets a new time
    const PaceResult result = pacer.waitFor(2);
    EXPECT_EQ(result.status, Status::OnTime);
    EXPECT_EQ(result.deadlineNs, 901 * kMs);
    EXPECT_EQ(result.missed, 0u);
}

TEST_F(PacerTest, RebaseRecomputesAWaitUnderWay)
{
    Pacer pacer(kilo, kNoSpin, clock);
    clock.duringSleep = [&] {
        clock.duringSleep = nullptr;
        clock.now = 700'000;
        pacer.rebase(50 * kMs);
    };
    const PaceResult result = pacer.waitFor(1);
    EXPECT_EQ(result.deadlineNs, 51 * kMs);
    EXPECT_EQ(clock.now, 51 * kMs);
    EXPECT_EQ(clock.sleeps, (std::vector<int64_t>{1 * kMs, 51 * kMs}));
}

TEST_F(PacerTest, SleepsUntilInterruptedAtTheEndOfTime)
{
    Pacer pacer(*FrameRate::make(1, INT32_MAX), kNoSpin, clock);
    clock.duringSleep = [&] { pacer.interrupt(); };
    EXPECT_EQ(pacer.waitFor(UINT64_MAX / 2).status, Status::Interrupted);
}

/** The real clock, telling when the pacer is about to sleep. */
class WatchedClock final : public MonotonicClock
{
public:
    int64_t nowNs() noexcept override { return systemMonotonicClock().nowNs(); }
    void waitUntil(const std::atomic<uint32_t> &word, uint32_t expected, int64_t deadlineNs) noexcept override
    {
        asleep.store(true);
        systemMonotonicClock().waitUntil(word, expected, deadlineNs);
    }
    void wake(const std::atomic<uint32_t> &word) noexcept override { systemMonotonicClock().wake(word); }

    std::atomic<bool> asleep{false};
};

TEST(PacerOnTheRealClock, InterruptWakesASleeperLongBeforeItsDeadline)
{
    WatchedClock clock;
    Pacer pacer(*FrameRate::make(1, 1), {}, clock);
    pacer.rebase(clock.nowNs());
    PaceResult result{.status = Status::OnTime};
    std::thread waiter([&] { result = pacer.waitFor(3600); });
    while (!clock.asleep.load())
        std::this_thread::yield();
    pacer.interrupt();
    waiter.join();
    EXPECT_EQ(result.status, Status::Interrupted);
    EXPECT_LT(clock.nowNs(), pacer.deadlineNs(3000));
}

TEST(PacerOnTheRealClock, NeverReleasesBeforeTheDeadline)
{
    for (const int spinUs : {-1, 0, 100}) {
        Pacer pacer(*FrameRate::make(2000, 1), {.onOverrun = OnOverrun::Burst, .spinUs = spinUs});
        pacer.rebase(systemMonotonicClock().nowNs() + 1'000'000);
        for (uint64_t n = 0; n < 100; ++n) {
            const PaceResult result = pacer.waitFor(n);
            ASSERT_EQ(result.frame, n);
            ASSERT_GE(result.latenessNs, 0);
            ASSERT_GE(systemMonotonicClock().nowNs(), result.deadlineNs);
        }
        EXPECT_EQ(pacer.lateness().count(), 100u);
    }
}

TEST(PacerOnTheRealClock, SurvivesRebasesAndInterruptsFromAnotherThread)
{
    Pacer pacer(*FrameRate::make(10'000, 1));
    pacer.rebase(systemMonotonicClock().nowNs());
    std::atomic<bool> stop{false};
    std::thread meddler([&] {
        while (!stop.load()) {
            pacer.rebase(systemMonotonicClock().nowNs() - 5'000);
            pacer.interrupt();
            (void)pacer.lateness().summary();
            pacer.reset();
            std::this_thread::yield();
        }
    });
    uint64_t released = 0;
    for (int i = 0; i < 2'000; ++i)
        released += pacer.waitFor(uint64_t(i)).status != Status::Interrupted;
    stop.store(true);
    meddler.join();
    EXPECT_EQ(pacer.lateness().count(), released);
}

} // namespace
} // namespace dmaslab
