// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dmaslab/archive/reader.h"
#include "dmaslab/ring/futex.h"
#include "dmaslab/slab/pool.h"

namespace dmaslab {

class BlockReader;

enum class FetchIo : std::uint8_t
{
    Auto,  ///< io_uring with O_DIRECT, else pread with a sentence that says why
    Uring, ///< that or an error
    Pread, ///< one frame at a time through the page cache
};

struct FetchSettings
{
    std::uint32_t depth = 8; ///< frames that are read at once
    FetchIo io = FetchIo::Auto;
    bool verify = false; ///< a frame whose hash is wrong is lost
};

enum class FetchLoss : std::uint8_t
{
    None,
    IoError, ///< the system could not read it
    Corrupt, ///< its hash is wrong, or its index entry impossible
};

enum class FetchStatus : std::uint8_t
{
    Frame,
    Lost,        ///< this one cannot be had; the next ones can
    Starved,     ///< no slab for `index` until the deadline
    Interrupted, ///< setInterrupted(true)
    End,         ///< of the range
    TooLarge,    ///< `index.length` does not fit a slab: go on with another pool
    Reclaimed,   ///< a ring recording has given its file away: refresh, and set a new range
};

struct FetchedFrame
{
    FetchStatus status = FetchStatus::End;
    FetchLoss loss = FetchLoss::None;
    std::uint64_t frame = 0; ///< number in the recording
    IndexRecord index;
    SlabRef slab; ///< begins with the frame's bytes
};

/**
 * Reads the frames of a recording ahead into slabs, in order and without a copy. Frames marked bad when they
 * were archived are passed over. One thread at a time, except where "any thread" stands; it need not always
 * be the same one. docs/archive-playback.md argues the design.
 */
class DMASLAB_EXPORT FrameFetcher
{
public:
    /** Recording and pool outlive the fetcher; a slab's stride has room for whole blocks. */
    static Result<std::unique_ptr<FrameFetcher>> create(const Recording &recording, Pool &pool,
                                                        const FetchSettings &settings);
    /** With a reader of somebody else's making. */
    FrameFetcher(const Recording &recording, Pool &pool, const FetchSettings &settings,
                 std::unique_ptr<BlockReader> reader);
    FrameFetcher(const FrameFetcher &) = delete;
    FrameFetcher &operator=(const FrameFetcher &) = delete;
    ~FrameFetcher();

    /** The frames from here on; what was read ahead is let go. Frames of before a refresh() of the recording
     * have other numbers after it: stop() first. */
    void setRange(std::uint64_t first, std::uint64_t end);
    /** Nothing is under way any more, and no file of the recording is held. */
    void stop();

    /** The next frame; waits for a slab until the deadline (CLOCK_MONOTONIC, ns), and for the disk. */
    [[nodiscard]] FetchedFrame next(std::int64_t slabDeadlineNs = kNoDeadline);
    /** Gives up the frame that next() had no slab for, and says which it was. */
    [[nodiscard]] FetchedFrame skip();

    /** Any thread: next() returns Interrupted until it is taken back. Nothing is lost by it. */
    void setInterrupted(bool interrupted);

    /** How frames are read, "uring, direct, fixed" or "pread". */
    [[nodiscard]] std::string io() const;
    /** What was wanted and could not be had, a sentence each; told once. */
    [[nodiscard]] std::vector<std::string> takeDegradations() { return std::exchange(degradations_, {}); }
    [[nodiscard]] std::uint64_t systemCalls() const;

private:
    enum class State : std::uint8_t
    {
        Idle,
        Queued, ///< the reader has it
        Retry,  ///< for the next reader
        Done,
    };
    struct Slot
    {
        State state = State::Idle;
        FetchLoss loss = FetchLoss::None;
        std::uint32_t file = 0;
        std::uint32_t got = 0;   ///< bytes of the frame so far
        std::uint32_t begun = 0; ///< where the read that is under way begins in the frame
        std::uint32_t attempts = 0;
        FramePlace place;
        std::uint64_t frame = 0;
        SlabRef slab;
    };
    struct File
    {
        std::uint32_t segment = 0;
        std::uint32_t users = 0;
        UniqueFd fd;
    };

    [[nodiscard]] Slot &head() { return slots_[first_ % slots_.size()]; }
    [[nodiscard]] Slot &freeSlot() { return slots_[(first_ + count_) % slots_.size()]; }
    void fill();
    bool look();
    [[nodiscard]] Result<FramePlace> placeOf(std::uint64_t frame);
    void enqueue(SlabRef slab);
    void read(std::uint32_t slot);
    void loseQueued(const FramePlace &place);
    FetchedFrame finish(Slot &slot);
    void drop(Slot &slot);
    bool reapInto(std::int64_t timeoutNs);
    void completed(Slot &slot, std::int32_t result);
    void drain();
    void usePread(const std::string &why);
    [[nodiscard]] std::int32_t fileFor(const FramePlace &place);
    [[nodiscard]] bool isInSegment(const FramePlace &place) const;

    const Recording &recording_;
    Pool &pool_;
    const FetchSettings settings_;
    const std::uint32_t slabBytes_;
    std::unique_ptr<BlockReader> reader_;
    std::vector<std::string> degradations_;
    std::atomic<std::uint32_t> interrupted_{0};

    std::vector<Slot> slots_; ///< a window: `count_` from `first_` on, in the order of the frames
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    std::uint64_t next_ = 0; ///< the frame that is looked at next
    std::uint64_t end_ = 0;
    std::uint64_t lastSequence_ = 0; ///< of the frame before; together with haveSequence_
    bool haveSequence_ = false;
    FramePlace found_; ///< of frame next_, while haveFound_
    bool haveFound_ = false;
    FetchStatus stop_ = FetchStatus::Frame; ///< what next() says when the window is empty; Frame: nothing
    std::vector<IndexRecord> batch_;        ///< entries that were read at once, all of one segment
    std::size_t batchSegment_ = 0;
    std::uint64_t batchFirst_ = 0; ///< number of the first in the recording
    std::vector<File> files_;
    bool wantsPread_ = false;
    bool mayBeReclaimed_ = false; ///< somebody is writing the recording
};

} // namespace dmaslab
