// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cerrno>
#include <new>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "dmaslab/archive/file_io.h"
#include "dmaslab/archive/reader.h"
#include "dmaslab/archive/segment_count.h"

namespace dmaslab {

namespace {

constexpr int kMostLooks = 4;
/** Two descriptors each, and a process has 1024 of them by default. */
constexpr std::size_t kMostOpened = 100;

Recording::FileId idOf(int fd)
{
    struct stat status = {};
    if (fstat(fd, &status) != 0)
        return {};
    return {status.st_dev, status.st_ino};
}

bool isNamed(int directory, const std::string &name, const Recording::FileId &id)
{
    struct stat status = {};
    return fstatat(directory, name.c_str(), &status, 0) == 0 &&
           Recording::FileId{status.st_dev, status.st_ino} == id;
}

/** The end of what is there: number of the last segment with frames, and how many it has. */
std::pair<std::uint64_t, std::uint64_t> endOfAll(const std::vector<Recording::Segment> &segments)
{
    const auto last = std::find_if(segments.rbegin(), segments.rend(),
                                   [](const Recording::Segment &segment) { return segment.frames > 0; });
    if (last == segments.rend())
        return {0, 0};
    return {last->number, last->frames};
}

} // namespace

Result<Recording> Recording::open(const std::string &directory, Unbegun unbegun)
try {
    Recording recording;
    recording.unbegun_ = unbegun;
    recording.path_ = directory;
    auto fd = openRecordingDirectory(recording.path_);
    if (!fd)
        return tl::unexpected(fd.error());
    recording.directory_ = std::move(*fd);
    if (const auto ok = recording.load(); !ok)
        return tl::unexpected(ok.error());
    return recording;
} catch (const std::bad_alloc &) {
    return failNoMemory("no memory");
}

Result<Recording::Version> Recording::version() const
{
    struct stat status = {};
    if (fstatat(directory_.get(), kManifestName, &status, 0) != 0)
        return errno == ENOENT
                   ? fail(Errc::NotFound,
                          path_ + ": no recording, it has no manifest.json: give the directory of one",
                          ENOENT)
                   : failSystem(path_ + "/" + kManifestName, "look at it", errno);
    return Version{
        {status.st_dev, status.st_ino}, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

/** There is no manifest. A writer makes it with the first segment: where one is at work, it may come. */
Result<void> Recording::await(const Error &missing, bool locked)
{
    if (missing.sysErrno == ENOENT && locked && unbegun_ == Unbegun::Await) {
        waited_ = true;
        return {};
    }
    if (missing.sysErrno == ENOENT && locked)
        return fail(Errc::NotFound,
                    path_ + ": is being begun: its writer has recorded no frame yet. Try again when it has",
                    ENOENT);
    if (waited_)
        return fail(Errc::NotFound, path_ + ": its writer has ended, and had not recorded a frame", ENOENT);
    return tl::unexpected(missing);
}

Result<void> Recording::load()
{
    // A ring recording takes a segment off the list before it touches the files: when the list is still the
    // same after the files were looked at, they are what it says.
    for (int look = 0; look < kMostLooks; ++look) {
        const bool locked = version_ == Version{} && isLocked(); // asked first: what it left is then seen
        const auto before = version();
        if (!before)
            return version_ == Version{} ? await(before.error(), locked) : tl::unexpected(before.error());
        if (!(*before == version_)) {
            auto manifest = Manifest::read(directory_.get(), path_);
            if (!manifest)
                return tl::unexpected(manifest.error());
            adopt(std::move(*manifest));
            version_ = *before;
        }
        for (std::size_t i = 0; i < segments_.size(); ++i) {
            if (segments_[i].settled)
                continue;
            if (auto ok = loadSegment(i); !ok) {
                number();
                return ok;
            }
        }
        number();
        if (const auto after = version(); after && *after == *before)
            break;
    }
    return {};
}

/** What is known of a segment that is still listed stays, its descriptors too. */
void Recording::adopt(Manifest manifest)
{
    std::vector<Segment> segments(manifest.segments.size());
    std::size_t old = 0;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const std::uint32_t number = manifest.segments[i].number;
        while (old < segments_.size() && segments_[old].number < number)
            ++old;
        if (old < segments_.size() && segments_[old].number == number)
            segments[i] = std::move(segments_[old]);
        segments[i].settled = segments[i].settled && manifest.segments[i].closed &&
                              manifest.segments[i].frames == segments[i].frames &&
                              manifest.segments[i].series == segments[i].series;
    }
    manifest_ = std::move(manifest);
    segments_ = std::move(segments);
    opened_.clear();
    for (std::size_t i = 0; i < segments_.size(); ++i) {
        if (segments_[i].framesFd.isValid())
            opened_.push_back(i);
    }
}

void Recording::number()
{
    frames_ = 0;
    for (Segment &segment : segments_) {
        segment.firstFrame = frames_;
        frames_ += segment.frames;
    }
}

Result<void> Recording::loadSegment(std::size_t position)
{
    const ManifestSegment &entry = manifest_.segments[position];
    Segment &segment = segments_[position];
    segment.number = entry.number;
    segment.series = entry.series;
    segment.framesPath = path_ + "/" + framesName(entry.number);
    segment.indexPath = path_ + "/" + indexName(entry.number);
    segment.frames = 0;
    segment.dataBytes = 0;
    segment.headersAgree = false;
    segment.problem.clear();
    // The file of this name may be another one by now.
    if (segment.framesFd.isValid() &&
        (!isNamed(directory_.get(), framesName(entry.number), segment.framesId) ||
         !isNamed(directory_.get(), indexName(entry.number), segment.indexId))) {
        segment.framesFd.reset();
        segment.indexFd.reset();
        std::erase(opened_, position);
    }
    segment.framesId = segment.indexId = {};
    if (auto ok = reopen(position); !ok) {
        if (ok.error().code == Errc::Limit) // of descriptors: nothing is wrong with the recording
            return ok;
        segment.problem = ok.error().message;
        return {};
    }
    segment.framesId = idOf(segment.framesFd.get());
    segment.indexId = idOf(segment.indexFd.get());
    SegmentCount count = countSegment(segment.framesFd.get(), segment.framesPath, segment.indexFd.get(),
                                      segment.indexPath, manifest_.series[entry.series].layout);
    segment.frames = count.frames;
    segment.dataBytes = count.dataBytes;
    segment.headersAgree = count.agree;
    segment.problem = std::move(count.problem);
    IndexRecord first;
    if (count.frames > 0 && readAt(segment.indexFd.get(), segment.indexPath, kArchiveBlock,
                                   std::as_writable_bytes(std::span(&first, 1))))
        segment.firstSequence = first.sequence;
    if (!segment.problem.empty() || !entry.closed)
        return {};
    if (!count.agree)
        segment.problem = segment.framesPath + ": it and its index count different numbers of frames";
    else if (count.frames != entry.frames)
        segment.problem = segment.framesPath + ": it has " + std::to_string(count.frames) +
                          " frames, and manifest.json says " + std::to_string(entry.frames);
    segment.settled = segment.problem.empty();
    return {};
}

Result<void> Recording::reopen(std::size_t position) const
{
    Segment &segment = segments_[position];
    if (segment.framesFd.isValid() && segment.indexFd.isValid())
        return {};
    while (opened_.size() >= kMostOpened) {
        segments_[opened_.front()].framesFd.reset();
        segments_[opened_.front()].indexFd.reset();
        opened_.erase(opened_.begin());
    }
    auto frames = openSegmentFile(directory_.get(), framesName(segment.number), segment.framesPath, O_RDONLY);
    if (!frames)
        return tl::unexpected(frames.error());
    auto index = openSegmentFile(directory_.get(), indexName(segment.number), segment.indexPath, O_RDONLY);
    if (!index)
        return tl::unexpected(index.error());
    const FileId none;
    if ((segment.framesId != none && idOf(frames->get()) != segment.framesId) ||
        (segment.indexId != none && idOf(index->get()) != segment.indexId))
        return fail(Errc::NotFound, segment.framesPath + ": the recording has given it up in the meantime");
    opened_.push_back(position);
    segment.framesFd = std::move(*frames);
    segment.indexFd = std::move(*index);
    return {};
}

Result<bool> Recording::refresh()
try {
    const auto before = endOfAll(segments_);
    if (const auto ok = load(); !ok)
        return tl::unexpected(ok.error());
    return endOfAll(segments_) > before;
} catch (const std::bad_alloc &) {
    return failNoMemory("no memory");
}

bool Recording::mayGrow() const
{
    return manifest_.state == RecordingState::Recording && isLocked();
}

bool Recording::isLocked() const
{
    const UniqueFd fd(openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // A lock belongs to the open file: this one's is gone as soon as it is closed.
    return fd.isValid() && flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

} // namespace dmaslab
