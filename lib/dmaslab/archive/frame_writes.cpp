// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/frame_writes.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>

#include "dmaslab/capture/frame_hash.h"

namespace dmaslab {

namespace {

/** Frames up to this size are joined with their neighbours, until a write has the size below. */
constexpr std::uint64_t kSmallFrame = 64 << 10;
constexpr std::uint64_t kJoinedBytes = 1 << 20;
/** Addresses: what every disk takes (statx may allow less). */
constexpr std::uintptr_t kDirectAlign = 512;
constexpr unsigned kMostAttempts = 1000;

std::uint64_t blockFloor(std::uint64_t bytes)
{
    return bytes / kArchiveBlock * kArchiveBlock;
}

} // namespace

FrameWrites::FrameWrites(DiskIo &io, const WriterSettings &settings, WriterClient &client)
    : io_(io), client_(client), checksum_(settings.checksum), pins_(io, settings.registerBuffers)
{
    for (std::uint32_t i = 0; i < settings.queueDepth; ++i)
        writes_.push_back(std::make_unique<Write>(i));
}

FrameWrites::Write *FrameWrites::freeWrite()
{
    for (const auto &write : writes_) {
        if (!write->segment)
            return write.get();
    }
    return nullptr;
}

bool FrameWrites::hasPlace() const
{
    // One that is still being joined may turn out to be no neighbour of the next frame.
    return underWay_ < writes_.size();
}

bool FrameWrites::joins(const Write &write, const ArchiveFrame &frame, const WriteSegment &segment,
                        std::uint64_t bytes, bool copy, int pinned) const
{
    if (write.segment != &segment || write.frames == kMostFrames || write.copied != copy ||
        bytes > kSmallFrame || write.bytes + bytes > kJoinedBytes || write.arenaId != frame.arenaId ||
        write.offset + write.bytes != kArchiveBlock + segment.placedBytes)
        return false;
    if (copy)
        return write.bytes + bytes <= write.staging.size();
    // Neighbours in memory stay one pinned piece; several pieces the kernel pins for this one write.
    return write.pinned == pinned;
}

void FrameWrites::addPiece(Write &write, std::byte *data, std::uint64_t bytes)
{
    if (write.pieceCount > 0) {
        iovec &last = write.pieces[write.pieceCount - 1];
        if (static_cast<std::byte *>(last.iov_base) + last.iov_len == data) {
            last.iov_len += bytes;
            write.bytes += bytes;
            return;
        }
    }
    write.pieces[write.pieceCount++] = {data, bytes};
    write.bytes += bytes;
}

bool FrameWrites::makeStaging(Write &write, std::uint64_t bytes)
{
    if (write.staging.size() >= bytes)
        return true;
    // Only a write without frames grows: nothing is in the old one.
    if (write.stagingPin >= 0)
        io_.unpin(std::exchange(write.stagingPin, DiskIo::kNotPinned));
    try {
        write.staging = PageBuffer(std::max(bytes, kJoinedBytes));
    } catch (const std::bad_alloc &) {
        return false;
    }
    if (const auto pinned = io_.pin(write.staging.data(), write.staging.size()))
        write.stagingPin = *pinned;
    return true;
}

/** This file system wants more alignment than any disk we know of: through the page cache, then. */
void FrameWrites::dropDirect(WriteSegment &segment)
{
    for (const int fd : {segment.files.frames.get(), segment.files.index.get()})
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_DIRECT);
    segment.files.direct = false;
}

bool FrameWrites::place(const ArchiveFrame &frame, WriteSegment &segment)
{
    if (!direct_ && segment.files.direct)
        dropDirect(segment);
    const std::uint64_t whole = segment.bytesFor(frame.length);
    const bool direct = segment.files.direct;
    // The frame and, where it may be read, the pad behind it; what is left out stays as the file has it.
    std::uint64_t bytes = std::min(whole, direct ? blockFloor(frame.readable) : frame.readable);
    const bool aligned = reinterpret_cast<std::uintptr_t>(frame.data) % kDirectAlign == 0;
    bool copy = !frame.data || (direct && (!aligned || bytes < frame.length));
    int pinned = DiskIo::kNotPinned;
    if (!copy) {
        const MemoryPins::Found found = pins_.find(frame, bytes);
        copy = found.access == MemoryAccess::Copy;
        pinned = found.pinned;
    }
    if (copy)
        bytes = std::min(whole, roundUpToBlock(frame.length));
    if (joining_ && !joins(*joining_, frame, segment, bytes, copy, pinned))
        flush();
    if (!joining_) {
        Write &fresh = *freeWrite();
        if (copy && !makeStaging(fresh, bytes))
            return false;
        joining_ = &fresh;
        fresh.segment = &segment;
        fresh.firstRecord = segment.placed;
        fresh.frames = fresh.hashed = fresh.pieceCount = 0;
        fresh.offset = kArchiveBlock + segment.placedBytes;
        fresh.bytes = fresh.done = 0;
        fresh.attempts = 0;
        fresh.copied = copy;
        fresh.pinned = pinned;
        fresh.arenaId = frame.arenaId;
        ++underWay_;
    }
    Write &write = *joining_;

    IndexRecord &record = segment.record(segment.placed);
    record = {frame.sequence,
              frame.pts,
              frame.capture,
              frame.utc,
              0,
              frame.device,
              std::uint32_t(segment.placedBytes / kArchiveBlock),
              std::uint32_t(frame.length),
              frame.dropsBefore,
              frame.epoch,
              std::uint16_t(frame.flags | (checksum_ ? 0 : kFrameUnhashed))};
    ++segment.placed;
    segment.placedBytes += whole;

    const std::byte *data = frame.data;
    write.owners[write.frames] = frame.owner;
    if (copy) {
        std::byte *staged = write.staging.data() + write.bytes;
        if (data)
            std::memcpy(staged, data, frame.length);
        else
            client_.gather(frame.owner, staged);
        std::memset(staged + frame.length, 0, bytes - frame.length);
        data = staged;
        write.pinned = write.stagingPin;
        copied_ += frame.length;
        client_.copied(frame.length);
        release(write, write.frames);
    }
    write.data[write.frames] = data;
    ++write.frames;
    addPiece(write, const_cast<std::byte *>(data), bytes);
    if (bytes != whole || whole > kSmallFrame)
        flush(); // a frame with a hole behind it, or a large one, has no neighbours
    return true;
}

