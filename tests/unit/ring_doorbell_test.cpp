// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/ring/doorbell.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dmaslab/ring/spsc_ring.h"
#include "soak.h"

namespace dmaslab {
namespace {

using Wait = Doorbell::Result;

/** Bounds a lost wake: long enough for any machine, and the test then fails instead of hanging. */
int64_t withinHalfAMinute()
{
    return monotonicNowNs() + 30'000'000'000;
}

bool never()
{
    return false;
}

TEST(Futex, ReturnsAtOnceWhenTheWordAlreadyChanged)
{
    std::atomic<uint32_t> word{1};
    EXPECT_EQ(futexWait(word, 0, withinHalfAMinute()), FutexResult::Changed);
}

TEST(Futex, TimesOutAtADeadlineInThePast)
{
    std::atomic<uint32_t> word{0};
    EXPECT_EQ(futexWait(word, 0, 1), FutexResult::Timeout);
    EXPECT_EQ(futexWait(word, 0, -5), FutexResult::Timeout);
}

TEST(Futex, WaitsOnTheLowHalfOf64Bits)
{
    std::atomic<uint64_t> word{0xffff'ffff'0000'0000};
    std::thread waker([&] {
        word.store(0xffff'ffff'0000'0001, std::memory_order_release);
        futexWake(futexLowHalf(word), 1);
    });
    while (word.load(std::memory_order_acquire) == 0xffff'ffff'0000'0000)
        ASSERT_NE(futexWait(futexLowHalf(word), 0, withinHalfAMinute()), FutexResult::Timeout);
    waker.join();
    EXPECT_EQ(futexWait(futexLowHalf(word), 0, withinHalfAMinute()), FutexResult::Changed);
}

TEST(Futex, WakeNeverReadsTheWord)
{
    void *page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(page, MAP_FAILED);
    EXPECT_EQ(futexWake(static_cast<const uint32_t *>(page), 1), 0);
    munmap(page, 4096);
}

TEST(Doorbell, CostsNoSystemCallWhileTheOtherSideIsAwake)
{
    Doorbell bell;
    for (int i = 0; i < 1000; ++i) {
        bell.ring();
        ASSERT_EQ(bell.wait([] { return true; }), Wait::Ready);
    }
    EXPECT_EQ(bell.wakeCalls(), 0u);
    EXPECT_EQ(bell.sleepCalls(), 0u);
}

TEST(Doorbell, MakesNoFurtherCallsOnceTheSleeperIsWoken)
{
    Doorbell bell(false, 0);
    std::atomic<bool> open{false};
    std::thread waiter([&] {
        EXPECT_EQ(bell.wait([&] { return open.load(std::memory_order_acquire); }, withinHalfAMinute()),
                  Wait::Ready);
    });
    while (bell.sleepCalls() == 0)
        std::this_thread::yield();
    open.store(true, std::memory_order_release);
    for (int i = 0; i < 1000; ++i)
        bell.ring();
    waiter.join();
    // The waiter may mark itself once more before it sees the condition.
    EXPECT_GE(bell.wakeCalls(), 1u);
    EXPECT_LE(bell.wakeCalls(), bell.sleepCalls() + 1);
}

TEST(Doorbell, TimesOutAtTheDeadline)
{
    Doorbell bell;
    const int64_t deadline = monotonicNowNs() + 2'000'000;
    EXPECT_EQ(bell.wait(never, deadline), Wait::Timeout);
    EXPECT_GE(monotonicNowNs(), deadline);
    EXPECT_EQ(bell.wait(never, 0), Wait::Timeout);
}

TEST(Doorbell, ReadyWinsOverADeadlineInThePast)
{
    Doorbell bell;
    EXPECT_EQ(bell.wait([] { return true; }, 0), Wait::Ready);
}

TEST(Doorbell, InterruptEndsTheWait)
{
    Doorbell bell(false, 0);
    std::thread waiter([&] { EXPECT_EQ(bell.wait(never, withinHalfAMinute()), Wait::Interrupted); });
    while (bell.sleepCalls() == 0)
        std::this_thread::yield();
    bell.interrupt();
    waiter.join();
}

TEST(Doorbell, InterruptEndsASpinningWaitToo)
{
    Doorbell bell(false, INT64_C(1) << 60);
    std::atomic<bool> started{false};
    std::thread waiter([&] {
        EXPECT_EQ(bell.wait(
                      [&] {
                          started.store(true, std::memory_order_release);
                          return false;
                      },
                      withinHalfAMinute()),
                  Wait::Interrupted);
    });
    while (!started.load(std::memory_order_acquire))
        std::this_thread::yield();
    bell.interrupt();
    waiter.join();
}

TEST(Doorbell, InterruptHoldsUntilReset)
{
    Doorbell bell;
    bell.interrupt();
    EXPECT_TRUE(bell.interrupted());
    EXPECT_EQ(bell.wait([] { return true; }), Wait::Interrupted);
    EXPECT_EQ(bell.wait(never), Wait::Interrupted);
    bell.reset();
    EXPECT_EQ(bell.wait([] { return true; }), Wait::Ready);
}

/** Strict alternation: one lost wake and nobody moves again. */
void pingPong(int64_t spinNs, uint64_t turns)
{
    Doorbell ping(false, spinNs), pong(false, spinNs);
    std::atomic<uint64_t> sent{0}, answered{0};
    std::thread partner([&] {
        for (uint64_t i = 1; i <= turns; ++i) {
            if (ping.wait([&] { return sent.load(std::memory_order_acquire) >= i; }, withinHalfAMinute()) !=
                Wait::Ready)
                return;
            answered.store(i, std::memory_order_release);
            pong.ring();
        }
    });
    uint64_t i = 1;
    for (; i <= turns; ++i) {
        sent.store(i, std::memory_order_release);
        ping.ring();
        if (pong.wait([&] { return answered.load(std::memory_order_acquire) >= i; }, withinHalfAMinute()) !=
            Wait::Ready)
            break;
    }
    partner.join();
    EXPECT_EQ(i, turns + 1) << "a wake was lost";
    EXPECT_LE(ping.wakeCalls() + pong.wakeCalls(), 2 * turns);
}

TEST(Doorbell, LosesNoWakeInPingPongWithoutSpin)
{
    pingPong(0, test::soakCount(20'000, 1'000'000));
}

TEST(Doorbell, LosesNoWakeInPingPongWithSpin)
{
    pingPong(15'000, test::soakCount(100'000, 5'000'000));
}

TEST(Doorbell, LosesNoWakeOfSeveralRingers)
{
    constexpr int kRingers = 3;
    const uint64_t turns = test::soakCount(20'000, 2'000'000);
    Doorbell bell(false, 0);
    std::atomic<uint64_t> rung{0}, seen{0};
    std::vector<std::thread> ringers;
    for (int r = 0; r < kRingers; ++r)
        ringers.emplace_back([&] {
            for (uint64_t i = 0; i < turns; ++i) {
                rung.fetch_add(1, std::memory_order_release);
                bell.ring();
                // Keep near the waiter, so that it often falls asleep.
                while (rung.load(std::memory_order_relaxed) >
                       seen.load(std::memory_order_relaxed) + 2 * kRingers)
                    std::this_thread::yield();
            }
        });
    uint64_t mine = 0;
    while (mine < kRingers * turns) {
        const Wait result =
            bell.wait([&] { return rung.load(std::memory_order_acquire) > mine; }, withinHalfAMinute());
        EXPECT_EQ(result, Wait::Ready) << "a wake was lost after " << mine;
        mine = result == Wait::Ready ? rung.load(std::memory_order_acquire) : kRingers * turns;
        seen.store(mine, std::memory_order_relaxed);
    }
    for (auto &ringer : ringers)
        ringer.join();
}

TEST(Doorbell, CarriesARingWithBothSidesSleeping)
{
    const uint64_t total = test::soakCount(100'000, 10'000'000);
    std::mt19937_64 random(test::soakSeed());
    SpscRing<uint64_t> ring(4);
    Doorbell filled, drained;
    std::thread producer([&] {
        for (uint64_t i = 0; i < total; ++i) {
            if (drained.wait([&] { return !ring.full(); }, withinHalfAMinute()) != Wait::Ready ||
                !ring.push(i))
                return;
            filled.ring();
        }
    });
    uint64_t i = 0;
    for (; i < total; ++i) {
        uint64_t value = ~uint64_t(0);
        if (filled.wait([&] { return !ring.empty(); }, withinHalfAMinute()) != Wait::Ready ||
            !ring.pop(value) || value != i)
            break;
        drained.ring();
        if (random() % 64 == 0)
            std::this_thread::yield();
    }
    drained.interrupt();
    producer.join();
    EXPECT_EQ(i, total);
}

TEST(Doorbell, WakesAnotherProcess)
{
    void *page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(page, MAP_FAILED);
    auto *bell = new (page) Doorbell(true, 0);
    auto *open = new (static_cast<char *>(page) + sizeof(Doorbell)) std::atomic<uint32_t>(0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0)
        _exit(bell->wait([&] { return open->load(std::memory_order_acquire) == 1; }, withinHalfAMinute()) ==
                      Wait::Ready
                  ? 0
                  : 1);
    while (bell->sleepCalls() == 0)
        std::this_thread::yield();
    open->store(1, std::memory_order_release);
    bell->ring();
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(bell->wakeCalls(), 1u);
    munmap(page, 4096);
}

} // namespace
} // namespace dmaslab
