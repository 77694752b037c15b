// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "dmaslab/archive/memory_pins.h"
#include "dmaslab/archive/write_segment.h"

namespace dmaslab {

/** What is to be done about a write that failed for good. */
struct FailedWrite
{
    WriteSegment *segment = nullptr;
    std::uint64_t firstRecord = 0;
    std::uint32_t frames = 0;
    int error = 0;
};

/**
 * The writes of frames that are under way: places frames in a segment, joins small neighbours, copies what
 * cannot be written as it lies, repeats what came back short, and lets go of a frame when all its bytes are
 * written.
 */
class FrameWrites
{
public:
    FrameWrites(DiskIo &io, const WriterSettings &settings, WriterClient &client);

    /** A further frame can be placed. */
    [[nodiscard]] bool hasPlace() const;
    /** False when there is no memory for a copy that is needed: nothing has changed then. */
    [[nodiscard]] bool place(const ArchiveFrame &frame, WriteSegment &segment);
    /** Hands what is being joined to the disk. */
    void flush();
    /** Hashes what was placed since the last call; the disk may be at work meanwhile. */
    void hash();
    /** The end of one operation; its token is ours. True when it failed for good. */
    [[nodiscard]] bool complete(const DiskCompletion &completion, FailedWrite &failed);

    [[nodiscard]] unsigned underWay() const { return underWay_; }
    [[nodiscard]] bool isFull() const { return underWay_ == writes_.size(); }
    /** The first record of this segment that is not complete. */
    [[nodiscard]] std::uint64_t firstIncomplete(const WriteSegment &segment) const;

    void forgetAgedMemory();
    MemoryPins &pins() { return pins_; }
    [[nodiscard]] std::uint64_t writes() const { return count_; }
    [[nodiscard]] std::uint64_t bytesCopied() const { return copied_; }
    /** Frames whose owner went since the last call. */
    [[nodiscard]] std::uint32_t takeReleased() { return std::exchange(released_, 0); }
    /** O_DIRECT was refused by a write and given up since the last call. */
    [[nodiscard]] bool takeGaveUpDirect() { return std::exchange(gaveUpDirect_, false); }

private:
    static constexpr std::size_t kMostFrames = 64;

    struct Write
    {
        explicit Write(std::uint64_t place) : number(place) {}

        const std::uint64_t number;      ///< its place in writes_, and the token of its operations
        WriteSegment *segment = nullptr; ///< nullptr: free
        std::uint64_t firstRecord = 0;
        std::uint32_t frames = 0;
        std::uint32_t hashed = 0; ///< frames of it
        std::uint64_t offset = 0; ///< in the file
        std::uint64_t bytes = 0;
        std::uint64_t done = 0;
        int pinned = DiskIo::kNotPinned;
        std::uint32_t arenaId = 0;
        bool copied = false; ///< the bytes are in `staging`
        bool direct = true;  ///< as it was submitted last
        unsigned attempts = 0;
        std::uint32_t pieceCount = 0;
        std::array<iovec, kMostFrames> pieces;
        std::array<iovec, kMostFrames> rest; ///< of `pieces`, what is still to be written
        std::array<const std::byte *, kMostFrames> data;
        std::array<void *, kMostFrames> owners; ///< nullptr: let go of already
        PageBuffer staging;
        int stagingPin = DiskIo::kNotPinned;
    };

    [[nodiscard]] bool joins(const Write &write, const ArchiveFrame &frame, const WriteSegment &segment,
                             std::uint64_t bytes, bool copy, int pinned) const;
    Write *freeWrite();
    void addPiece(Write &write, std::byte *data, std::uint64_t bytes);
    [[nodiscard]] bool makeStaging(Write &write, std::uint64_t bytes);
    void dropDirect(WriteSegment &segment);
    [[nodiscard]] bool copyToStaging(Write &write);
    void submit(Write &write);
    void release(Write &write, std::uint32_t frame);

    DiskIo &io_;
    WriterClient &client_;
    const bool checksum_;
    MemoryPins pins_;
    std::vector<std::unique_ptr<Write>> writes_;
    Write *joining_ = nullptr;
    unsigned underWay_ = 0;
    std::uint64_t count_ = 0;
    std::uint64_t copied_ = 0;
    std::uint32_t released_ = 0;
    bool succeeded_ = false; ///< once with O_DIRECT: EINVAL is then no matter of alignment
    bool direct_ = true;     ///< O_DIRECT has not been refused
    bool gaveUpDirect_ = false;
};

} // namespace dmaslab
