// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/segment_store.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dmaslab/archive/file_io.h"
#include "dmaslab/memory/text.h"

namespace dmaslab {

namespace {

/** More frames of different lengths than this make the index of one segment unwieldy. */
constexpr std::uint64_t kMostBlobs = std::uint64_t{1} << 18;
constexpr std::uint64_t kLeastBytes = 1 << 20; ///< smaller segments than this are not worth their files

Result<UniqueFd> openFile(const ArchivePlace &place, const std::string &name, int flags, bool &direct)
{
    for (;;) {
        UniqueFd fd(openat(place.directory, name.c_str(),
                           O_RDWR | O_CLOEXEC | flags | (direct ? O_DIRECT : 0), 0666));
        if (fd.isValid())
            return fd;
        // The file system has no O_DIRECT (some FUSE, old tmpfs): some kernels leave the new file behind.
        if (errno != EINVAL || !direct)
            return failSystem(place.path + "/" + name, "open it", errno);
        direct = false;
        if (flags & O_EXCL)
            unlinkat(place.directory, name.c_str(), 0);
    }
}

/** Mode 0: the size is there from the beginning, so that no later write has to extend the file. */
Result<bool> preallocate(int fd, const std::string &path, std::uint64_t bytes)
{
    for (;;) {
        if (fallocate(fd, 0, 0, off_t(bytes)) == 0)
            return true;
        if (errno == EINTR)
            continue;
        if (errno != EOPNOTSUPP && errno != ENOSYS)
            return failSystem(path, "reserve " + bytesText(bytes), errno);
        if (ftruncate(fd, off_t(bytes)) != 0)
            return failSystem(path, "make it " + bytesText(bytes) + " long", errno);
        return false;
    }
}

Result<void> fill(SegmentFiles &files, const ArchivePlace &place)
{
    const SegmentPlan &plan = files.plan;
    const std::string index = place.path + "/" + indexName(plan.number);
    const auto frames = preallocate(files.frames.get(), files.path, kArchiveBlock + plan.dataBytes);
    if (!frames)
        return tl::unexpected(frames.error());
    files.preallocated = *frames;
    if (auto ok = preallocate(files.index.get(), index, kArchiveBlock + plan.indexBytes()); !ok)
        return tl::unexpected(ok.error());
    const std::uint64_t none = 0;
    if (auto ok = writeHeaderAt(files.index.get(), index, indexDescr(), {&none, 1}); !ok)
        return ok;
    if (auto ok = writeHeaderAt(files.frames.get(), files.path, plan.layout.descr, plan.layout.fileShape(0));
        !ok)
        return ok;
    if (fsync(files.frames.get()) != 0)
        return failSystem(files.path, "make it durable", errno);
    if (fsync(files.index.get()) != 0)
        return failSystem(index, "make it durable", errno);
    return {}; // their names with the manifest that lists them
}

Result<SegmentFiles> openBoth(const ArchivePlace &place, const SegmentPlan &plan, int flags)
{
    SegmentFiles files;
    files.plan = plan;
    files.path = place.path + "/" + framesName(plan.number);
    files.direct = plan.direct;
    auto frames = openFile(place, framesName(plan.number), flags, files.direct);
    if (!frames)
        return tl::unexpected(frames.error());
    files.frames = std::move(*frames);
    auto index = openFile(place, indexName(plan.number), flags, files.direct);
    if (!index)
        return tl::unexpected(index.error());
    files.index = std::move(*index);
    return files;
}

} // namespace

SegmentPlan SegmentPlan::of(const SeriesLayout &layout, std::uint64_t bytes, std::uint64_t mostFrames)
{
    SegmentPlan plan;
    plan.layout = layout;
    if (layout.recordBytes == 0) {
        plan.dataBytes = std::max<std::uint64_t>(bytes / kArchiveBlock * kArchiveBlock, kArchiveBlock);
        plan.records = std::min(plan.dataBytes / kArchiveBlock, kMostBlobs);
    } else {
        plan.records = std::max<std::uint64_t>(bytes / layout.recordBytes, 1);
    }
    // Blocks are numbered in 32 bits.
    if (layout.recordBytes != 0)
        plan.records =
            std::min(plan.records, (std::uint64_t{1} << 32) * kArchiveBlock / layout.recordBytes - 1);
    plan.dataBytes = std::min(plan.dataBytes, ((std::uint64_t{1} << 32) - 1) * kArchiveBlock);
    if (mostFrames != 0)
        plan.records = std::min(plan.records, mostFrames);
    if (layout.recordBytes != 0)
        plan.dataBytes = plan.records * layout.recordBytes;
    return plan;
}

bool SegmentPlan::halve()
{
    const std::uint64_t half = dataBytes / 2;
    if (half < kLeastBytes || (layout.recordBytes != 0 && half < layout.recordBytes))
        return false;
    const SegmentPlan smaller = of(layout, half, records);
    records = smaller.records;
    dataBytes = smaller.dataBytes;
    return true;
}

Result<SegmentFiles> createSegment(const ArchivePlace &place, const SegmentPlan &plan)
{
    auto files = openBoth(place, plan, O_CREAT | O_EXCL);
    if (!files) {
        // The frames file may be ours; an index that was there before us is not.
        if (files.error().sysErrno != EEXIST)
            removeSegment(place, plan.number);
        return files;
    }
    if (const auto ok = fill(*files, place); !ok) {
        removeSegment(place, plan.number);
        return tl::unexpected(ok.error());
    }
    return files;
}

Result<SegmentFiles> recycleSegment(const ArchivePlace &place, std::uint32_t oldest, const SegmentPlan &plan)
{
    SegmentPlan old = plan;
    old.number = oldest;
    auto files = openBoth(place, old, 0);
    if (!files)
        return files;
    // Counts first, and on disk: under its new number nothing of the old content may be counted.
    const std::uint64_t none = 0;
    if (auto ok =
            writeHeaderAt(files->frames.get(), files->path, plan.layout.descr, plan.layout.fileShape(0));
        !ok)
        return tl::unexpected(ok.error());
    const std::string index = place.path + "/" + indexName(oldest);
    if (auto ok = writeHeaderAt(files->index.get(), index, indexDescr(), {&none, 1}); !ok)
        return tl::unexpected(ok.error());
    // Nor by a repair, which looks for whole frames behind the count: the first entry is none.
    alignas(kArchiveBlock) static constexpr std::array<std::byte, kArchiveBlock> kZeros{};
    if (pwrite(files->index.get(), kZeros.data(), kZeros.size(), kArchiveBlock) != ssize_t(kZeros.size()))
        return failSystem(index, "empty it", errno);
    if (fsync(files->frames.get()) != 0 || fsync(files->index.get()) != 0)
        return failSystem(files->path, "make it durable", errno);
    if (renameat(place.directory, framesName(oldest).c_str(), place.directory,
                 framesName(plan.number).c_str()) != 0 ||
        renameat(place.directory, indexName(oldest).c_str(), place.directory,
                 indexName(plan.number).c_str()) != 0)
        return failSystem(files->path, "give it its new number", errno);
    files->plan = plan;
    files->path = place.path + "/" + framesName(plan.number);
    if (const auto ok = fill(*files, place); !ok)
        return tl::unexpected(ok.error());
    return files;
}

Result<void> endSegment(SegmentFiles &files, const SegmentEnd &end)
{
    if (end.uncertain) {
        // A file that is shorter than its header says can be opened by nobody: first the headers, and for
        // certain.
        const SeriesLayout &layout = files.plan.layout;
        const std::uint64_t count = layout.recordBytes == 0 ? end.dataBytes : end.records;
        if (auto ok = writeHeaderAt(files.frames.get(), files.path, layout.descr, layout.fileShape(count));
            !ok)
            return ok;
        if (auto ok = writeHeaderAt(files.index.get(), files.path, indexDescr(), {&end.records, 1}); !ok)
            return ok;
        if (fsync(files.frames.get()) != 0 || fsync(files.index.get()) != 0)
            return failSystem(files.path, "make it durable", errno);
    }
    if (ftruncate(files.frames.get(), off_t(kArchiveBlock + end.dataBytes)) != 0 ||
        ftruncate(files.index.get(), off_t(kArchiveBlock + end.records * sizeof(IndexRecord))) != 0)
        return failSystem(files.path, "cut it to its size", errno);
    if (fsync(files.frames.get()) != 0 || fsync(files.index.get()) != 0)
        return failSystem(files.path, "make it durable", errno);
    return {};
}

void removeSegment(const ArchivePlace &place, std::uint32_t number)
{
    unlinkat(place.directory, framesName(number).c_str(), 0);
    unlinkat(place.directory, indexName(number).c_str(), 0);
}

} // namespace dmaslab
