// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/memory/memfd_backing.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dmaslab/memory/page_info.h"
#include "dmaslab/memory/text.h"

namespace dmaslab {

namespace {

std::string hugePageRemedy(std::size_t length, const HostPaths &paths)
{
    const std::uint64_t needed = length / hugePageSize;
    const std::uint64_t total = readNumber(paths.hugePages + "/nr_hugepages").value_or(0);
    const std::uint64_t free = readNumber(paths.hugePages + "/free_hugepages").value_or(0);
    const std::uint64_t promised = readNumber(paths.hugePages + "/resv_hugepages").value_or(0);
    const std::uint64_t usable = free - std::min(free, promised);
    return std::to_string(needed) + " huge pages of 2 MiB are needed, " + std::to_string(usable) + " of " +
           std::to_string(total) + " are free; reserve them with 'sysctl vm.nr_hugepages=" +
           std::to_string(total + needed - std::min(needed, usable)) + "', best right after boot";
}

Errc codeOf(int error)
{
    return error == ENOMEM ? Errc::NoMemory : Errc::Unsupported;
}

} // namespace

Result<MemfdBacking> makeMemfdBacking(std::size_t length, PageKind pages, const HostPaths &paths)
{
    const bool huge = pages == PageKind::Huge;
    MemfdBacking backing;
    backing.fd.reset(::memfd_create(huge ? "dmaslab-huge" : "dmaslab",
                                    MFD_CLOEXEC | MFD_ALLOW_SEALING |
                                        (huge ? MFD_HUGETLB | static_cast<unsigned>(MFD_HUGE_2MB) : 0U)));
    if (!backing.fd.isValid()) {
        const int error = errno;
        return fail(
            codeOf(error),
            std::string(huge ? "the kernel makes no memfd of 2 MiB pages: " : "memfd_create failed: ") +
                errnoText(error) + (huge ? " (it needs CONFIG_HUGETLBFS and hugepagesz=2M)" : ""),
            error);
    }
    if (::ftruncate(backing.fd.get(), static_cast<off_t>(length)) != 0) {
        const int error = errno;
        return fail(codeOf(error), "cannot size a memfd to " + bytesText(length) + ": " + errnoText(error),
                    error);
    }
    // Whoever else gets this descriptor could otherwise pull pages from under us; udmabuf insists as well.
    if (::fcntl(backing.fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
        const int error = errno;
        return fail(Errc::Unsupported, "cannot seal the size of a memfd: " + errnoText(error), error);
    }
    auto mapping = Mapping::ofFile(backing.fd.get(), length);
    if (!mapping) {
        Error error = std::move(mapping.error());
        if (huge)
            error.message += "; " + hugePageRemedy(length, paths);
        return tl::unexpected(std::move(error));
    }
    backing.mapping = std::move(*mapping);
    return backing;
}

Result<void> sealAgainstWriters(int memfd)
{
    if (::fcntl(memfd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0)
        return {};
    const int error = errno;
    return fail(Errc::Unsupported,
                "F_SEAL_FUTURE_WRITE refused (" + errnoText(error) +
                    "); it needs Linux 5.1. Hand the descriptor of the slabs only to programs you trust",
                error);
}

} // namespace dmaslab
