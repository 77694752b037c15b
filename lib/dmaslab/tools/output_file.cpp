// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/tools/output_file.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dmaslab/memory/text.h"

namespace dmaslab::tools {

namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

tl::unexpected<Error> exists(const std::string &path)
{
    return fail(Errc::Permission, path + " exists: give another name, or --force to replace it", EEXIST);
}

/** mkostemp makes files for the owner alone; the result of an export is an ordinary file. */
void giveUsualMode(int fd)
{
    const mode_t mask = umask(0);
    umask(mask);
    (void)fchmod(fd, 0666 & ~mask);
}

} // namespace

OutputFile::OutputFile(std::string path, std::string partial, UniqueFd fd, bool replace)
    : path_(std::move(path)), partial_(std::move(partial)), fd_(std::move(fd)), replace_(replace)
{
}

OutputFile::OutputFile(OutputFile &&other) noexcept
    : path_(std::move(other.path_)), partial_(std::exchange(other.partial_, {})), fd_(std::move(other.fd_)),
      replace_(other.replace_), flushed_(other.flushed_), buffer_(std::move(other.buffer_))
{
}

OutputFile::~OutputFile()
{
    if (!partial_.empty())
        unlink(partial_.c_str());
}

tl::unexpected<Error> OutputFile::failed(const char *doing) const
{
    const int error = errno;
    return fail(Errc::Io, path_ + ": " + doing + ": " + errnoText(error), error);
}

Result<OutputFile> OutputFile::create(const std::string &path, bool replace)
{
    struct stat status = {};
    if (lstat(path.c_str(), &status) == 0) {
        if (!replace)
            return exists(path);
        // A rename would put a file in the place of a device or a link: not what anybody means by replacing.
        if (!S_ISREG(status.st_mode))
            return fail(Errc::InvalidArgument, path + " is no ordinary file: give another name");
    }
    std::string partial = path + ".partial-XXXXXX";
    UniqueFd fd(mkostemp(partial.data(), O_CLOEXEC));
    if (!fd.isValid()) {
        const int error = errno;
        return fail(error == EACCES || error == EROFS ? Errc::Permission : Errc::Io,
                    path + ": cannot be created: " + errnoText(error), error);
    }
    giveUsualMode(fd.get());
    return OutputFile(path, std::move(partial), std::move(fd), replace);
}

Result<void> OutputFile::write(std::span<const std::byte> bytes)
{
    if (buffer_.size() + bytes.size() > kBufferBytes) {
        if (auto flushed = flush(); !flushed)
            return flushed;
    }
    if (bytes.size() > kBufferBytes / 2)
        return writeThrough(bytes);
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return {};
}

Result<void> OutputFile::flush()
{
    auto written = writeThrough(buffer_);
    buffer_.clear();
    return written;
}

Result<void> OutputFile::writeThrough(std::span<const std::byte> bytes)
{
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return failed("cannot be written");
        bytes = bytes.subspan(std::size_t(written));
        flushed_ += std::uint64_t(written);
    }
    return {};
}

Result<void> OutputFile::rewriteStart(std::span<const std::byte> bytes)
{
    if (auto flushed = flush(); !flushed)
        return flushed;
    if (pwrite(fd_.get(), bytes.data(), bytes.size(), 0) != ssize_t(bytes.size()))
        return failed("cannot be written");
    return {};
}

Result<void> OutputFile::close()
{
    if (!fd_.isValid())
        return {};
    if (auto flushed = flush(); !flushed)
        return flushed;
    buffer_ = {};
    // NFS and quotas report what went wrong here and not before.
    if (::close(fd_.release()) != 0)
        return failed("cannot be written");
    return {};
}

Result<void> OutputFile::commit()
{
    if (auto closed = close(); !closed)
        return closed;
    if (replace_) {
        if (std::rename(partial_.c_str(), path_.c_str()) != 0)
            return failed("cannot be put in place");
    } else {
        // Somebody may have made the file since.
        if (renameat2(AT_FDCWD, partial_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) != 0) {
            if (errno == EEXIST)
                return exists(path_);
            if (errno != EINVAL && errno != ENOSYS)
                return failed("cannot be put in place");
            if (link(partial_.c_str(), path_.c_str()) != 0)
                return errno == EEXIST ? exists(path_) : failed("cannot be put in place");
            unlink(partial_.c_str());
        }
    }
    partial_.clear();
    return {};
}

} // namespace dmaslab::tools