void FrameWrites::flush()
{
    if (!joining_)
        return;
    Write &write = *std::exchange(joining_, nullptr);
    ++count_;
    submit(write);
}

void FrameWrites::submit(Write &write)
{
    std::uint64_t skip = write.done;
    std::uint32_t count = 0;
    for (std::uint32_t i = 0; i < write.pieceCount; ++i) {
        const iovec &piece = write.pieces[i];
        if (skip >= piece.iov_len) {
            skip -= piece.iov_len;
            continue;
        }
        write.rest[count++] = {static_cast<std::byte *>(piece.iov_base) + skip, piece.iov_len - skip};
        skip = 0;
    }
    write.direct = write.segment->files.direct;
    io_.write(write.segment->framesFile, {write.rest.data(), count}, write.offset + write.done, write.pinned,
              write.number);
}

void FrameWrites::hash()
{
    if (!checksum_)
        return;
    for (const auto &write : writes_) {
        for (; write->segment && write->hashed < write->frames; ++write->hashed) {
            IndexRecord &record = write->segment->record(write->firstRecord + write->hashed);
            record.hash = frameHash({write->data[write->hashed], record.length});
        }
    }
}

bool FrameWrites::copyToStaging(Write &write)
{
    pins_.cannotPin(write.arenaId);
    if (!makeStaging(write, write.bytes))
        return false;
    std::uint64_t at = 0;
    for (std::uint32_t i = 0; i < write.pieceCount; ++i) {
        std::memcpy(write.staging.data() + at, write.pieces[i].iov_base, write.pieces[i].iov_len);
        at += write.pieces[i].iov_len;
    }
    for (std::uint32_t i = 0; i < write.frames; ++i) {
        const std::uint64_t length = write.segment->record(write.firstRecord + i).length;
        copied_ += length;
        client_.copied(length);
    }
    write.pieces[0] = {write.staging.data(), write.bytes};
    write.pieceCount = 1;
    write.pinned = write.stagingPin;
    write.copied = true;
    return true;
}

bool FrameWrites::complete(const DiskCompletion &completion, FailedWrite &failed)
{
    Write &write = *writes_[completion.token];
    const std::int64_t result = completion.result;
    int error = result < 0 ? int(-result) : 0;
    if (result > 0)
        write.done += std::uint64_t(result);
    else if (result == 0)
        error = EIO; // a file that takes nothing and says no error
    if (error == 0 && write.done < write.bytes) {
        // O_DIRECT goes on at a block: what lies between is written twice.
        if (write.segment->files.direct)
            write.done = blockFloor(write.done);
        error = EAGAIN;
    }
    if (error == EFAULT && !write.copied) {
        error = copyToStaging(write) ? EAGAIN : ENOMEM;
        write.done = 0;
    }
    if (error == EINVAL && write.direct && !succeeded_) {
        // Those of the same burst that were submitted before we knew are written again, too.
        gaveUpDirect_ = gaveUpDirect_ || direct_;
        direct_ = false;
        if (write.segment->files.direct)
            dropDirect(*write.segment);
        error = EAGAIN;
    }
    if ((error == EAGAIN || error == EINTR || error == EBUSY) && ++write.attempts < kMostAttempts) {
        submit(write);
        return false;
    }
    hash(); // before the pixels may change
    for (std::uint32_t i = 0; i < write.frames; ++i)
        release(write, i);
    failed = {write.segment, write.firstRecord, write.frames, error};
    write.segment = nullptr;
    --underWay_;
    succeeded_ = succeeded_ || (error == 0 && write.direct);
    return error != 0;
}

std::uint64_t FrameWrites::firstIncomplete(const WriteSegment &segment) const
{
    std::uint64_t first = segment.placed;
    for (const auto &write : writes_) {
        if (write->segment == &segment)
            first = std::min(first, write->firstRecord);
    }
    return first;
}

void FrameWrites::forgetAgedMemory()
{
    pins_.forgetAged([this](std::uint32_t arenaId) {
        return std::any_of(writes_.begin(), writes_.end(), [arenaId](const auto &write) {
            return write->segment && write->arenaId == arenaId;
        });
    });
}

void FrameWrites::release(Write &write, std::uint32_t frame)
{
    if (void *owner = std::exchange(write.owners[frame], nullptr)) {
        client_.release(owner);
        ++released_;
    }
}

} // namespace dmaslab
