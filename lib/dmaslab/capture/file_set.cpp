// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/capture/file_set.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace dmaslab {

namespace {

struct FileContent
{
    FileFrame frame;
    std::uint64_t frames = 0;
    std::uint64_t dataOffset = 0;
};

tl::unexpected<Error> cannotOpen(const std::string &path, int error)
{
    const std::string what = path + ": cannot be opened: " + std::strerror(error) + "; ";
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return fail(Errc::NotFound, what + "check the path", error);
    case EACCES:
    case EPERM:
        return fail(Errc::Permission, what + "make it readable for this user", error);
    case EMFILE:
    case ENFILE:
        return fail(Errc::Limit, what + "raise the limit on open files (ulimit -n)", error);
    default:
        return fail(Errc::Io, what + "check the disk", error);
    }
}

Result<UniqueFd> openFile(const std::string &path, struct stat &info)
{
    // O_NONBLOCK: opening a pipe that nobody writes would wait for ever; files do not care.
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd.isValid() || ::fstat(fd.get(), &info) != 0)
        return cannotOpen(path, errno);
    if (!S_ISREG(info.st_mode))
        return fail(Errc::Unsupported, path + ": is not an ordinary file; give a .npy file, a directory of "
                                              "them, or a file of raw frames");
    return fd;
}

/** How the axes of an array are a picture; `wanted` decides where they could be two. */
Result<FileContent> asFrames(const NpyHeader &header, const std::string &path, std::uint64_t wanted)
{
    const std::vector<std::uint64_t> &shape = header.shape;
    if (shape.size() < 2 || shape.size() > 4 || (shape.size() == 4 && (shape[3] < 1 || shape[3] > 4)))
        return fail(Errc::Unsupported, path + ": shape " + shapeText(shape) +
                                           " is no picture; save it as (height, width), (frames, height, "
                                           "width) or (frames, height, width, channels)");
    const bool channelsLast = shape.size() == 3 && (shape[2] == 3 || shape[2] == 4) && wanted != 0 &&
                              wanted == header.dataBytes && shape[0] != 1;
    FileContent content;
    content.dataOffset = header.dataOffset;
    FileFrame &frame = content.frame;
    frame.dtype = header.dtype;
    const bool single = shape.size() == 2 || channelsLast;
    const std::size_t rowAxis = single ? 0 : 1;
    content.frames = single ? 1 : shape[0];
    frame.height = shape[rowAxis];
    frame.width = shape[rowAxis + 1];
    frame.channels = rowAxis + 2 < shape.size() ? shape[rowAxis + 2] : 1;
    // The header was checked: the product of all axes is countable, also without the ones that are 0.
    frame.frameBytes = frame.height * frame.width * frame.channels * frame.dtype.size;
    if (frame.frameBytes == 0)
        return fail(Errc::Format, path + ": shape " + shapeText(shape) +
                                      " has no pixels; height and width must be at least 1");
    if (wanted != 0 && wanted != frame.frameBytes)
        return fail(Errc::InvalidArgument, path + ": its frames are " + frame.text() + ", " +
                                               std::to_string(frame.frameBytes) +
                                               " bytes; the caps ask for " + std::to_string(wanted) +
                                               " bytes: set width, height and format to those of the file");
    return content;
}

Result<FileContent> asRawFrames(const std::string &path, std::uint64_t fileBytes, std::uint64_t frameBytes)
{
    const std::string size = path + ": raw file of " + std::to_string(fileBytes) + " bytes";
    if (frameBytes == 0)
        return fail(Errc::InvalidArgument, size + " does not tell its frame size; set width, height and "
                                                  "format in the caps, or use a .npy file");
    if (fileBytes == 0)
        return fail(Errc::Format, path + ": is empty; record or copy it again");
    if (fileBytes % frameBytes != 0)
        return fail(Errc::Format, size + " is no whole number of frames of " + std::to_string(frameBytes) +
                                      " bytes, " + std::to_string(fileBytes % frameBytes) +
                                      " are left over; correct width, height and format, or cut the file");
    FileContent content;
    content.frame.raw = true;
    content.frame.frameBytes = frameBytes;
    content.frames = fileBytes / frameBytes;
    return content;
}

Result<FileContent> readContent(int fd, const struct stat &info, const std::string &path, bool npyOnly,
                                std::uint64_t wanted)
{
    std::array<std::byte, 6> start = {};
    const ssize_t got = ::pread(fd, start.data(), start.size(), 0);
    if (got < 0)
        return cannotOpen(path, errno);
    if (!npyOnly && path.ends_with(".npz"))
        return fail(Errc::Unsupported, path + ": an .npz archive cannot be read straight into memory; save "
                                              "its array with numpy.save");
    if (!npyOnly && !path.ends_with(".npy") &&
        !hasNpyMagic(std::span(start).first(static_cast<std::size_t>(got))))
        return asRawFrames(path, static_cast<std::uint64_t>(info.st_size), wanted);
    const Result<NpyHeader> header = readNpyHeader(fd, path);
    if (!header)
        return tl::unexpected(header.error());
    return asFrames(*header, path, wanted);
}

