// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

struct io_uring;

namespace dmaslab {

enum class RingOwner
{
    OneThread, ///< the thread that sets it up makes all calls
    AnyThread, ///< one at a time, but not always the same
};

/** Sets up a ring with the best flags this kernel takes; 0, or the errno of the plainest attempt. */
[[nodiscard]] int setUpRing(io_uring &ring, unsigned entries, RingOwner owner);

/** Raises the soft limit of RLIMIT_MEMLOCK to the hard one; false when it is there already. */
bool raiseLockedMemoryLimit();

/** What a user can do about that errno. */
[[nodiscard]] std::string uringRemedy(int error);

} // namespace dmaslab
