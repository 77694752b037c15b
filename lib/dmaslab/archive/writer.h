// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "dmaslab/archive/layout.h"
#include "dmaslab/archive/recording_directory.h"
#include "dmaslab/error.h"

namespace dmaslab {

enum class ArchiveIo : std::uint8_t
{
    Auto,   ///< io_uring, else pwrite with a warning
    Uring,  ///< io_uring or an error
    Pwrite, ///< a thread that writes synchronously
};

enum class OnDiskFull : std::uint8_t
{
    Error,   ///< the recording fails
    Drop,    ///< frames are lost (disk-full) until there is room again
    Recycle, ///< the oldest segment is overwritten
};

struct WriterSettings
{
    std::uint32_t queueDepth = 8; ///< writes under way at once
    std::int64_t batchTimeNs = 4'000'000;
    std::int64_t commitIntervalNs = 200'000'000;
    std::uint32_t maxHeld = 64; ///< frames pushed and not yet released; push() says Full beyond it
    ArchiveIo io = ArchiveIo::Auto;
    bool direct = true;
    bool registerBuffers = true;
    bool checksum = true;
    std::uint64_t segmentBytes = std::uint64_t{4} << 30;
    std::uint64_t segmentFrames = 0; ///< 0: no limit
    std::int64_t segmentTimeNs = 0;
    std::uint32_t maxSegments = 0; ///< 0: all are kept; otherwise at least 3, and the oldest is recycled
    OnDiskFull onDiskFull = OnDiskFull::Error;
    int cpu = -1;
    int rtPriority = 0;
};

/** What the manifest says about the whole recording. */
struct RecordingInfo
{
    std::string software;
    std::string device;
    std::string element = "archive"; ///< who loses a frame that cannot be written
    std::string metadataJson = "{}";
    std::uint32_t everyNth = 1;
    std::uint32_t nthPhase = 0;
};

/** One frame, which stays as it is until its owner is released. */
struct ArchiveFrame
{
    const std::byte *data = nullptr; ///< nullptr: WriterClient::gather() makes it
    std::uint64_t length = 0;        ///< bytes of the frame
    std::uint64_t readable = 0;      ///< bytes that may be read from `data` on: at least `length`
    /** The mapping it lies in, where that has other frames too (an arena): it is pinned once. id 0: none. */
    std::uint32_t arenaId = 0;
    const std::byte *arenaBase = nullptr;
    std::uint64_t arenaBytes = 0;

    std::uint64_t sequence = 0;
    std::int64_t pts = kNoTime;
    std::int64_t capture = kNoTime;
    std::int64_t utc = kNoTime;
    std::uint64_t device = kNoDeviceNumber;
    std::uint32_t dropsBefore = 0;
    std::uint16_t epoch = 0;
    std::uint16_t flags = 0; ///< IndexFlag, those that the stream knows
    void *owner = nullptr;   ///< comes back by WriterClient::release(), exactly once
};

struct SegmentEvent
{
    std::uint32_t number = 0;
    std::uint32_t series = 0;
    std::string path; ///< of its frames file
    std::uint64_t frames = 0;
    std::optional<std::uint64_t> firstSequence, lastSequence; ///< none while it has no frame
    std::optional<std::int64_t> firstPts, lastPts;
};

enum class ArchiveLoss : std::uint8_t
{
    DiskFull,
    IoError,
    Error, ///< the recording had failed before it could be written
};

/**
 * Whom a writer tells, on its own two threads and on both at the same time: everything about frames comes
 * from one of them, segments and warnings from either. None may call back into the writer's waiting
 * functions.
 */
class DMASLAB_EXPORT WriterClient
{
public:
    virtual ~WriterClient() = default;
    /** The frame is on disk, or lost: nobody reads it any more. */
    virtual void release(void *owner) = 0;
    /** Writes the frame's bytes (FrameFormat's layout) to dest. */
    virtual void gather(void * /*owner*/, std::byte * /*dest*/) {}
    virtual void archived(std::uint64_t frames, std::uint64_t bytes) = 0; ///< durable from now on
    virtual void lost(std::uint64_t sequence, ArchiveLoss why) = 0;
    virtual void copied(std::uint64_t /*bytes*/) {}
    virtual void segmentOpened(const SegmentEvent &) {}
    virtual void segmentClosed(const SegmentEvent &) {}
    virtual void layoutChosen(const SeriesLayout &) {}
    virtual void warning(const std::string & /*sentence*/) {}
    virtual void failed(const Error &) {} ///< once; every frame from here on is lost (Error)
};

struct WriterStats
{
    std::uint64_t pushed = 0, archived = 0, lost = 0;
    std::uint64_t pending = 0; ///< pushed and neither archived nor lost
    std::uint64_t bytes = 0;   ///< of archived frames
    std::uint64_t bytesCopied = 0;
    std::uint64_t ioErrors = 0;
    std::uint64_t segments = 0; ///< opened so far
    std::uint64_t enters = 0;   ///< system calls of the ring
    std::uint64_t writes = 0;   ///< write operations of frames
    std::uint64_t commits = 0;
    std::uint32_t held = 0;
    std::string io; ///< "uring, direct, fixed" …, what is really used
};

/**
 * One recording being written. push(), beginSeries(), lose() and skip() are for one thread, the producer's;
 * everything else for any. Nothing of the producer's side waits for the disk. docs/archive.md argues the
 * design.
 */
class DMASLAB_EXPORT Writer
{
public:
    enum class Push : std::uint8_t
    {
        Ok,
        Full,   ///< maxHeld frames are held: try again after waitForRoom(), or lose it
        Failed, ///< the recording has failed; the owner stays with the caller
    };

    static Result<std::unique_ptr<Writer>> create(RecordingDirectory directory, const RecordingInfo &info,
                                                  WriterSettings settings, WriterClient &client);
    Writer(const Writer &) = delete;
    Writer &operator=(const Writer &) = delete;
    /** Finishes first, if nobody did. */
    ~Writer();

    /** What the frames from here on look like. The layout is chosen here: an impossible one is refused. */
    [[nodiscard]] Result<SeriesLayout> beginSeries(SeriesFormat format, ArchiveLayout wish);
    [[nodiscard]] Push push(const ArchiveFrame &frame);
    /** An entry of the ledger, in its place in the stream. */
    void note(const LossRecord &loss);
    /** The stream's tags, a JSON object; replaces earlier ones. */
    void setTags(std::string json);

    /** The next frame begins a new segment. */
    void split();
    /** Waits until push() has room again. False at the deadline (CLOCK_MONOTONIC, ns) or when interrupted. */
    [[nodiscard]] bool waitForRoom(std::int64_t deadlineNs);
    void setInterrupted(bool interrupted);

    /** Makes everything pushed so far durable, without waiting for the commit interval; false at the
     * deadline. */
    [[nodiscard]] bool drain(std::int64_t deadlineNs);
    /** No frame comes any more: writes the rest and closes the recording. Returns at once. */
    void finish();
    /** Waits for the end of finish(); false at the deadline. */
    [[nodiscard]] bool waitFinished(std::int64_t deadlineNs);
    [[nodiscard]] bool finished() const;

    [[nodiscard]] WriterStats stats() const;
    [[nodiscard]] const std::string &path() const;

private:
    friend struct WriterFactory;
    class Impl;
    explicit Writer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace dmaslab
