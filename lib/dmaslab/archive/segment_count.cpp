// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/segment_count.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

#include "dmaslab/archive/file_io.h"

namespace dmaslab {

namespace {

/** More blocks cannot be numbered, so a file that counts more frames is none. */
constexpr std::uint64_t kMostRecords = std::uint64_t{1} << 32;

template <typename Check>
FileCount count(int fd, const std::string &path, std::uint64_t recordBytes, std::uint64_t most, Check fault)
{
    FileCount count;
    struct stat status = {};
    if (fstat(fd, &status) == 0 && status.st_size > off_t{kArchiveBlock})
        count.holds = std::min((std::uint64_t(status.st_size) - kArchiveBlock) / recordBytes, most);
    const auto file = readHeader(fd, path);
    if (!file) {
        count.problem = file.error().message;
        return count;
    }
    if (const char *wrong = fault(file->header)) {
        count.problem = path + wrong;
        return count;
    }
    count.valid = true;
    count.says = file->header.count();
    if (count.says > count.holds)
        count.problem = path + ": its header counts " + std::to_string(count.says) +
                        ", and the file ends after " + std::to_string(count.holds);
    return count;
}

} // namespace

Result<UniqueFd> openSegmentFile(int directory, const std::string &name, const std::string &path, int access)
{
    UniqueFd fd(openat(directory, name.c_str(), access | O_CLOEXEC | O_NONBLOCK));
    if (!fd.isValid())
        return failSystem(path, "open it", errno);
    struct stat status = {};
    if (fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
        return fail(Errc::Format, path + ": is no file");
    return fd;
}

FileCount countFrames(int fd, const std::string &path, const SeriesLayout &layout)
{
    const bool blob = layout.layout == ArchiveLayout::Blob;
    return count(fd, path, blob ? 1 : layout.recordBytes, blob ? ~std::uint64_t{0} : kMostRecords,
                 [&](const FileHeader &header) {
                     return header.descr == layout.descr && header.shape == layout.fileShape(header.count())
                                ? nullptr
                                : ": its header is that of other frames than manifest.json says";
                 });
}

FileCount countIndex(int fd, const std::string &path)
{
    return count(fd, path, sizeof(IndexRecord), kMostRecords, [](const FileHeader &header) {
        return header.descr == indexDescr() && header.shape.size() == 1
                   ? nullptr
                   : ": its header is not that of an index";
    });
}

Result<std::uint64_t> framesWithin(int fd, const std::string &path, std::uint64_t frames, std::uint64_t bytes)
{
    std::array<IndexRecord, 64> records;
    while (frames > 0) {
        const std::uint64_t first = frames - std::min<std::uint64_t>(frames, records.size());
        const std::span part(records.data(), std::size_t(frames - first));
        if (const auto ok =
                readAt(fd, path, kArchiveBlock + first * sizeof(IndexRecord), std::as_writable_bytes(part));
            !ok)
            return tl::unexpected(ok.error());
        for (std::size_t i = part.size(); i > 0; --i) {
            if (endOf(part[i - 1]) <= bytes)
                return first + i;
        }
        frames = first;
    }
    return 0;
}

SegmentCount countSegment(int framesFd, const std::string &framesPath, int indexFd,
                          const std::string &indexPath, const SeriesLayout &layout)
{
    const bool blob = layout.layout == ArchiveLayout::Blob;
    // The order matters while it is written: the index is counted ahead, so that read second it has all.
    const FileCount frames = countFrames(framesFd, framesPath, layout);
    const FileCount index = countIndex(indexFd, indexPath);
    SegmentCount count;
    count.problem = !frames.problem.empty() ? frames.problem : index.problem;
    count.dataBytes = blob ? frames.counted() : frames.holds * layout.recordBytes;
    if (!blob) {
        count.frames = std::min(frames.counted(), index.counted());
        count.agree = frames.says == index.says;
        return count;
    }
    const auto within = framesWithin(indexFd, indexPath, index.counted(), count.dataBytes);
    if (!within) {
        count.problem = within.error().message;
        return count;
    }
    count.frames = *within;
    IndexRecord last;
    const bool read =
        count.frames > 0 && readAt(indexFd, indexPath, kArchiveBlock + (count.frames - 1) * sizeof last,
                                   std::as_writable_bytes(std::span(&last, 1)));
    count.agree = count.frames == index.says && frames.says == (read ? roundUpToBlock(endOf(last)) : 0);
    return count;
}

const char *entryFault(const IndexRecord &entry, std::uint64_t record, const ManifestSeries &series,
                       std::uint64_t dataBytes)
{
    if (series.layout.layout != ArchiveLayout::Blob) {
        if (entry.length != series.format.frameBytes)
            return "its length is not that of a frame";
        if (entry.block != record * (series.layout.recordBytes / kArchiveBlock))
            return "its block is not that of its record";
    }
    if (endOf(entry) > dataBytes)
        return "it lies beyond the end of the frames file";
    return nullptr;
}

} // namespace dmaslab
