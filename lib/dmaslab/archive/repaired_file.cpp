// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/repaired_file.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dmaslab/archive/file_io.h"

namespace dmaslab {

namespace {

constexpr std::size_t kSector = 512;  ///< what a disk writes whole
constexpr std::size_t kPreamble = 10; ///< magic, version and length: no other .npy has a header this long

bool isZero(std::span<const std::byte> bytes)
{
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

/** What a write of `ours` that was cut off, or a sector that was lost, can have left. */
bool isLeftOf(std::span<const std::byte> ours, std::span<const std::byte> found)
{
    const std::size_t begun = std::min(kPreamble, found.size());
    if (isZero(found) || std::equal(found.begin(), found.begin() + std::ptrdiff_t(begun), ours.begin()))
        return true;
    bool any = false;
    for (std::size_t at = kSector; at + kSector <= found.size(); at += kSector) {
        const auto sector = found.subspan(at, kSector);
        const bool same = std::equal(sector.begin(), sector.end(), ours.begin() + std::ptrdiff_t(at));
        if (!same && !isZero(sector))
            return false;
        any = any || same;
    }
    return any;
}

} // namespace

Result<void> RepairedFile::open()
{
    const int access = job_.dryRun ? O_RDONLY : O_RDWR;
    UniqueFd fd(openat(job_.directory, name_.c_str(), access | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
    if (!fd.isValid() && errno == ELOOP)
        return fail(Errc::Permission,
                    path_ + ": is a symbolic link, and a repair changes only what lies in the recording "
                            "itself: move the file to its place",
                    ELOOP);
    if (!fd.isValid())
        return failSystem(path_, "open it", errno);
    struct stat status = {};
    if (fstat(fd.get(), &status) != 0)
        return failSystem(path_, "look at it", errno);
    if (!S_ISREG(status.st_mode))
        return fail(Errc::Format, path_ + ": is no file: move it out of the recording");
    if (status.st_nlink > 1)
        return fail(Errc::Permission, path_ + ": has " + std::to_string(status.st_nlink) +
                                          " names (hard links), and a repair would change it under all of "
                                          "them: put a copy of its own in its place");
    fd_ = std::move(fd);
    return {};
}

std::uint64_t RepairedFile::bytes() const
{
    struct stat status = {};
    return fstat(fd(), &status) == 0 ? std::uint64_t(status.st_size) : 0;
}

Result<bool> RepairedFile::hasRoomForHeader(const std::string &descr,
                                            const std::vector<std::uint64_t> &shape) const
{
    HeaderBlock wanted;
    if (const auto ok = dmaslab::writeHeader(wanted, descr, shape); !ok)
        return tl::unexpected(ok.error());
    HeaderBlock block{};
    const std::span found = std::span(block).first(std::min<std::size_t>(block.size(), bytes()));
    if (const auto ok = readAt(fd(), path_, 0, found); !ok)
        return tl::unexpected(ok.error());
    if (const auto header = parseHeader(block, path_); header && found.size() == block.size())
        return header->descr == descr && header->shape.size() == shape.size() &&
               std::equal(shape.begin() + 1, shape.end(), header->shape.begin() + 1);
    return isLeftOf(wanted, found);
}

Error RepairedFile::foreign() const
{
    return {.code = Errc::Format,
            .message = path_ + ": does not begin as a file of a recording does, and nothing else shows that "
                               "it is one: it is left as it is. Move it out of the recording, and repair "
                               "that again"};
}

Result<void> RepairedFile::sync()
{
    if (!job_.dryRun && fdatasync(fd()) != 0)
        return failSystem(path_, "make it durable", errno);
    return {};
}

Result<void> RepairedFile::writeHeader(const std::string &descr, const std::vector<std::uint64_t> &shape)
{
    HeaderBlock wanted;
    if (auto ok = dmaslab::writeHeader(wanted, descr, shape); !ok)
        return ok;
    HeaderBlock found{};
    std::string before = "nothing";
    if (readAt(fd(), path_, 0, found)) {
        if (found == wanted)
            return {};
        const auto header = parseHeader(found, path_);
        before = header ? std::to_string(header->count()) : "nothing that can be read";
    }
    report_.actions.push_back(name_ + ": its header counts " + std::to_string(shape.front()) +
                              " now and said " + before);
    if (job_.dryRun)
        return {};
    if (auto ok = writeHeaderAt(fd(), path_, descr, shape); !ok)
        return ok;
    return sync();
}

Result<void> RepairedFile::resize(std::uint64_t bytes)
{
    const std::uint64_t before = this->bytes();
    if (before == bytes)
        return {};
    report_.actions.push_back(name_ + ": cut from " + std::to_string(before) + " to " +
                              std::to_string(bytes) + " bytes");
    if (job_.dryRun)
        return {};
    if (ftruncate(fd(), off_t(bytes)) != 0)
        return failSystem(path_, "cut it to its size", errno);
    return sync();
}

} // namespace dmaslab
