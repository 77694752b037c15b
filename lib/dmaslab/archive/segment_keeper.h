// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "dmaslab/archive/disk_io.h"
#include "dmaslab/archive/manifest.h"
#include "dmaslab/archive/recording_directory.h"
#include "dmaslab/archive/segment_store.h"
#include "dmaslab/archive/writer.h"

namespace dmaslab {

/** A segment whose last frame is durable. */
struct RetiredSegment
{
    SegmentFiles files;
    SegmentEnd end;
    std::uint64_t bad = 0;
    SegmentEvent event;
};

/**
 * Everything about a recording that may block for long and happens once per segment: makes the next segment
 * while the present one is being written, closes the last one, keeps the manifest. It has a thread of its
 * own, so that the writer's never waits for a directory. A segment is in the manifest before it gets its
 * first frame.
 */
class SegmentKeeper
{
public:
    SegmentKeeper(RecordingDirectory directory, const RecordingInfo &info, const WriterSettings &settings,
                  WriterClient &client, const Waker &waker);
    SegmentKeeper(const SegmentKeeper &) = delete;
    SegmentKeeper &operator=(const SegmentKeeper &) = delete;
    ~SegmentKeeper(); ///< after finish(), or before begin()

    /**
     * Makes the empty ledger, so that what is wrong with the directory shows here. To make it durable, and
     * the first manifest, is the keeper's: the caller may be the stream, and under load that took 70 ms.
     */
    [[nodiscard]] Result<void> begin();
    [[nodiscard]] const std::string &path() const { return directory_.path(); }
    [[nodiscard]] int lossesFd() const { return losses_.get(); }

    /** False when there is no memory for it. */
    [[nodiscard]] bool addSeries(ManifestSeries series);
    /** Saved with the next change of the manifest, or a second later. */
    void setTags(std::string json);
    /** Asks for a segment of this series; one at a time. The waker rings when there is an answer. */
    void prepare(std::uint32_t series);
    /** The answer, once. */
    [[nodiscard]] std::optional<Result<SegmentFiles>> takePrepared();
    /** A segment that was prepared for a format nobody sends any more. */
    void discard(SegmentFiles files);
    void retire(RetiredSegment segment);
    /** Removes what was prepared and not used, writes the last manifest, ends. `losses` are in the ledger. */
    void finish(std::uint64_t losses, std::optional<SegmentFiles> unused);
    [[nodiscard]] bool finished() const { return finished_.load(std::memory_order_acquire); }

private:
    using Job = std::function<void()>;

    bool post(Job job) noexcept;
    [[nodiscard]] std::optional<Job> next();
    Result<void> makeNamesDurable();
    void run();
    Result<SegmentFiles> make(std::uint32_t series);
    Result<SegmentFiles> create(SegmentPlan plan);
    Result<SegmentFiles> recycle(SegmentPlan plan, std::size_t oldest);
    [[nodiscard]] std::optional<std::size_t> oldestClosed() const;
    [[nodiscard]] std::size_t closedSegments() const;
    Result<void> list(const SegmentFiles &files);
    void close(RetiredSegment &segment);
    void forget(const SegmentFiles &files);
    Result<void> dropSurplus();
    void end(std::uint64_t losses, std::optional<SegmentFiles> unused);
    void saveManifest();
    void warnAboutRoom(const SegmentFiles &files);
    void say(const SegmentFiles &files);

    RecordingDirectory directory_;
    const WriterSettings settings_;
    WriterClient &client_;
    const Waker &waker_;
    const ArchivePlace place_;
    UniqueFd losses_;

    std::mutex mutex_; ///< guards jobs_, prepared_ and stop_
    std::condition_variable wake_;
    std::deque<Job> jobs_;
    std::optional<Result<SegmentFiles>> prepared_;
    std::atomic<bool> ending_{false}, finished_{false};

    // The keeper's thread only, after begin().
    Manifest manifest_;
    bool namesAreDurable_ = false;
    std::optional<std::chrono::steady_clock::time_point> tagsDue_; ///< they changed, and the manifest did not
    std::uint32_t nextNumber_ = 0;
    bool saidRecycling_ = false, warnedRoom_ = false, warnedManifest_ = false, saidDirect_ = false,
         saidSparse_ = false;
    std::thread thread_;
};

} // namespace dmaslab
