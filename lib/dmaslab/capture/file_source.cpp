// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/capture/file_source.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include <fcntl.h>

namespace dmaslab {

namespace {

/** How much of the next file the kernel is asked to fetch early: enough to begin, too little to push others
 * out. */
constexpr std::uint64_t earlyBytes = std::uint64_t{8} << 20;

/** As many rows as one call takes, from `done` bytes into range `first`. Returns how many. */
std::size_t gather(std::vector<iovec> &batch, std::byte *slab, const std::vector<ByteRange> &ranges,
                   std::size_t first, std::size_t done)
{
    const std::size_t count = std::min(batch.size(), ranges.size() - first);
    for (std::size_t i = 0; i < count; i++) {
        const ByteRange &range = ranges[first + i];
        batch[i] = {slab + range.offset + done, range.length - done};
        done = 0;
    }
    return count;
}

} // namespace

Result<std::unique_ptr<FileFrameSource>> FileFrameSource::create(FileSet files, FrameLayout layout,
                                                                 FileSourceOptions options)
try {
    if (auto ok = layout.check(); !ok)
        return tl::unexpected(ok.error());
    if (layout.packedBytes() != files.frame().frameBytes)
        return fail(Errc::InvalidArgument,
                    files.entries().front().path + ": its frames are " + files.frame().text() + ", " +
                        std::to_string(files.frame().frameBytes) + " bytes; the caps ask for " +
                        std::to_string(layout.packedBytes()) +
                        " bytes: set width, height and format to those of the file");
    return std::unique_ptr<FileFrameSource>(
        new FileFrameSource(std::move(files), std::move(layout), options));
} catch (const std::bad_alloc &) {
    return failNoMemory("files: no memory");
}

FileFrameSource::FileFrameSource(FileSet files, FrameLayout layout, FileSourceOptions options)
    : files_(std::move(files)), layout_(std::move(layout)), options_(options), pixels_(layout_.pixelRanges()),
      padding_(layout_.paddingRanges()), batch_(std::min<std::size_t>(pixels_.size(), IOV_MAX))
{
}

FillStatus FileFrameSource::fill(const FillTarget &target, std::uint64_t sequence,
                                 std::uint64_t /*captureTimeNs*/)
{
    if (target.bytes.size() < layout_.frameBytes) {
        setError(Errc::InvalidArgument, "a frame of " + std::to_string(layout_.frameBytes) +
                                            " bytes does not fit into a slab of " +
                                            std::to_string(target.bytes.size()) + "; make the slabs larger");
        return FillStatus::Error;
    }
    if (sequence < options_.firstSequence) {
        setError(Errc::InvalidArgument, "sequence " + std::to_string(sequence) + " lies before " +
                                            std::to_string(options_.firstSequence) + ", the first frame of " +
                                            files_.entries().front().path + "; ask for that or a later one");
        return FillStatus::Error;
    }
    std::uint64_t frame = sequence - options_.firstSequence;
    if (options_.loop)
        frame %= files_.frames();
    else if (frame >= files_.frames())
        return FillStatus::EndOfStream;

    const std::size_t index = files_.entryOf(frame);
    if (!select(index))
        return FillStatus::Error;
    const FileSet::Entry &entry = files_.entries()[index];
    const std::uint64_t offset = entry.dataOffset + (frame - entry.firstFrame) * files_.frame().frameBytes;
    if (!read(target.bytes, offset))
        return FillStatus::Error;
    // What an earlier frame of another layout left between the rows must not travel with this one.
    for (const ByteRange &gap : padding_)
        std::memset(target.bytes.data() + gap.offset, 0, gap.length);
    return FillStatus::Ok;
}

bool FileFrameSource::select(std::size_t entry)
{
    if (current_.index == entry)
        return true;
    if (next_.index == entry) {
        std::swap(current_, next_);
    } else {
        current_.index = SIZE_MAX;
        Result<UniqueFd> fd = files_.openEntry(entry);
        if (!fd) {
            error_ = std::move(fd.error());
            return false;
        }
        current_.fd = std::move(*fd);
        current_.index = entry;
        ::posix_fadvise(current_.fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    openNext();
    return true;
}

/** Ahead of need, so that its first frame is on the way. What fails here is told when the frame is due. */
void FileFrameSource::openNext()
{
    std::size_t after = current_.index + 1;
    if (after == files_.entries().size())
        after = options_.loop ? 0 : SIZE_MAX;
    next_.index = SIZE_MAX;
    next_.fd.reset();
    if (after == SIZE_MAX || after == current_.index || files_.entries()[after].frames == 0)
        return;
    Result<UniqueFd> fd = files_.openEntry(after);
    if (!fd)
        return;
    next_ = {after, std::move(*fd)};
    const FileSet::Entry &entry = files_.entries()[after];
    const std::uint64_t bytes = std::min(entry.frames * files_.frame().frameBytes, earlyBytes);
    ::posix_fadvise(next_.fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    ::posix_fadvise(next_.fd.get(), static_cast<off_t>(entry.dataOffset), static_cast<off_t>(bytes),
                    POSIX_FADV_WILLNEED);
}

bool FileFrameSource::read(std::span<std::byte> slab, std::uint64_t fileOffset)
{
    std::size_t range = 0;
    std::size_t done = 0; // bytes of that range already here
    while (range < pixels_.size()) {
        const std::size_t count = gather(batch_, slab.data(), pixels_, range, done);
        const ssize_t got = ::preadv(current_.fd.get(), batch_.data(), static_cast<int>(count),
                                     static_cast<off_t>(fileOffset));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            const int error = got < 0 ? errno : 0;
            const std::string where =
                files_.entries()[current_.index].path + ": reading at byte " + std::to_string(fileOffset);
            return error ? setError(Errc::Io, where + " failed: " + std::strerror(error) + "; check the disk",
                                    error)
                         : setError(Errc::Format,
                                    where + " met the end: the file has become shorter; leave files alone "
                                            "while they play");
        }
        fileOffset += static_cast<std::uint64_t>(got);
        done += static_cast<std::size_t>(got);
        while (range < pixels_.size() && done >= pixels_[range].length)
            done -= pixels_[range++].length;
    }
    return true;
}

bool FileFrameSource::setError(Errc code, std::string message, int sysErrno)
{
    error_ = {code, std::move(message), sysErrno};
    return false;
}

} // namespace dmaslab
