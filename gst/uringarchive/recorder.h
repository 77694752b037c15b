// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <gst/base/gstbasesink.h>
#include <gst/gst.h>

#include "common/handles.h"
#include "common/stats.h"
#include "uringarchive/frame_numbers.h"
#include "uringarchive/recording_session.h"

namespace dmaslab {

/**
 * What the element records: numbers the frames, chooses those that are wanted, holds each one and gives it to
 * the writer of the present recording. Recordings that were closed finish behind it.
 */
class Recorder
{
public:
    /** @param recordingChanged called without a lock when num-frames has ended a recording */
    Recorder(GstBaseSink *sink, std::function<void()> recordingChanged);

    /** Makes the directory; posts the error and returns false when that cannot be. */
    [[nodiscard]] bool start(const ArchiveSettings &settings);
    /** Waits until everything taken in is on disk, or lost and counted. */
    void stop();

    // Any thread.
    void setRecording(bool recording);
    [[nodiscard]] bool isRecording() const { return recording_.load(std::memory_order_acquire); }
    void split();
    void setInterrupted(bool interrupted);
    [[nodiscard]] StructurePtr stats() const;

    // Streaming thread.
    [[nodiscard]] bool setCaps(GstCaps *caps);
    void setSegment(const GstSegment &segment);
    void setTags(std::string json);
    /** A new stream has its own tags. A recording keeps those of the stream that it has frames of until it is
     * told others. */
    void beginStream();
    void announce(const Loss &loss) { numbers_.announceLoss(loss); }
    void announce(const Skip &skip) { numbers_.announceSkip(skip); }
    [[nodiscard]] GstFlowReturn render(GstBuffer *buffer);
    /** Everything taken in is on disk and let go; false when a flush came first. */
    bool drain();
    /** No memory of the stream is held here any more, durable or not; false when a flush came first. */
    bool letGo();
    /** Closes the recording at the end of the stream, and waits for it; false when a flush came first. */
    bool finish();

private:
    enum class Offer
    {
        Taken,
        NoRecord, ///< as many frames are held as may be
        WriterFull,
        Refused, ///< the recording has failed
        Lost,    ///< it was lost, and counted
        Closed,  ///< there is no recording any more
    };
    using SessionPtr = std::shared_ptr<RecordingSession>;

    [[nodiscard]] std::optional<RecordingDirectory>
    makeDirectory(RecordingDirectory::OnCollision onCollision);
    [[nodiscard]] bool open();
    void use(SessionPtr session);
    void closeLocked();
    [[nodiscard]] std::vector<SessionPtr> reapLocked();
    /** Waits for the disk by wait(deadline), and says once when that takes long; false when a flush came
     * first, where one may end it. */
    template <typename Wait>
    bool waitForDisk(RecordingSession &session, Wait &&wait, bool flushMayEndIt);
    [[nodiscard]] bool waitClosed(bool flushMayEndIt);
    [[nodiscard]] std::vector<SessionPtr> sessions() const;

    void noteMissing();
    void noteOwnLossLocked();
    void skip();
    [[nodiscard]] bool beginSeries(GstBuffer *buffer);
    [[nodiscard]] GstFlowReturn archive(GstBuffer *buffer, const FrameNumbers::Frame &number);
    [[nodiscard]] Offer offer(GstBuffer *buffer, const FrameNumbers::Frame &number);
    [[nodiscard]] Offer push(FrameOwner *owner, GstBuffer *buffer, const FrameNumbers::Frame &number,
                             FrameGeometry::Fit fit);
    [[nodiscard]] GstFlowReturn waitForRoom(Offer obstacle);
    void loseLocked(const FrameNumbers::Frame &number, GstBuffer *buffer, LossReason reason);
    void reportLoss(GstBuffer *buffer);
    void countTaken();
    [[nodiscard]] OnFull policy();
    [[nodiscard]] bool isFlushing() const { return GST_PAD_IS_FLUSHING(GST_BASE_SINK_PAD(sink_)); }
    [[nodiscard]] GstClockTime runningTimeOf(std::optional<std::int64_t> pts) const;

    GstBaseSink *const sink_;
    const std::function<void()> recordingChanged_;
    FrameCounters counters_;
    FrameOwners owners_;
    SessionHost host_;
    ArchiveSettings settings_; ///< changed while no stream runs

    std::atomic<bool> recording_{true};
    std::atomic<std::uint64_t> segments_{0};
    std::atomic<std::uint64_t> gaps_{0};
    std::atomic<bool> interrupted_{false};
    std::atomic<GstClockTime> newest_{GST_CLOCK_TIME_NONE}; ///< running time

    // Held for moments only, and by the streaming thread for each frame: uncontended unless an application
    // starts and stops recordings, and then the frame belongs to the one side or the other.
    mutable std::mutex mutex_;
    SessionPtr current_;
    std::vector<SessionPtr> finishing_;
    std::optional<LossRecord> ownLoss_; ///< a run of frames we lost, not noted yet
    std::string tagsJson_ = "{}";
    GstSegment segment_;
    std::uint64_t closedIoErrors_ = 0;
    std::string io_;

    // Streaming thread, and state changes while there is none.
    FrameNumbers numbers_;
    CapsPtr caps_;
    std::uint32_t rateNumerator_ = 0, rateDenominator_ = 1;
    bool seriesIsCurrent_ = false;                ///< the series is the one for caps_
    std::optional<RecordingDirectory> directory_; ///< made at start, for the first recording
    bool collisionSuffix_ = false;
    std::optional<bool> live_;
    std::uint64_t dropsBefore_ = 0;
    std::uint64_t accepted_ = 0;  ///< of the present recording
    std::uint64_t unmatched_ = 0; ///< frames since the last one that every-nth wanted
    bool unmatchedSaid_ = false;
    bool losing_ = false;
    std::int64_t lastReport_ = 0; ///< 0: never
};

} // namespace dmaslab
