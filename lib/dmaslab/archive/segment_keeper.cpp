// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/segment_keeper.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <random>

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "dmaslab/archive/file_header.h"
#include "dmaslab/memory/text.h"

namespace dmaslab {

namespace {

std::string newId()
{
    std::random_device random;
    char text[33];
    for (int i = 0; i < 4; ++i)
        std::snprintf(text + std::size_t(i) * 8, 9, "%08x", random());
    return text;
}

std::string hostName()
{
    char name[256] = "";
    gethostname(name, sizeof name - 1);
    return name;
}

bool isFull(const Error &error)
{
    return error.sysErrno == ENOSPC || error.sysErrno == EDQUOT || error.sysErrno == EFBIG;
}

tl::unexpected<Error> cannotWrite(const std::string &path, int error)
{
    return fail(error == ENOSPC ? Errc::Limit : Errc::Io,
                path + ": cannot write it (" + errnoText(error) +
                    "): " + (error == ENOSPC ? "free some space" : "check the file system"),
                error);
}

constexpr off_t kLedgerBytes = 1 << 20; ///< reserved at the beginning
constexpr std::chrono::seconds kTagsWait{1};
constexpr std::uint32_t kMostTaken = 16; ///< numbers whose files are there already

} // namespace

SegmentKeeper::SegmentKeeper(RecordingDirectory directory, const RecordingInfo &info,
                             const WriterSettings &settings, WriterClient &client, const Waker &waker)
    : directory_(std::move(directory)), settings_(settings), client_(client),
      waker_(waker), place_{directory_.fd(), directory_.path()}
{
    manifest_.id = newId();
    manifest_.software = info.software;
    manifest_.host = hostName();
    manifest_.device = info.device;
    manifest_.createdNs = utcNowNs();
    manifest_.created = utcText(manifest_.createdNs);
    manifest_.everyNth = info.everyNth;
    manifest_.nthPhase = info.nthPhase;
    manifest_.hashed = settings.checksum;
    manifest_.metadataJson = info.metadataJson;
}

SegmentKeeper::~SegmentKeeper()
{
    if (!thread_.joinable())
        return;
    if (!ending_.load(std::memory_order_relaxed)) // begun, and then there was no writer
        finish(0, std::nullopt);
    thread_.join();
}

Result<void> SegmentKeeper::begin()
{
    const std::string path = place_.path + "/" + kLossesName;
    losses_.reset(openat(place_.directory, kLossesName, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!losses_.isValid())
        return fail(Errc::Io, path + ": cannot make it (" + errnoText(errno) + "): choose another place",
                    errno);
    HeaderBlock block;
    const std::uint64_t none = 0;
    if (auto ok = writeHeader(block, lossesDescr(), {&none, 1}); !ok)
        return ok;
    if (pwrite(losses_.get(), block.data(), block.size(), 0) != ssize_t(block.size()))
        return cannotWrite(path, errno);
    // Room for the losses of a disk that is full; without it they wait until there is some.
    (void)fallocate(losses_.get(), 0, 0, kLedgerBytes);
    // The first manifest comes with the first segment: one that is not durable may be empty after a power
    // cut, and one that is would keep the first frames waiting for a further sync.
    thread_ = std::thread([this] { run(); });
    return {};
}

bool SegmentKeeper::post(Job job) noexcept
{
    try {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
    } catch (const std::bad_alloc &) {
        return false;
    }
    wake_.notify_one();
    return true;
}

/** Waits for a job, or until the tags are due, which is no job. */
std::optional<SegmentKeeper::Job> SegmentKeeper::next()
{
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return !jobs_.empty() || finished(); };
    if (tagsDue_)
        wake_.wait_until(lock, *tagsDue_, ready);
    else
        wake_.wait(lock, ready);
    if (jobs_.empty())
        return std::nullopt;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    return job;
}

void SegmentKeeper::run()
{
    // A file size limit shall be an error (EFBIG) and not the end of the program.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    pthread_setname_np(pthread_self(), "dmaslab-keep");
    while (!finished()) {
        if (auto job = next())
            (*job)();
        else if (tagsDue_)
            saveManifest();
    }
}

bool SegmentKeeper::addSeries(ManifestSeries series)
{
    return post(
        [this, series = std::move(series)]() mutable { manifest_.series.push_back(std::move(series)); });
}

void SegmentKeeper::setTags(std::string json)
{
    // Some parsers send tags all the time, and a manifest costs two syncs.
    post([this, json = std::move(json)]() mutable {
        manifest_.tagsJson = std::move(json);
        if (!tagsDue_ && !manifest_.segments.empty())
            tagsDue_ = std::chrono::steady_clock::now() + kTagsWait;
    });
}

void SegmentKeeper::prepare(std::uint32_t series)
{
    const auto answer = [this](Result<SegmentFiles> made) {
        {
            const std::lock_guard lock(mutex_);
            prepared_ = std::move(made);
        }
        waker_.wake();
    };
    const bool asked = post([this, series, answer] {
        try {
            auto made = make(series);
            if (made)
                say(*made);
            answer(std::move(made));
        } catch (const std::bad_alloc &) {
            answer(failNoMemory("no memory for a segment"));
        }
    });
    if (!asked)
        answer(failNoMemory("no memory for a segment"));
}

std::optional<Result<SegmentFiles>> SegmentKeeper::takePrepared()
{
    const std::lock_guard lock(mutex_);
    return std::exchange(prepared_, std::nullopt);
}

void SegmentKeeper::discard(SegmentFiles files)
{
    auto shared = std::make_shared<SegmentFiles>(std::move(files));
    post([this, shared] { forget(*shared); });
}

void SegmentKeeper::forget(const SegmentFiles &files)
{
    std::erase_if(manifest_.segments,
                  [&](const ManifestSegment &segment) { return segment.number == files.plan.number; });
    saveManifest();
    removeSegment(place_, files.plan.number);
}

void SegmentKeeper::retire(RetiredSegment segment)
{
    try {
        // std::function wants something that can be copied.
        auto shared = std::make_shared<RetiredSegment>(std::move(segment));
        post([this, shared] { close(*shared); });
    } catch (const std::bad_alloc &) {
        client_.warning("no memory to close a segment"); // its headers are right, only the manifest is not
    }
}

void SegmentKeeper::finish(std::uint64_t losses, std::optional<SegmentFiles> unused)
{
    // relaxed: the lock of the jobs orders it for those behind; one before them that sees it too spares a
    // manifest.
    ending_.store(true, std::memory_order_relaxed);
    const auto giveUp = [this] {
        finished_.store(true, std::memory_order_release);
        wake_.notify_one();
        waker_.wake();
    };
    try {
        auto shared = std::make_shared<std::optional<SegmentFiles>>(std::move(unused));
        const bool asked = post([this, losses, shared, giveUp] {
            try {
                end(losses, std::move(*shared));
            } catch (const std::bad_alloc &) {
                client_.warning("no memory for the last manifest"); // as after a crash
                giveUp();
            }
        });
        if (!asked)
            giveUp();
    } catch (const std::bad_alloc &) {
        giveUp();
    }
}

std::optional<std::size_t> SegmentKeeper::oldestClosed() const
{
    if (manifest_.segments.empty() || !manifest_.segments.front().closed)
        return std::nullopt; // a younger one first would tear a hole into the recording
    return 0;
}

/** Of the recording in its parent and of the ledger, once; the directory itself is synced with each manifest.
 */
Result<void> SegmentKeeper::makeNamesDurable()
{
    if (namesAreDurable_)
        return {};
    if (fsync(losses_.get()) != 0)
        return cannotWrite(place_.path + "/" + kLossesName, errno);
    const UniqueFd parent(openat(place_.directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // A parent that may not be read can still have been written to: then the file system's word must do.
    if (parent.isValid() && fsync(parent.get()) != 0)
        return cannotWrite(place_.path, errno);
    namesAreDurable_ = true;
    return {};
}

std::size_t SegmentKeeper::closedSegments() const
{
    return std::size_t(std::count_if(manifest_.segments.begin(), manifest_.segments.end(),
                                     [](const ManifestSegment &segment) { return segment.closed; }));
}

Result<SegmentFiles> SegmentKeeper::make(std::uint32_t series)
{
    if (auto ok = makeNamesDurable(); !ok)
        return tl::unexpected(ok.error());
    SegmentPlan plan =
        SegmentPlan::of(manifest_.series[series].layout, settings_.segmentBytes, settings_.segmentFrames);
    plan.series = series;
    plan.direct = settings_.direct;
    plan.number = nextNumber_;
    if (const auto ok = dropSurplus(); !ok)
        return tl::unexpected(ok.error());
    const auto oldest = oldestClosed();
    const bool ringIsFull = settings_.maxSegments != 0 && closedSegments() + 1 >= settings_.maxSegments;
    auto files = ringIsFull && oldest ? recycle(plan, *oldest) : create(plan);
    if (!files && isFull(files.error()) && settings_.onDiskFull == OnDiskFull::Recycle && oldest &&
        !ringIsFull) {
        files = recycle(plan, *oldest);
        if (files && !std::exchange(saidRecycling_, true))
            client_.warning(place_.path +
                            ": the disk is full: from here on the oldest segment is overwritten "
                            "(on-disk-full=recycle)");
    }
    if (!files)
        return files;
    if (const auto ok = list(*files); !ok) {
        removeSegment(place_, files->plan.number);
        return tl::unexpected(ok.error());
    }
    warnAboutRoom(*files);
    return files;
}

Result<void> SegmentKeeper::dropSurplus()
{
    // Only closed segments count, for only they are there after a crash: where segments are full sooner than
    // they can be made durable there are a few more of them for a while, and what was closed meanwhile goes
    // here.
    while (settings_.maxSegments != 0 && closedSegments() >= settings_.maxSegments && oldestClosed()) {
        const std::uint32_t number = manifest_.segments.front().number;
        manifest_.segments.erase(manifest_.segments.begin());
        if (auto ok = manifest_.replace(place_.directory, place_.path); !ok)
            return ok;
        removeSegment(place_, number);
    }
    return {};
}

Result<SegmentFiles> SegmentKeeper::create(SegmentPlan plan)
{
    for (;;) {
        auto files = createSegment(place_, plan);
        // An attempt that failed half way on a disk that had become read-only left its file behind: the next
        // number says what is wrong, and works once it is right again.
        if (!files && files.error().sysErrno == EEXIST && plan.number - nextNumber_ < kMostTaken) {
            ++plan.number;
            continue;
        }
        // A disk that is nearly full is used to its end, in smaller steps.
        if (files || !isFull(files.error()) || !plan.halve())
            return files;
    }
}

Result<SegmentFiles> SegmentKeeper::recycle(SegmentPlan plan, std::size_t oldest)
{
    const ManifestSegment old = manifest_.segments[oldest];
    manifest_.segments.erase(manifest_.segments.begin() + std::ptrdiff_t(oldest));
    if (auto ok = manifest_.replace(place_.directory, place_.path); !ok)
        return tl::unexpected(ok.error());
    const std::uint64_t recordBytes = plan.layout.recordBytes;
    const std::uint64_t oldBytes = old.bytes > kArchiveBlock ? old.bytes - kArchiveBlock : 0;
    // As large as it was: nothing has to be reserved. One that was cut short is not worth keeping.
    if (old.series == plan.series && oldBytes * 2 >= plan.dataBytes && recordBytes != 0 &&
        oldBytes >= recordBytes) {
        plan.records = oldBytes / recordBytes;
        plan.dataBytes = plan.records * recordBytes;
        auto files = recycleSegment(place_, old.number, plan);
        if (!files) { // half way, perhaps: nothing of it is listed
            removeSegment(place_, old.number);
            removeSegment(place_, plan.number);
        }
        return files;
    }
    removeSegment(place_, old.number);
    return create(plan);
}

Result<void> SegmentKeeper::list(const SegmentFiles &files)
{
    ManifestSegment segment;
    segment.number = files.plan.number;
    segment.series = files.plan.series;
    manifest_.segments.push_back(segment);
    if (auto ok = manifest_.replace(place_.directory, place_.path); !ok) {
        manifest_.segments.pop_back();
        return ok;
    }
    nextNumber_ = files.plan.number + 1;
    return {};
}

void SegmentKeeper::close(RetiredSegment &segment)
{
    const auto ok = endSegment(segment.files, segment.end);
    if (!ok)
        client_.warning(ok.error().message);
    if (!ok && segment.end.uncertain) {
        client_.segmentClosed(segment.event);
        return; // stays open in the manifest: its headers count, and recover looks at it
    }
    // Otherwise its counts are right and durable, and it is at most longer than it needs to be.
    for (ManifestSegment &listed : manifest_.segments) {
        if (listed.number != segment.files.plan.number)
            continue;
        listed.closed = true;
        listed.frames = segment.end.records;
        listed.bad = segment.bad;
        listed.bytes = kArchiveBlock + segment.end.dataBytes;
        listed.firstSequence = segment.event.firstSequence;
        listed.lastSequence = segment.event.lastSequence;
    }
    if (!ending_.load(std::memory_order_relaxed))
        saveManifest(); // otherwise the last one follows at once
    client_.segmentClosed(segment.event);
}

void SegmentKeeper::end(std::uint64_t losses, std::optional<SegmentFiles> unused)
{
    if (unused)
        std::erase_if(manifest_.segments,
                      [&](const ManifestSegment &s) { return s.number == unused->plan.number; });
    const bool allClosed = std::all_of(manifest_.segments.begin(), manifest_.segments.end(),
                                       [](const ManifestSegment &segment) { return segment.closed; });
    if (allClosed) {
        manifest_.state = RecordingState::Closed;
        manifest_.closed = utcText(utcNowNs());
    }
    manifest_.losses = losses;
    if (ftruncate(losses_.get(), off_t(kArchiveBlock + losses * sizeof(LossRecord))) != 0)
        client_.warning(place_.path + "/" + kLossesName + ": cannot be cut to its size (" + errnoText(errno) +
                        ")");
    saveManifest();
    // After the last sync, which would wait until the file system has let go of all its blocks.
    if (unused)
        removeSegment(place_, unused->plan.number);
    finished_.store(true, std::memory_order_release); // the manifest and the files as they are now
    waker_.wake();
}

void SegmentKeeper::saveManifest()
{
    tagsDue_.reset();
    if (const auto ok = manifest_.replace(place_.directory, place_.path);
        !ok && !std::exchange(warnedManifest_, true))
        client_.warning(ok.error().message);
}

void SegmentKeeper::warnAboutRoom(const SegmentFiles &files)
{
    struct statvfs status
    {
    };
    if (warnedRoom_ || fstatvfs(place_.directory, &status) != 0)
        return;
    const std::uint64_t room = std::uint64_t(status.f_bavail) * status.f_frsize;
    if (settings_.maxSegments != 0) {
        // Asked once, with the first segment: later ones take the place of others.
        warnedRoom_ = true;
        const std::uint64_t rest =
            (settings_.maxSegments - 1) * (files.plan.dataBytes + files.plan.indexBytes());
        if (room < rest)
            client_.warning(place_.path + ": a ring of " + std::to_string(settings_.maxSegments) +
                            " segments needs " + bytesText(rest) +
                            " more than its first one, and the disk has " + bytesText(room) +
                            ": set a smaller max-segments or segment-bytes, or on-disk-full=recycle");
        return;
    }
    if (room >= 2 * files.plan.dataBytes)
        return;
    warnedRoom_ = true;
    const char *then = settings_.onDiskFull == OnDiskFull::Error  ? "stops"
                       : settings_.onDiskFull == OnDiskFull::Drop ? "loses frames"
                                                                  : "overwrites its oldest segment";
    client_.warning(place_.path + ": the disk has room for " + bytesText(room) + " beyond the segment of " +
                    bytesText(files.plan.dataBytes) + " reserved last; when it is full the recording " +
                    then + " (on-disk-full)");
}

void SegmentKeeper::say(const SegmentFiles &files)
{
    if (settings_.direct && !files.direct && !std::exchange(saidDirect_, true))
        client_.warning(files.path +
                        ": this file system has no O_DIRECT, frames pass through the page cache: "
                        "record to ext4 or XFS, or set direct=false to say that this is meant");
    if (!files.preallocated && !std::exchange(saidSparse_, true))
        client_.warning(files.path +
                        ": this file system cannot reserve space (fallocate), a full disk will only "
                        "show when frames are written: record to ext4 or XFS");
}

} // namespace dmaslab
