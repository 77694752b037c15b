// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/pacing/thread_placement.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <thread>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

namespace dmaslab {
namespace {

struct ThreadState
{
    cpu_set_t cpus{};
    int policy = 0, priority = 0, slack = 0, nice = 0;

    static ThreadState now()
    {
        ThreadState state;
        CPU_ZERO(&state.cpus);
        sched_getaffinity(0, sizeof(state.cpus), &state.cpus);
        state.policy = sched_getscheduler(0);
        sched_param param{};
        sched_getparam(0, &param);
        state.priority = param.sched_priority;
        state.slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
        state.nice = getpriority(PRIO_PROCESS, 0);
        return state;
    }
    bool operator==(const ThreadState &other) const
    {
        return CPU_EQUAL(&cpus, &other.cpus) && policy == other.policy && priority == other.priority &&
               slack == other.slack && nice == other.nice;
    }
};

int firstCpu()
{
    const ThreadState state = ThreadState::now();
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &state.cpus))
            return cpu;
    return 0;
}

void onItsOwnThread(const std::function<void()> &body)
{
    std::thread(body).join();
}

bool mayBeRealTime()
{
    bool may = false;
    onItsOwnThread([&] {
        sched_param param{};
        param.sched_priority = 1;
        may = sched_setscheduler(0, SCHED_FIFO, &param) == 0;
    });
    return may;
}

