// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/file_io.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dmaslab/memory/text.h"

namespace dmaslab {

Errc errcOf(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return Errc::NotFound;
    case EACCES:
    case EPERM:
    case EROFS:
        return Errc::Permission;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
        return Errc::Limit;
    default:
        return Errc::Io;
    }
}

namespace {

const char *remedyFor(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return ": check the path, the directory may be gone";
    case EACCES:
    case EPERM:
        return ": use an account that may";
    case EROFS:
        return ": mount the file system for writing, or take another one";
    case ENOSPC:
        return ": free some space, or take another disk";
    case EDQUOT:
        return ": free some of the quota, or take another place";
    case EFBIG:
        return ": raise 'ulimit -f' (LimitFSIZE=) or set a smaller segment-bytes";
    case EMFILE:
    case ENFILE:
        return ": raise the limit of open files (ulimit -n)";
    case EIO:
        return ": check the disk and its file system";
    default:
        return "";
    }
}

} // namespace

tl::unexpected<Error> failSystem(const std::string &path, const std::string &what, int error)
{
    return fail(errcOf(error), path + ": cannot " + what + " (" + errnoText(error) + ")" + remedyFor(error),
                error);
}

Result<void> readAt(int fd, const std::string &path, std::uint64_t offset, std::span<std::byte> bytes)
{
    while (!bytes.empty()) {
        const ssize_t got = pread(fd, bytes.data(), bytes.size(), off_t(offset));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failSystem(path, "read at byte " + std::to_string(offset), errno);
        if (got == 0)
            return fail(Errc::Format, path + ": ends at byte " + std::to_string(offset) + ", and " +
                                          std::to_string(bytes.size()) + " more were expected");
        bytes = bytes.subspan(std::size_t(got));
        offset += std::uint64_t(got);
    }
    return {};
}

Result<void> writeAt(int fd, const std::string &path, std::uint64_t offset, std::span<const std::byte> bytes)
{
    while (!bytes.empty()) {
        const ssize_t done = pwrite(fd, bytes.data(), bytes.size(), off_t(offset));
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return failSystem(path, "write at byte " + std::to_string(offset), done < 0 ? errno : EIO);
        bytes = bytes.subspan(std::size_t(done));
        offset += std::uint64_t(done);
    }
    return {};
}

Result<void> writeHeaderAt(int fd, const std::string &path, const std::string &descr,
                           std::span<const std::uint64_t> shape)
{
    alignas(kArchiveBlock) HeaderBlock block;
    if (auto ok = writeHeader(block, descr, shape); !ok)
        return ok;
    return writeAt(fd, path, 0, block);
}

Result<UniqueFd> openRecordingDirectory(std::string &path)
{
    const auto withoutSlashes = [&] {
        while (path.size() > 1 && path.back() == '/')
            path.pop_back();
    };
    const std::string name = std::string("/") + kManifestName;
    struct stat status = {};
    if (path == kManifestName)
        path = ".";
    else if (path.ends_with(name) && stat(path.c_str(), &status) == 0 && !S_ISDIR(status.st_mode))
        path.resize(path.size() - name.size() + (path.size() == name.size() ? 1 : 0));
    withoutSlashes();
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.isValid() && errno == ENOTDIR && stat(path.c_str(), &status) == 0)
        return fail(Errc::Format,
                    path + ": is a file: give the directory of a recording, or its manifest.json");
    if (!fd.isValid())
        return failSystem(path, "open the recording", errno);
    return fd;
}

Result<HeaderedFile> readHeader(int fd, const std::string &path)
{
    struct stat status = {};
    if (fstat(fd, &status) != 0)
        return failSystem(path, "look at it", errno);
    HeaderedFile file;
    file.bytes = std::uint64_t(status.st_size);
    if (file.bytes < kArchiveBlock)
        return fail(Errc::Format, path + ": no file of a recording: shorter than its header of 4096 bytes");
    // A write and a read of one page may mix in the kernel, and half a new count is a wrong one: what reads
    // the same twice is whole.
    HeaderBlock block;
    HeaderBlock before;
    block.fill(std::byte{0});
    do {
        before = block;
        if (const auto ok = readAt(fd, path, 0, block); !ok)
            return tl::unexpected(ok.error());
    } while (block != before);
    auto header = parseHeader(block, path);
    if (!header)
        return tl::unexpected(header.error());
    file.header = std::move(*header);
    file.dataBytes = file.bytes - kArchiveBlock;
    return file;
}

Result<std::vector<LossRecord>> readLosses(int directory, const std::string &path)
{
    std::vector<LossRecord> records;
    const UniqueFd fd(openat(directory, kLossesName, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd.isValid() && errno == ENOENT)
        return records;
    const std::string name = path + "/" + kLossesName;
    if (!fd.isValid())
        return failSystem(name, "open it", errno);
    const auto file = readHeader(fd.get(), name);
    if (!file)
        return tl::unexpected(file.error());
    if (file->header.descr != lossesDescr() || file->header.shape.size() != 1)
        return fail(Errc::Format, name + ": no ledger of losses: its type is another one");
    records.resize(std::min(file->header.count(), file->dataBytes / sizeof(LossRecord)));
    if (const auto ok = readAt(fd.get(), name, kArchiveBlock, std::as_writable_bytes(std::span(records)));
        !ok)
        return tl::unexpected(ok.error());
    return records;
}

} // namespace dmaslab
