// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/memory/udmabuf.h"

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>

#include "dmaslab/memory/resource_limits.h"
#include "dmaslab/memory/text.h"

namespace dmaslab {

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

Result<UniqueFd> openDevice(const std::string &path)
{
    UniqueFd device(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (device.isValid())
        return device;
    const int error = errno;
    if (error == ENOENT || error == ENODEV || error == ENXIO)
        return fail(Errc::NotFound,
                    path +
                        " does not exist: 'modprobe udmabuf', or a kernel with CONFIG_UDMABUF (Debian's from "
                        "6.12 on)",
                    error);
    if (error == EACCES || error == EPERM)
        return fail(Errc::Permission,
                    "no permission to open " + path +
                        ": add the user to the group that owns it (mostly kvm) and log in again",
                    error);
    return fail(Errc::Io, "cannot open " + path + ": " + errnoText(error), error);
}

Result<void> checkSize(std::size_t stride, const HostPaths &paths)
{
    const std::uint64_t limit = readNumber(paths.udmabufSizeLimit).value_or(64);
    const std::uint64_t needed = (stride + mebibyte - 1) / mebibyte;
    if (stride <= limit * mebibyte)
        return {};
    return fail(Errc::Limit, "a slab of " + bytesText(stride) + " is larger than udmabuf's limit of " +
                                 std::to_string(limit) + " MiB: 'echo " + std::to_string(needed) + " > " +
                                 paths.udmabufSizeLimit + "', or udmabuf.size_limit_mb=" +
                                 std::to_string(needed) + " on the kernel's command line");
}

} // namespace

Result<std::vector<UniqueFd>> makeUdmabufs(int memfd, std::uint32_t slabs, std::size_t stride,
                                           const HostPaths &paths)
{
    const auto device = openDevice(paths.udmabuf);
    if (!device)
        return tl::unexpected(device.error());
    if (const auto sized = checkSize(stride, paths); !sized)
        return tl::unexpected(sized.error());
    if (const auto room = makeRoomForDescriptors(slabs); !room)
        return tl::unexpected(room.error());

    std::vector<UniqueFd> dmabufs;
    dmabufs.reserve(slabs);
    for (std::uint32_t i = 0; i < slabs; ++i) {
        udmabuf_create request{};
        request.memfd = static_cast<std::uint32_t>(memfd);
        request.flags = UDMABUF_FLAGS_CLOEXEC;
        request.offset = std::uint64_t{i} * stride;
        request.size = stride;
        dmabufs.emplace_back(::ioctl(device->get(), UDMABUF_CREATE, &request));
        if (!dmabufs.back().isValid()) {
            const int error = errno;
            return fail(error == EMFILE || error == ENFILE ? Errc::Limit : Errc::Unsupported,
                        "UDMABUF_CREATE refused slab " + std::to_string(i) + " of " + std::to_string(slabs) +
                            " (" + bytesText(stride) + "): " + errnoText(error) +
                            (error == EMFILE ? "; raise 'ulimit -n'" : "") +
                            (error == EBADFD ? "; kernels before 6.11 may make none of huge pages" : ""),
                        error);
        }
    }
    return dmabufs;
}

} // namespace dmaslab
