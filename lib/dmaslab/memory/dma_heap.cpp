// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/memory/dma_heap.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <linux/dma-heap.h>
#include <sys/ioctl.h>

#include "dmaslab/memory/resource_limits.h"
#include "dmaslab/memory/text.h"

namespace dmaslab {

namespace {

std::string heapsOf(const std::string &folder)
{
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
        names.push_back(at->path().filename().string());
    std::sort(names.begin(), names.end());
    std::string text;
    for (const auto &name : names)
        text += (text.empty() ? "" : ", ") + name;
    return text;
}

Result<UniqueFd> openHeap(const std::string &name, const HostPaths &paths)
{
    const std::string path = paths.dmaHeaps + "/" + name;
    UniqueFd heap(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (heap.isValid())
        return heap;
    const int error = errno;
    if (error == EACCES || error == EPERM)
        return fail(Errc::Permission,
                    "no permission to open " + path +
                        ": add the user to the group that owns it (mostly video) or write a udev rule",
                    error);
    const std::string others = heapsOf(paths.dmaHeaps);
    return fail(Errc::NotFound,
                "dma-heap " + path + " cannot be opened (" + errnoText(error) + "); " +
                    (others.empty()
                         ? "a kernel with CONFIG_DMABUF_HEAPS and CONFIG_DMABUF_HEAPS_SYSTEM or _CMA "
                           "has heaps"
                         : "heaps here: " + others),
                error);
}

} // namespace

Result<std::vector<UniqueFd>> allocateFromHeap(const std::string &heap, std::uint32_t slabs,
                                               std::size_t bytes, const HostPaths &paths)
{
    const std::string name = heap.empty() ? "system" : heap;
    const auto device = openHeap(name, paths);
    if (!device)
        return tl::unexpected(device.error());
    if (const auto room = makeRoomForDescriptors(slabs); !room)
        return tl::unexpected(room.error());

    std::vector<UniqueFd> dmabufs;
    dmabufs.reserve(slabs);
    for (std::uint32_t i = 0; i < slabs; ++i) {
        dma_heap_allocation_data request{};
        request.len = bytes;
        request.fd_flags = O_RDWR | O_CLOEXEC;
        if (::ioctl(device->get(), DMA_HEAP_IOCTL_ALLOC, &request) != 0) {
            const int error = errno;
            return fail(error == ENOMEM ? Errc::NoMemory : Errc::Unsupported,
                        "dma-heap " + name + " refused slab " + std::to_string(i) + " of " +
                            std::to_string(slabs) + " (" + bytesText(bytes) + "): " + errnoText(error) +
                            (error == ENOMEM
                                 ? "; ask for fewer slabs, or enlarge a CMA heap with cma= on the "
                                   "kernel's command line"
                                 : ""),
                        error);
        }
        dmabufs.emplace_back(static_cast<int>(request.fd));
    }
    return dmabufs;
}

} // namespace dmaslab
