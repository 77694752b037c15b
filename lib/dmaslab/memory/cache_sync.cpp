// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/memory/cache_sync.h"

#include <cerrno>
#include <cstdint>

#include <linux/dma-buf.h>
#include <sys/ioctl.h>

namespace dmaslab {

namespace {

static_assert(static_cast<unsigned>(CpuAccess::Read) == DMA_BUF_SYNC_READ);
static_assert(static_cast<unsigned>(CpuAccess::Write) == DMA_BUF_SYNC_WRITE);

int sync(int fd, std::uint64_t flags) noexcept
{
    const dma_buf_sync request{flags};
    // The kernel's contract: a bracket that was interrupted, or not ready yet, is simply asked for again.
    while (::ioctl(fd, DMA_BUF_IOCTL_SYNC, &request) != 0) {
        if (errno != EINTR && errno != EAGAIN)
            return errno;
    }
    return 0;
}

} // namespace

int beginCpuAccess(int dmabufFd, CpuAccess access) noexcept
{
    return sync(dmabufFd, DMA_BUF_SYNC_START | static_cast<std::uint64_t>(access));
}

int endCpuAccess(int dmabufFd, CpuAccess access) noexcept
{
    return sync(dmabufFd, DMA_BUF_SYNC_END | static_cast<std::uint64_t>(access));
}

} // namespace dmaslab
