// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/pacing/thread_placement.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace dmaslab {
namespace {

std::string reason(int error)
{
    char text[128];
    return strerror_r(error, text, sizeof(text)); // the GNU variant; strerror is not for threads
}

/** "0-3,8": the kernel's own list. Not our affinity mask, which lacks isolated CPUs, the best ones to pin on.
 */
std::string onlineCpus()
{
    std::string list;
    std::ifstream file("/sys/devices/system/cpu/online");
    if (!std::getline(file, list) || list.empty()) {
        const long count = sysconf(_SC_NPROCESSORS_ONLN);
        list = count > 1 ? "0-" + std::to_string(count - 1) : "0";
    }
    return list;
}

bool listHas(const std::string &list, int cpu)
{
    const char *at = list.c_str();
    while (*at != '\0') {
        char *end = nullptr;
        const long first = std::strtol(at, &end, 10);
        long last = first;
        if (end == at)
            return false;
        if (*end == '-')
            last = std::strtol(end + 1, &end, 10);
        if (cpu >= first && cpu <= last)
            return true;
        at = *end == ',' ? end + 1 : end;
        if (*end != ',')
            break;
    }
    return false;
}

std::string priorityRefused(int wanted, int got, int error)
{
    rlimit limit{};
    getrlimit(RLIMIT_RTPRIO, &limit);
    const std::string want = std::to_string(wanted);
    std::string text = "wanted real-time priority " + want + ", got " +
                       (got > 0 ? "priority " + std::to_string(got) : std::string("normal scheduling")) +
                       " (" + reason(error) + "; ulimit -r is " + std::to_string(limit.rlim_cur) + "): ";
    if (error == EPERM && (limit.rlim_cur >= rlim_t(wanted) || geteuid() == 0))
        return text + "allow it in the control group (cpu.rt_runtime_us) or grant CAP_SYS_NICE";
    return text + "raise `ulimit -r` with a line \"<user> - rtprio " + want +
           "\" in /etc/security/limits.conf and log in again, or grant CAP_SYS_NICE";
}

} // namespace

Result<void> ThreadPlacement::validate() const
{
    if (rtPriority < 0 || rtPriority > 99)
        return fail(Errc::InvalidArgument,
                    "rt-priority=" + std::to_string(rtPriority) +
                        " is outside 0..99: 0 leaves the priority alone, 99 is the highest");
    if (timerSlackNs < 0)
        return fail(Errc::InvalidArgument,
                    "timer slack " + std::to_string(timerSlackNs) + " ns is negative: 0 leaves it alone");
    if (cpu < -1)
        return fail(Errc::InvalidArgument,
                    "cpu=" + std::to_string(cpu) + " is no CPU: -1 lets the thread run on any of them");
    const std::string online = onlineCpus();
    if (cpu >= 0 && !listHas(online, cpu))
        return fail(Errc::NotFound, "cpu=" + std::to_string(cpu) + " does not exist here: available are " +
                                        online + ", or -1 for any of them");
    return {};
}

PlacementGuard::PlacementGuard(const ThreadPlacement &wanted)
{
    // Slack before priority: the kernel ignores the slack of a real-time thread, and so would the query.
    if (wanted.timerSlackNs > 0)
        tighten(wanted.timerSlackNs);
    if (wanted.cpu >= 0)
        pin(wanted.cpu);
    if (wanted.rtPriority > 0)
        prioritize(wanted.rtPriority);
}

PlacementGuard::~PlacementGuard()
{
    // Priority before slack: newer kernels set the slack to its default on the way back to normal scheduling.
    if (prioritized_)
        sched_setscheduler(0, oldPolicy_, &oldParam_);
    if (pinned_)
        sched_setaffinity(0, sizeof(oldCpus_), oldCpus_);
    if (tightened_)
        prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(oldSlackNs_), 0, 0, 0);
}

void PlacementGuard::pin(int cpu)
{
    cpu_set_t wanted[kSets];
    memset(wanted, 0, sizeof(wanted));
    const bool known = sched_getaffinity(0, sizeof(oldCpus_), oldCpus_) == 0;
    const bool nameable = size_t(cpu) < sizeof(wanted) * 8;
    if (nameable)
        CPU_SET_S(size_t(cpu), sizeof(wanted), wanted);
    errno = nameable ? errno : EINVAL;
    pinned_ = known && nameable && sched_setaffinity(0, sizeof(wanted), wanted) == 0;
    if (!pinned_)
        degradations_.push_back("wanted to run on cpu " + std::to_string(cpu) +
                                ", run where the system decides (" + reason(errno) + "): online are " +
                                onlineCpus() + "; choose one that the cpuset of this process allows");
}

void PlacementGuard::prioritize(int priority)
{
    oldPolicy_ = sched_getscheduler(0);
    if (oldPolicy_ < 0 || sched_getparam(0, &oldParam_) != 0)
        return degradations_.push_back(priorityRefused(priority, 0, errno));
    if ((oldPolicy_ & ~SCHED_RESET_ON_FORK) ==
        SCHED_DEADLINE) // its parameters do not fit into sched_param: it could not be restored
        return degradations_.push_back(
            "wanted real-time priority " + std::to_string(priority) +
            ", left the thread's SCHED_DEADLINE in place: it already ranks higher");
    // The reset-on-fork flag stays as it was: without CAP_SYS_NICE it can be set but never cleared again.
    const int policy = SCHED_FIFO | (oldPolicy_ & SCHED_RESET_ON_FORK);
    sched_param param{};
    param.sched_priority = priority;
    if (sched_setscheduler(0, policy, &param) == 0) {
        prioritized_ = true;
        return;
    }
    const int error = errno;
    rlimit limit{};
    getrlimit(RLIMIT_RTPRIO, &limit);
    // A lower real-time priority still beats none.
    if (limit.rlim_cur > 0 && limit.rlim_cur < rlim_t(priority)) {
        param.sched_priority = int(limit.rlim_cur);
        prioritized_ = sched_setscheduler(0, policy, &param) == 0;
    }
    degradations_.push_back(priorityRefused(priority, prioritized_ ? param.sched_priority : 0, error));
}

void PlacementGuard::tighten(int64_t slackNs)
{
    oldSlackNs_ = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
    if (oldSlackNs_ <= 0) // a real-time thread has none; writing 0 would mean "the default", not "none"
        return;
    tightened_ = prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(slackNs), 0, 0, 0) == 0;
    if (!tightened_)
        degradations_.push_back("wanted a timer slack of " + std::to_string(slackNs) + " ns, kept " +
                                std::to_string(oldSlackNs_) + " ns (" + reason(errno) +
                                "): check the seccomp filter of this process");
}

Result<CpuDmaLatencyHold> CpuDmaLatencyHold::take(int32_t toleratedUs, const char *device)
{
    UniqueFd fd(open(device, O_RDWR | O_CLOEXEC));
    if (!fd.isValid() || write(fd.get(), &toleratedUs, sizeof(toleratedUs)) != ssize_t(sizeof(toleratedUs))) {
        const int error = errno;
        const Errc code = error == ENOENT ? Errc::NotFound : error == EACCES ? Errc::Permission : Errc::Io;
        return fail(code,
                    std::string(device) + ": cannot hold a latency of " + std::to_string(toleratedUs) +
                        " us (" + reason(error) +
                        "): give this user write access with a udev rule, or run as root",
                    error);
    }
    return CpuDmaLatencyHold(std::move(fd));
}

} // namespace dmaslab
