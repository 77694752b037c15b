// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "dmaslab/archive/command_lane.h"
#include "dmaslab/archive/committer.h"
#include "dmaslab/archive/frame_writes.h"
#include "dmaslab/archive/segment_keeper.h"
#include "dmaslab/ring/doorbell.h"
#include "dmaslab/ring/spsc_ring.h"

namespace dmaslab {

/** What the producer's threads and the writer's thread share. */
struct WriterShared
{
    WriterShared(const WriterSettings &settings, Waker waker)
        : frames(settings.maxHeld + 1), waker(std::move(waker)), maxHeld(settings.maxHeld)
    {
    }

    SpscRing<ArchiveFrame> frames;
    CommandLane commands;
    const Waker waker;
    const std::uint32_t maxHeld;
    Doorbell room{false, 0}; ///< the producer waits for held frames to go; it has no reason to spin

    alignas(64) std::atomic<std::uint64_t> pushed{0}; ///< the producer's line
    alignas(64) std::atomic<std::uint32_t> held{0};
    std::atomic<bool> sleeping{false}; ///< the writer listens to nothing but the waker
    std::atomic<bool> failed{false};
    std::atomic<bool> finishNow{false};                 ///< there was no memory for the command
    alignas(64) std::atomic<std::uint64_t> archived{0}; ///< the writer's line
    std::atomic<std::uint64_t> lost{0}, bytes{0}, bytesCopied{0}, ioErrors{0}, segments{0}, enters{0},
        writes{0}, commits{0};

    std::mutex mutex; ///< guards what follows
    std::condition_variable progress;
    std::uint64_t drained = 0; ///< tickets served
    bool finished = false;
    std::string io = "none";

    /** After something was pushed or put: the writer may sleep for long. */
    void ring()
    {
        // seq_cst on both sides, and each side writes before it reads the other's: one of them sees it.
        if (sleeping.load(std::memory_order_seq_cst) && sleeping.exchange(false, std::memory_order_acq_rel))
            waker.wake();
    }
};

/**
 * The thread that writes: takes frames from the ring, places them in the present segment, makes them count,
 * changes segments. It makes every call of the DiskIo, and sleeps nowhere else.
 */
class WriterThread
{
public:
    WriterThread(WriterShared &shared, SegmentKeeper &keeper, const WriterSettings &settings,
                 const std::string &element, WriterClient &client, DiskIoFactory makeIo);
    ~WriterThread();

    void start();
    /** Waits for its end; the keeper's comes first. */
    void join();

private:
    void run();
    Result<DiskIoPtr> openIo();
    void loop();
    void reap();
    void onFailedWrite(const FailedWrite &failed);
    void onCommit(const Committer::Outcome &outcome);
    void settle(WriteSegment &segment);
    void accept();
    bool settleNext();
    void onLedger(int error);
    [[nodiscard]] bool ledgerWaits() const;
    void perform(const WriterCommand &command);
    [[nodiscard]] WriteSegment *segmentFor(const ArchiveFrame &frame);
    [[nodiscard]] bool tooManySegments() const;
    [[nodiscard]] bool isOver(const WriteSegment &segment, const ArchiveFrame &frame) const;
    void prepareAhead();
    void askForSegment();
    void takeAnswer();
    void onNoSegment(const Error &error);
    WriteSegment *openPrepared();
    void place(const ArchiveFrame &frame, WriteSegment &segment);
    void lose(const ArchiveFrame &frame, ArchiveLoss why);
    void noteLost(std::uint64_t sequence, ArchiveLoss why, std::uint32_t series);
    void returnFrames(std::uint32_t frames);
    void commitWhenDue(std::int64_t now);
    void retireSealed();
    void serveDrains();
    bool endWhenDone();
    void fail(const Error &error, ArchiveLoss why);
    void sleep(std::int64_t now);
    void publish();
    void sayIo();

    WriterShared &shared_;
    SegmentKeeper &keeper_;
    const WriterSettings settings_;
    const std::string element_;
    WriterClient &client_;
    const DiskIoFactory makeIo_;
    std::thread thread_;

    // This thread only.
    DiskIoPtr io_;
    LossLog losses_;
    std::unique_ptr<FrameWrites> writes_;
    std::unique_ptr<Committer> committer_;
    std::list<std::unique_ptr<WriteSegment>> segments_; ///< oldest first; the last one may take frames
    WriteSegment *committing_ = nullptr;
    std::optional<ArchiveFrame> next_; ///< taken from the ring, waits for a segment
    std::optional<SegmentFiles> prepared_;
    std::uint32_t series_ = 0;
    bool haveSeries_ = false;
    bool asked_ = false;    ///< the keeper makes a segment
    bool urgent_ = false;   ///< a frame waits for it
    bool tooLarge_ = false; ///< the frame that segmentFor() refused last
    bool saidLarge_ = false;
    bool diskFull_ = false;    ///< and frames are lost for it
    std::int64_t retryAt_ = 0; ///< when to ask again
    bool finishing_ = false, closing_ = false;
    bool failed_ = false, distrust_ = false;
    ArchiveLoss failedWhy_ = ArchiveLoss::Error;
    unsigned errorsInRow_ = 0, failedCommits_ = 0;
    /** Served when so many records are counted and so many entries of the ledger durable. */
    struct Drain
    {
        std::uint64_t ticket, records, losses;
    };
    std::vector<Drain> drains_;
    std::uint64_t recordsPlaced_ = 0, recordsCounted_ = 0; ///< in all segments
    unsigned failedLedgers_ = 0;                           ///< one after the other
    bool saidLedger_ = false;
    std::int64_t nextCommit_ = 0;
    std::int64_t lastActive_ = 0;
    unsigned eager_ = 0; ///< so many wakes by completion are left
    bool completedSome_ = false, acceptedSome_ = false;
    bool saidPinned_ = false;
};

} // namespace dmaslab
