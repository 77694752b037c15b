// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include <gst/base/gstbasesrc.h>

#include "common/handles.h"
#include "common/loss_ledger.h"
#include "common/stats.h"
#include "uringarchivesrc/archive_stream.h"
#include "uringarchivesrc/clock_wait.h"
#include "uringarchivesrc/timeline.h"

namespace dmaslab {

/** What the stats say beyond the common vocabulary. */
struct PlayerStats
{
    std::uint64_t late = 0, sequence = 0, ioErrors = 0, bytesCopied = 0;
    PoolLevels levels;
    MemoryKind memory = MemoryKind::Auto;
    std::size_t pageSize = 0;
    std::string io;
};

/**
 * Turns a recording into a stream: which frame is next and when, which series it is of, which losses are told
 * before it. Runs on the streaming thread (or under its lock, while it stands still), except where "any
 * thread" stands.
 */
class Player
{
public:
    explicit Player(GstBaseSrc *element);

    /** On the way to PAUSED and to READY. False: the error is posted. */
    [[nodiscard]] bool start(const ReplaySettings &settings);
    void stop();

    GstFlowReturn create(GstBuffer **out);
    /** The buffer that create() gave last goes out at the pad; what is missing before it is told first. False
     * when a flush has just begun: the buffer must not go. */
    [[nodiscard]] bool leaving(GstPad *pad, GstBuffer *buffer);
    /** EOS or the end of a segment goes out. */
    void ending(GstPad *pad);

    /** Goes to segment.position; corrects the segment to what the recording has. */
    [[nodiscard]] bool seek(GstSegment &segment);
    /** Any thread: a seek by number is about to be made, and stands for this time. */
    void rememberFrame(std::uint64_t frame, GstClockTime time);

    /** The series that comes next; nothing while the recording has no frame. */
    [[nodiscard]] std::optional<SeriesCaps> wantedCaps();
    /** Lays out slabs for it, unless there are some already; `declared` is what downstream holds. */
    [[nodiscard]] bool prepareStream(std::uint32_t declared);

    void setInterrupted(bool interrupted); ///< any thread
    /** Any thread: between PLAYING and PAUSED. Running time stands still, so no frame's time comes. */
    void setPaused(bool paused);

    FrameCounters &counters() { return counters_; }
    [[nodiscard]] const FrameCounters &counters() const { return counters_; }
    [[nodiscard]] PlayerStats stats() const; ///< any thread
    /** Any thread; nothing while stopped. */
    [[nodiscard]] std::shared_ptr<const Timeline> timeline() const;
    /** Any thread: for how many frames there are slabs, and how long one lasts; {0, NONE}: not known yet. */
    [[nodiscard]] std::pair<std::uint32_t, GstClockTime> latencyLimits() const;
    [[nodiscard]] const ReplaySettings &settings() const { return settings_; }

private:
    enum class Waited
    {
        Frames,
        End,
        Interrupted,
        Error,
    };
    [[nodiscard]] GstFlowReturn fetch(BufferPtr &buffer);
    [[nodiscard]] GstFlowReturn openRange();
    [[nodiscard]] GstFlowReturn openStream();
    [[nodiscard]] FetchedFrame take();
    [[nodiscard]] Waited waitForMore();
    [[nodiscard]] bool lookAgain();
    void losePast(const FetchedFrame &frame, LossReason reason);
    void closeGap(std::uint64_t sequence);
    [[nodiscard]] BufferPtr dress(FetchedFrame &frame);
    [[nodiscard]] bool waitUntilDue(GstBuffer *buffer);
    [[nodiscard]] bool waitWhilePaused();
    [[nodiscard]] std::int64_t slabDeadline(GstClockTime pts) const;
    [[nodiscard]] GstClockTime dueTime(GstClockTime pts) const;
    [[nodiscard]] std::uint32_t seriesAt(std::uint64_t frame) const;
    [[nodiscard]] std::uint64_t largestFrame(std::uint32_t series) const;
    [[nodiscard]] bool isBehindStop(const IndexRecord &index) const;
    [[nodiscard]] GstFlowReturn failWith(const Error &error);

    void loadLosses();
    void addMissingFiles();
    [[nodiscard]] GstFlowReturn goAround(const FetchedFrame &frame);
    [[nodiscard]] bool isNextElsewhere() const;
    [[nodiscard]] std::uint64_t neededFor(std::uint32_t series) const;
    [[nodiscard]] bool pause();
    void settlePrevious();
    void sendTags(GstPad *pad);
    void announce(GstPad *pad, std::uint64_t before);
    void lose(LossReason reason, std::uint64_t first, std::uint64_t last, std::uint64_t count,
              GstClockTime time);
    void setStream(std::unique_ptr<ArchiveStream> stream);
    void say(const std::vector<std::string> &degradations);
    [[nodiscard]] PlayerStats statsLocked() const;

    GstBaseSrc *const element_;
    ReplaySettings settings_;
    FrameCounters counters_;
    ClockWait clockWait_;

    mutable std::mutex mutex_; ///< guards the ownership of what other threads interrupt or look at
    std::condition_variable wake_;
    bool interrupted_ = false;
    bool paused_ = false;
    std::unique_ptr<ArchiveStream> stream_;
    std::shared_ptr<const Timeline> timeline_;
    PlayerStats last_; ///< of streams that are gone
    CopyCount copied_ = newCopyCount();
    std::optional<std::pair<std::uint64_t, GstClockTime>> remembered_;
    std::string io_;

    std::atomic<std::uint64_t> sequence_{0}; ///< the smallest number that the next frame may have
    std::atomic<std::uint64_t> late_{0};
    std::atomic<std::uint64_t> ioErrors_{0};

    // Streaming thread only.
    std::optional<Recording> recording_;
    std::shared_ptr<Timeline> ownTimeline_;
    std::uint64_t position_ = 0; ///< the frame that comes next
    std::uint64_t needed_ = 0;   ///< bytes that a slab must have beyond what the index says; blob
    GstClockTime stop_ = GST_CLOCK_TIME_NONE;
    bool ranged_ = false; ///< the fetcher is where position_ is
    bool gap_ = false;    ///< a ring recording has given up frames from sequence_ on
    bool atEnd_ = false;  ///< of the recording, not only of the segment
    std::pair<std::uint32_t, std::uint64_t>
        stuckAt_;             ///< where frames were given up: oldest segment, position
    std::uint32_t stuck_ = 0; ///< how often in turn
    std::uint32_t slabsWarned_ = 0;
    BufferPtr early_;                 ///< read, and its time has not come
    std::deque<LossRecord> recorded_; ///< the recording's losses that were not told yet, by their last number
    std::size_t lossesRead_ = 0;      ///< entries of the ledger that were read
    LossLedger ledger_;               ///< our own
    bool lossRun_ = false;
    std::int64_t nextQosNs_ = 0;
    bool tagsDue_ = false; ///< the manifest may have others than were sent
    std::string sentTags_;
    bool discont_ = false;
    bool unconfirmed_ = false; ///< the base class has a buffer of ours that it has not pushed yet
    std::uint64_t inHandSequence_ = 0;
    GstClockTime inHandTime_ = GST_CLOCK_TIME_NONE;
};

/** The same, with the name of the property that led to it. */
[[nodiscard]] Error ofLocation(Error error);

} // namespace dmaslab
