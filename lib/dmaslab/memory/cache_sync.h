// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "dmaslab/export.h"

namespace dmaslab {

enum class CpuAccess : unsigned
{
    Read = 1,
    Write = 2,
    ReadWrite = Read | Write,
};

/**
 * Brackets what the CPU does to a dma-buf where Arena::needsCpuSync() says so: without it the CPU may read
 * stale cache lines, or the device stale memory. Both return 0 or the errno (ENOTTY: not a dma-buf).
 */
[[nodiscard]] DMASLAB_EXPORT int beginCpuAccess(int dmabufFd, CpuAccess access) noexcept;
[[nodiscard]] DMASLAB_EXPORT int endCpuAccess(int dmabufFd, CpuAccess access) noexcept;

} // namespace dmaslab