bool sameFile(const struct stat &a, const struct stat &b)
{
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
           a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

Result<std::vector<std::string>> listNpy(const std::string &directory)
{
    struct Close
    {
        void operator()(DIR *dir) const { ::closedir(dir); }
    };
    const std::unique_ptr<DIR, Close> dir(::opendir(directory.c_str()));
    if (!dir)
        return cannotOpen(directory, errno);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent *item = ::readdir(dir.get())) {
        const std::string_view name = item->d_name;
        if (name.ends_with(".npy") && name.front() != '.')
            names.emplace_back(name);
        errno = 0;
    }
    if (errno != 0)
        return cannotOpen(directory, errno);
    std::sort(names.begin(), names.end()); // std::string compares bytes as unsigned, in every locale
    return names;
}

} // namespace

std::string FileFrame::text() const
{
    if (raw)
        return "raw frames of " + std::to_string(frameBytes) + " bytes";
    return std::to_string(width) + "x" + std::to_string(height) +
           (channels > 1 ? "x" + std::to_string(channels) : "") + " " + dtype.text();
}

const char *pixelFormatHint(const FileFrame &frame)
{
    if (frame.raw || frame.channels != 1)
        return "";
    if (frame.dtype.kind == 'u' && frame.dtype.size == 1)
        return "GRAY8";
    if ((frame.dtype.kind == 'u' || frame.dtype.kind == 'i') && frame.dtype.size == 2)
        return frame.dtype.byteOrder == '<' ? "GRAY16_LE" : "GRAY16_BE";
    return "";
}

Result<FileSet> FileSet::open(const std::string &location, std::uint64_t frameBytes)
try {
    if (location.empty())
        return fail(Errc::InvalidArgument,
                    "no location; give a .npy file, a directory of them, or a file of raw frames");
    struct stat info = {};
    if (::stat(location.c_str(), &info) != 0)
        return cannotOpen(location, errno);
    FileSet set;
    const Result<void> ok = S_ISDIR(info.st_mode) ? set.addDirectory(location, frameBytes)
                                                  : set.addFile(location, false, frameBytes);
    if (!ok)
        return tl::unexpected(ok.error());
    if (set.frames_ == 0)
        return fail(Errc::Format,
                    location + ": holds no frames, its first axis is 0; give a file with at least one");
    return set;
} catch (const std::bad_alloc &) {
    return failNoMemory("files: no memory");
}

Result<void> FileSet::addDirectory(const std::string &path, std::uint64_t frameBytes)
{
    const Result<std::vector<std::string>> names = listNpy(path);
    if (!names)
        return tl::unexpected(names.error());
    if (names->empty())
        return fail(Errc::NotFound,
                    path + ": no .npy file in this directory; put frames there or give another location");
    const std::string prefix = path.ends_with('/') ? path : path + "/";
    entries_.reserve(names->size());
    for (const std::string &name : *names) {
        if (Result<void> ok = addFile(prefix + name, true, frameBytes); !ok)
            return ok;
    }
    return {};
}

Result<void> FileSet::addFile(const std::string &path, bool npyOnly, std::uint64_t frameBytes)
{
    Entry entry;
    const Result<UniqueFd> fd = openFile(path, entry.seen);
    if (!fd)
        return tl::unexpected(fd.error());
    const Result<FileContent> content = readContent(fd->get(), entry.seen, path, npyOnly, frameBytes);
    if (!content)
        return tl::unexpected(content.error());
    if (!entries_.empty() && content->frame != frame_)
        return fail(Errc::Format, path + ": its frames are " + content->frame.text() + ", those of " +
                                      entries_.front().path + " are " + frame_.text() +
                                      "; all files of a directory must be alike: sort them into one "
                                      "directory per size");
    frame_ = content->frame;
    entry.path = path;
    entry.firstFrame = frames_;
    entry.frames = content->frames;
    entry.dataOffset = content->dataOffset;
    if (__builtin_add_overflow(frames_, content->frames, &frames_))
        return fail(Errc::Limit, path + ": more frames than 64 bits count; play fewer files at once");
    entries_.push_back(std::move(entry));
    return {};
}

std::size_t FileSet::entryOf(std::uint64_t frame) const
{
    const auto after =
        std::upper_bound(entries_.begin(), entries_.end(), frame,
                         [](std::uint64_t wanted, const Entry &entry) { return wanted < entry.firstFrame; });
    return static_cast<std::size_t>(after - entries_.begin()) - 1;
}

Result<UniqueFd> FileSet::openEntry(std::size_t index) const
{
    const Entry &entry = entries_[index];
    struct stat now = {};
    Result<UniqueFd> fd = openFile(entry.path, now);
    if (!fd && fd.error().code == Errc::NotFound)
        return fail(Errc::NotFound,
                    entry.path + ": has gone since it was first read; leave files in place while they play",
                    fd.error().sysErrno);
    if (!fd || sameFile(now, entry.seen)) // the common case takes no memory: this may be once per frame
        return fd;
    const Result<FileContent> content =
        readContent(fd->get(), now, entry.path, !frame_.raw, frame_.frameBytes);
    // A recording under way grows: more frames than before are no trouble.
    if (!content || content->frame != frame_ || content->dataOffset != entry.dataOffset ||
        content->frames < entry.frames)
        return fail(Errc::Format, entry.path + ": has changed since it was first read" +
                                      (content ? "" : " (" + content.error().message + ")") +
                                      "; leave files alone while they play");
    return fd;
}

} // namespace dmaslab