/** Runs @p body as a user without rights; its return value is the exit status. */
int asNobody(const std::function<int()> &body)
{
    const pid_t child = fork();
    if (child == 0) {
        const rlimit none{0, 0};
        if (setrlimit(RLIMIT_RTPRIO, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0))
            _exit(100);
        _exit(body());
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(ThreadPlacement, AcceptsWhatExists)
{
    EXPECT_TRUE(ThreadPlacement{}.validate());
    EXPECT_TRUE((ThreadPlacement{.cpu = firstCpu(), .rtPriority = 99}).validate());
}

TEST(ThreadPlacement, NamesTheCpuThatDoesNotExistAndThoseThatDo)
{
    std::string online;
    std::ifstream("/sys/devices/system/cpu/online") >> online;
    if (online.empty())
        GTEST_SKIP() << "no /sys here";
    const auto answer = ThreadPlacement{.cpu = 7777}.validate();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::NotFound);
    EXPECT_NE(answer.error().message.find("cpu=7777"), std::string::npos);
    EXPECT_NE(answer.error().message.find(online), std::string::npos);
}

TEST(ThreadPlacement, RefusesNonsense)
{
    EXPECT_FALSE((ThreadPlacement{.cpu = -2}).validate());
    EXPECT_FALSE((ThreadPlacement{.rtPriority = 100}).validate());
    EXPECT_FALSE((ThreadPlacement{.rtPriority = -1}).validate());
    EXPECT_FALSE((ThreadPlacement{.timerSlackNs = -1}).validate());
}

TEST(PlacementGuard, PinsAndTightensTheCallingThread)
{
    onItsOwnThread([] {
        const int cpu = firstCpu();
        PlacementGuard guard({.cpu = cpu});
        const ThreadState inside = ThreadState::now();
        EXPECT_EQ(CPU_COUNT(&inside.cpus), 1);
        EXPECT_TRUE(CPU_ISSET(cpu, &inside.cpus));
        EXPECT_EQ(inside.slack, 1);
        EXPECT_TRUE(guard.degradations().empty());
    });
}

TEST(PlacementGuard, ChangesNothingUnasked)
{
    onItsOwnThread([] {
        const ThreadState before = ThreadState::now();
        PlacementGuard guard({.timerSlackNs = 0});
        EXPECT_EQ(ThreadState::now(), before);
    });
}

TEST(PlacementGuard, SetsRealTimePriority)
{
    if (!mayBeRealTime())
        GTEST_SKIP() << "no right to real-time priority";
    onItsOwnThread([] {
        PlacementGuard guard({.rtPriority = 7});
        EXPECT_EQ(ThreadState::now().policy, SCHED_FIFO);
        EXPECT_EQ(ThreadState::now().priority, 7);
    });
}

TEST(PlacementGuard, PutsBackExactlyWhatItFound)
{
    onItsOwnThread([] {
        // A thread that somebody else had already set up in his own way.
        prctl(PR_SET_TIMERSLACK, 123'456UL, 0, 0, 0);
        sched_param none{};
        ASSERT_EQ(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &none), 0);
        ASSERT_EQ(setpriority(PRIO_PROCESS, 0, 3), 0); // of this thread only, on Linux
        const ThreadState before = ThreadState::now();
        ASSERT_EQ(before.slack, 123'456);
        ASSERT_EQ(before.policy, SCHED_BATCH | SCHED_RESET_ON_FORK);
        {
            PlacementGuard guard({.cpu = firstCpu(), .rtPriority = 20});
            EXPECT_FALSE(ThreadState::now() == before);
        }
        EXPECT_EQ(ThreadState::now(), before);
    });
}

TEST(PlacementGuard, PutsBackARealTimeThread)
{
    if (!mayBeRealTime())
        GTEST_SKIP() << "no right to real-time priority";
    onItsOwnThread([] {
        sched_param param{};
        param.sched_priority = 5;
        ASSERT_EQ(sched_setscheduler(0, SCHED_RR, &param), 0);
        const ThreadState before = ThreadState::now();
        {
            PlacementGuard guard({.rtPriority = 20});
            EXPECT_EQ(ThreadState::now().priority, 20);
        }
        EXPECT_EQ(ThreadState::now(), before);
    });
}

TEST(PlacementGuard, SaysWhatItCouldNotGetAndGoesOnWithoutRights)
{
    const int status = asNobody([] {
        const ThreadState before = ThreadState::now();
        PlacementGuard guard({.rtPriority = 50});
        if (guard.degradations().size() != 1)
            return 1;
        const std::string &text = guard.degradations()[0];
        for (const char *needed : {"priority 50", "ulimit -r", "rtprio 50", "limits.conf", "CAP_SYS_NICE"})
            if (text.find(needed) == std::string::npos)
                return 2;
        return ThreadState::now().policy == before.policy ? 0 : 3;
    });
    EXPECT_EQ(status, 0);
}

TEST(PlacementGuard, TakesThePriorityThatTheLimitAllows)
{
    if (geteuid() != 0)
        GTEST_SKIP() << "raising RLIMIT_RTPRIO needs root";
    const pid_t child = fork();
    if (child == 0) {
        const rlimit some{10, 10};
        if (setrlimit(RLIMIT_RTPRIO, &some) != 0 || setuid(65534) != 0)
            _exit(100);
        const ThreadState before = ThreadState::now();
        {
            PlacementGuard guard({.rtPriority = 50});
            if (ThreadState::now().policy != SCHED_FIFO || ThreadState::now().priority != 10)
                _exit(1);
            if (guard.degradations().size() != 1 ||
                guard.degradations()[0].find("got priority 10") == std::string::npos)
                _exit(2);
        }
        _exit(ThreadState::now() == before ? 0 : 3);
    }
    int status = -1;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 100)
        GTEST_SKIP() << "cannot set the limit here";
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(PlacementGuard, SaysWhyItCouldNotPin)
{
    onItsOwnThread([] {
        const ThreadState before = ThreadState::now();
        for (const int cpu : {1000, 100'000}) {
            PlacementGuard guard({.cpu = cpu, .timerSlackNs = 0});
            ASSERT_EQ(guard.degradations().size(), 1u);
            EXPECT_NE(guard.degradations()[0].find("cpu " + std::to_string(cpu)), std::string::npos);
            EXPECT_EQ(ThreadState::now(), before);
        }
    });
}

TEST(CpuDmaLatencyHold, WritesTheWishIntoTheDeviceAndKeepsItOpen)
{
    char name[] = "/tmp/dmaslab-latency-XXXXXX";
    UniqueFd file(mkstemp(name));
    ASSERT_TRUE(file.isValid());
    const auto hold = CpuDmaLatencyHold::take(7, name);
    ASSERT_TRUE(hold);
    int32_t written = -1;
    EXPECT_EQ(read(file.get(), &written, sizeof(written)), ssize_t(sizeof(written)));
    EXPECT_EQ(written, 7);
    unlink(name);
}

TEST(CpuDmaLatencyHold, NamesTheDeviceAndTheRemedyWhenThereIsNone)
{
    const auto hold = CpuDmaLatencyHold::take(0, "/dev/no-such-latency");
    ASSERT_FALSE(hold);
    EXPECT_EQ(hold.error().code, Errc::NotFound);
    EXPECT_NE(hold.error().message.find("/dev/no-such-latency"), std::string::npos);
    EXPECT_NE(hold.error().message.find("udev"), std::string::npos);
}

} // namespace
} // namespace dmaslab
