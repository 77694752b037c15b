// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include <gst/gst.h>

#include "common/stats.h"
#include "dmaslab/archive/writer.h"
#include "uringarchive/archive_messages.h"
#include "uringarchive/archive_settings.h"
#include "uringarchive/frame_owner.h"

namespace dmaslab {

/** What all recordings of one element share; outlives them. */
struct SessionHost
{
    GstElement *element = nullptr;
    FrameCounters &counters;
    FrameOwners &owners;
    std::atomic<std::uint64_t> &segments;
    /** Of a time in the stream; of the newest frame when there is none. */
    std::function<GstClockTime(std::optional<std::int64_t>)> runningTime;
};

/**
 * One recording: its writer, and what the writer tells turned into counts and messages. The functions of the
 * first group are for one thread at a time; finish() ends them.
 */
class RecordingSession final : public WriterClient
{
public:
    static Result<std::shared_ptr<RecordingSession>> open(SessionHost &host, RecordingDirectory directory,
                                                          const ArchiveSettings &settings,
                                                          std::uint32_t maxHeld);
    ~RecordingSession() override;
    RecordingSession(const RecordingSession &) = delete;
    RecordingSession &operator=(const RecordingSession &) = delete;

    /**
     * How frames are stored from here on; a format equal to the one before changes nothing. The first one
     * makes news, which the caller posts when it holds no lock.
     */
    [[nodiscard]] Result<std::optional<RecordingNews>> beginSeries(const ArchiveFormat &format,
                                                                   ArchiveLayout wish);
    /** nullptr before the first series. */
    [[nodiscard]] const FrameGeometry *geometry() const
    {
        return geometries_.empty() ? nullptr : &geometries_.back();
    }
    [[nodiscard]] Writer::Push push(const ArchiveFrame &frame) { return writer_->push(frame); }
    void note(LossRecord loss);
    /** A frame that did not come as far as the writer. */
    void countLost();

    /** No frame comes any more. Returns at once; isClosed() when all is on disk and said. */
    void finish();
    [[nodiscard]] bool isClosed() const;
    /** False at the deadline (CLOCK_MONOTONIC, ns). */
    [[nodiscard]] bool waitClosed(std::int64_t deadlineNs) const;
    [[nodiscard]] bool hasFailed() const { return failed_.load(std::memory_order_acquire); }
    [[nodiscard]] Writer &writer() { return *writer_; }
    [[nodiscard]] WriterStats stats() const { return writer_->stats(); }

private:
    explicit RecordingSession(SessionHost &host) : host_(host) {}
    void closeWhenFinished();

    void release(void *owner) override;
    void gather(void *owner, std::byte *dest) override;
    void archived(std::uint64_t frames, std::uint64_t bytes) override;
    void lost(std::uint64_t sequence, ArchiveLoss why) override;
    void copied(std::uint64_t bytes) override;
    void segmentOpened(const SegmentEvent &segment) override;
    void segmentClosed(const SegmentEvent &segment) override;
    void warning(const std::string &sentence) override;
    void failed(const Error &error) override;

    SessionHost &host_;
    std::deque<FrameGeometry> geometries_; ///< all of them: frames of an earlier one may be under way
    std::atomic<bool> failed_{false};
    std::thread closer_;

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    RecordingNews news_; ///< mutex_
    bool finishing_ = false, closed_ = false;

    std::unique_ptr<Writer> writer_; ///< last: its threads call the above until it is gone
};

} // namespace dmaslab
