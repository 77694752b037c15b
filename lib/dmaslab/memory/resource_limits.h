// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

#include "dmaslab/error.h"

namespace dmaslab {

/**
 * Makes sure that so many more descriptors can be opened, with some left for everybody else; raises the soft
 * limit of RLIMIT_NOFILE to the hard one when it is in the way.
 */
Result<void> makeRoomForDescriptors(std::size_t wanted);

/** mlock, after raising the soft limit of RLIMIT_MEMLOCK to the hard one when it is in the way. */
Result<void> lockInMemory(const void *base, std::size_t length);

} // namespace dmaslab
