// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/uring_setup.h"

#include <cerrno>

#include <liburing.h>
#include <sys/resource.h>

namespace dmaslab {

namespace {

/** Rings exist from 5.1 on, plain reads and writes in them from 5.6 on. */
bool hasOperations(io_uring &ring)
{
    io_uring_probe *probe = io_uring_get_probe_ring(&ring);
    if (!probe)
        return false;
    bool all = true;
    for (const int operation : {IORING_OP_READ, IORING_OP_WRITE, IORING_OP_WRITEV, IORING_OP_READ_FIXED,
                                IORING_OP_WRITE_FIXED, IORING_OP_FSYNC})
        all = all && io_uring_opcode_supported(probe, operation);
    io_uring_free_probe(probe);
    return all;
}

} // namespace

int setUpRing(io_uring &ring, unsigned entries, RingOwner owner)
{
    // SUBMIT_ALL: one bad operation does not hold back those behind it. DEFER_TASKRUN (6.1): completions are
    // handled when we ask, not in the middle of our work; it wants one thread. COOP_TASKRUN (5.19) is the
    // next best thing.
    const unsigned attempts[] = {
        owner == RingOwner::OneThread
            ? IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN
            : IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN,
        IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN,
        0,
    };
    int error = 0;
    for (const unsigned flags : attempts) {
        error = -io_uring_queue_init(entries, &ring, flags);
        if (error == 0 && !hasOperations(ring)) {
            io_uring_queue_exit(&ring);
            return ENOSYS;
        }
        if (error != EINVAL)
            return error; // only EINVAL means an unknown flag
    }
    return error;
}

bool raiseLockedMemoryLimit()
{
    rlimit limit{};
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return false;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_MEMLOCK, &limit) == 0;
}

std::string uringRemedy(int error)
{
    switch (error) {
    case EPERM:
    case EACCES:
        return "sysctl kernel.io_uring_disabled=0, or a container profile that allows io_uring_setup";
    case ENOSYS:
        return "a kernel with CONFIG_IO_URING (5.6 or later), or a container profile that allows "
               "io_uring_setup";
    case ENOMEM:
        return "raise 'ulimit -l' (LimitMEMLOCK=)";
    case EMFILE:
    case ENFILE:
        return "raise 'ulimit -n' (LimitNOFILE=)";
    default:
        return "a newer kernel may have it";
    }
}

} // namespace dmaslab
