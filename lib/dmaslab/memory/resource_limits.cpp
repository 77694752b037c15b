// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/memory/resource_limits.h"

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include <sys/mman.h>
#include <sys/resource.h>

#include "dmaslab/memory/text.h"

namespace dmaslab {

namespace {

/** For sockets, files and io_uring of the rest of the program. */
constexpr std::size_t descriptorReserve = 64;

std::size_t openDescriptors()
{
    std::error_code error;
    std::size_t count = 0;
    for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end;
         at.increment(error))
        ++count;
    return count;
}

rlimit raiseToHardLimit(decltype(RLIMIT_NOFILE) resource)
{
    rlimit limit{};
    ::getrlimit(resource, &limit);
    if (limit.rlim_cur != limit.rlim_max) {
        rlimit raised = limit;
        raised.rlim_cur = limit.rlim_max;
        if (::setrlimit(resource, &raised) == 0)
            limit = raised;
    }
    return limit;
}

} // namespace

Result<void> makeRoomForDescriptors(std::size_t wanted)
{
    const std::size_t needed = openDescriptors() + wanted + descriptorReserve;
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (needed > limit.rlim_cur)
        limit = raiseToHardLimit(RLIMIT_NOFILE);
    if (needed > limit.rlim_cur)
        return fail(Errc::Limit,
                    std::to_string(wanted) + " descriptors do not fit into the limit of " +
                        std::to_string(limit.rlim_cur) + " open files; raise the hard limit to " +
                        std::to_string(needed) +
                        " or more ('ulimit -Hn', LimitNOFILE= in a systemd unit, then "
                        "'ulimit -n " +
                        std::to_string(needed) + "') or ask for fewer slabs",
                    EMFILE);
    return {};
}

Result<void> lockInMemory(const void *base, std::size_t length)
{
    if (::mlock(base, length) == 0)
        return {};
    const rlimit limit = raiseToHardLimit(RLIMIT_MEMLOCK);
    if (::mlock(base, length) == 0)
        return {};
    const int error = errno;
    const std::string bytes = std::to_string(length);
    return fail(
        Errc::Limit,
        "mlock of " + bytes + " bytes refused (" + errnoText(error) + "); RLIMIT_MEMLOCK is " +
            (limit.rlim_cur == RLIM_INFINITY ? "unlimited" : std::to_string(limit.rlim_cur) + " bytes") +
            ": give the program CAP_IPC_LOCK or raise the limit to at least " + bytes +
            " bytes (LimitMEMLOCK=" + bytes + " in a systemd unit, 'ulimit -l " +
            std::to_string((length + 1023) / 1024) + "' in a shell)",
        error);
}

} // namespace dmaslab
