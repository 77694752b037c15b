// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/memory_pins.h"

#include <algorithm>
#include <cerrno>

namespace dmaslab {

namespace {

constexpr std::size_t kMostArenas = 4;                   ///< pinned at a time, unless more are in use
constexpr std::uint64_t kChunk = std::uint64_t{1} << 30; ///< the kernel pins no larger range at once

} // namespace

MemoryPins::Arena &MemoryPins::arenaOf(const ArchiveFrame &frame)
{
    for (Arena &arena : arenas_) {
        if (arena.id == frame.arenaId) {
            arena.aged = false; // in use after all
            return arena;
        }
    }
    if (arenas_.size() >= kMostArenas)
        ageAll(); // those still in use will say so
    Arena arena;
    arena.id = frame.arenaId;
    arena.base = frame.arenaBase;
    for (std::uint64_t at = 0; wanted_ && at < frame.arenaBytes; at += kChunk) {
        const auto pinned = io_.pin(frame.arenaBase + at, std::min(kChunk, frame.arenaBytes - at));
        arena.chunks.push_back(pinned ? *pinned : DiskIo::kNotPinned);
        pinnedAny_ = pinnedAny_ || pinned;
        // EFAULT is a property of the memory (read-only, or a device's); a limit is something to tell.
        if (!pinned && pinned.error().sysErrno == ENOMEM && !std::exchange(complained_, true))
            complaint_ =
                "the frames' memory is pinned anew for every write, which costs processor time: raise "
                "'ulimit -l' (LimitMEMLOCK=) to at least " +
                std::to_string((frame.arenaBytes >> 10) + 1024) + " KiB";
    }
    arenas_.push_back(std::move(arena));
    return arenas_.back();
}

MemoryPins::Found MemoryPins::find(const ArchiveFrame &frame, std::uint64_t bytes)
{
    if (frame.arenaId == 0)
        return {foreign_, DiskIo::kNotPinned};
    const Arena &arena = arenaOf(frame);
    Found found{arena.access, DiskIo::kNotPinned};
    const auto begin = std::uint64_t(frame.data - arena.base);
    const std::uint64_t chunk = begin / kChunk;
    if (chunk < arena.chunks.size() && (begin + bytes - 1) / kChunk == chunk)
        found.pinned = arena.chunks[chunk];
    return found;
}

void MemoryPins::cannotPin(std::uint32_t arenaId)
{
    if (arenaId == 0)
        foreign_ = MemoryAccess::Copy;
    for (Arena &arena : arenas_) {
        if (arena.id == arenaId)
            arena.access = MemoryAccess::Copy;
    }
}

void MemoryPins::ageAll()
{
    for (Arena &arena : arenas_)
        arena.aged = aged_ = true;
    foreign_ = MemoryAccess::Direct;
}

void MemoryPins::unpin(const Arena &arena)
{
    for (const int chunk : arena.chunks) {
        if (chunk >= 0)
            io_.unpin(chunk);
    }
}

} // namespace dmaslab
