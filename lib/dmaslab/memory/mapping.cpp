// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/memory/mapping.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>

#include "dmaslab/memory/page_info.h"
#include "dmaslab/memory/text.h"

namespace dmaslab {

Result<Mapping> Mapping::ofFile(int fd, std::size_t length)
{
    void *base = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        const int error = errno;
        return fail(error == ENOMEM ? Errc::NoMemory : Errc::Io,
                    "cannot map " + bytesText(length) + ": " + errnoText(error), error);
    }
    return Mapping(base, length);
}

Result<Mapping> Mapping::reserve(std::size_t length)
{
    void *base = ::mmap(nullptr, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        const int error = errno;
        return fail(Errc::NoMemory,
                    "cannot reserve " + bytesText(length) + " of addresses: " + errnoText(error), error);
    }
    return Mapping(base, length);
}

Mapping::~Mapping()
{
    if (base_)
        ::munmap(base_, length_);
}

Result<void> Mapping::place(std::size_t offset, int fd, std::size_t length)
{
    void *at = ::mmap(base_ + offset, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    if (at == MAP_FAILED) {
        const int error = errno;
        return fail(error == EACCES ? Errc::Permission : Errc::Io,
                    "cannot map " + bytesText(length) + " read-write: " + errnoText(error), error);
    }
    // Saves the first frames their page faults. Dma-bufs that the exporter mapped at once answer EINVAL.
    (void)::madvise(at, length, MADV_POPULATE_WRITE);
    return {};
}

Result<void> prefault(const Mapping &mapping, int fd)
{
    int error = 0;
    do {
        error = ::madvise(mapping.base(), mapping.length(), MADV_POPULATE_WRITE) == 0 ? 0 : errno;
    } while (error == EINTR || error == EAGAIN);

    if (error == EINVAL) {
        // Before Linux 5.14. fallocate answers a shortage with an error; only then are the pages touched.
        error = ::fallocate(fd, 0, 0, static_cast<off_t>(mapping.length())) == 0 ? 0 : errno;
        if (error == 0) {
            const std::size_t step = systemPageSize();
            for (std::size_t at = 0; at < mapping.length(); at += step)
                *reinterpret_cast<volatile std::byte *>(mapping.base() + at) = std::byte{0};
        }
    }
    if (error != 0)
        return fail(Errc::NoMemory,
                    "the kernel has no memory for " + bytesText(mapping.length()) + " (" + errnoText(error) +
                        "); ask for fewer or smaller slabs",
                    error);
    return {};
}

} // namespace dmaslab
