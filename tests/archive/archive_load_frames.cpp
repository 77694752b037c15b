// SPDX-License-Identifier: LGPL-2.1-or-later
#include "archive_load_frames.h"

#include <algorithm>
#include <cstring>

#include "dmaslab/capture/stamp.h"

namespace dmaslab::test {

namespace {

/** Spreads a number over 64 bits (the finalizer of splitmix64). */
std::uint64_t spread(std::uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

SeriesFormat formatOf(const LoadOptions &load, const std::vector<std::uint64_t> &shape)
{
    SeriesFormat format;
    if (load.encoded != 0) {
        format.caps = "image/x-load-test";
        return format;
    }
    format.dtype = load.dtype;
    format.shape = shape;
    format.frameBytes = itemBytes(load.dtype);
    std::string axes;
    for (const std::uint64_t axis : shape) {
        format.frameBytes *= axis;
        axes += (axes.empty() ? "" : ",") + std::to_string(axis);
    }
    format.caps =
        "application/x-ndarray, dtype=(string)\"" + load.dtype + "\", shape=(string)\"" + axes + "\"";
    return format;
}

} // namespace

Result<std::unique_ptr<FrameSlabs>> FrameSlabs::create(const LoadOptions &load, bool second)
{
    auto slabs = std::make_unique<FrameSlabs>();
    slabs->encoded_ = load.encoded;
    slabs->format_ = formatOf(load, second ? load.changeShape : load.shape);
    ArenaRequest request;
    request.kind = MemoryKind::Memfd;
    request.slabSize = load.encoded != 0 ? load.encoded : slabs->format_.frameBytes;
    request.slabs = load.slabs;
    auto arena = Arena::create(request);
    if (!arena)
        return tl::unexpected(arena.error());
    slabs->arena_ = *arena;
    auto pool = Pool::create(*arena, Reuse::Lifo); // the slab released last is overwritten first
    if (!pool)
        return tl::unexpected(pool.error());
    slabs->pool_ = std::move(*pool);
    slabs->holds_ = std::make_unique<Hold[]>(load.slabs);
    return slabs;
}

std::uint64_t FrameSlabs::length(std::uint64_t sequence) const
{
    return encoded_ == 0 ? format_.frameBytes : spread(sequence) % encoded_ + 1;
}

void FrameSlabs::fill(const SlabRef &slab, std::uint64_t sequence, std::int64_t captureNs) const
{
    const std::span<std::byte> frame = slab.bytes().first(length(sequence));
    const std::uint64_t first = spread(sequence + 1);
    std::uint64_t word = first;
    std::size_t at = 0;
    for (; at + sizeof word <= frame.size(); at += sizeof word, word += first | 1)
        std::memcpy(frame.data() + at, &word, sizeof word);
    std::memcpy(frame.data() + at, &word, frame.size() - at);
    writeStamp(frame, sequence, std::uint64_t(captureNs));
}

ArchiveFrame FrameSlabs::hand(SlabRef slab, std::uint64_t sequence, const LoadOptions &load)
{
    Hold &hold = holds_[slab.index()];
    ArchiveFrame frame;
    frame.length = length(sequence);
    if (!load.gather) {
        frame.data = slab.data();
        frame.readable = arena_->stride();
    }
    if (load.arenaKnown && !load.gather) {
        frame.arenaId = arena_->id();
        frame.arenaBase = arena_->base();
        frame.arenaBytes = std::uint64_t(arena_->stride()) * arena_->slabs();
    }
    frame.sequence = sequence;
    frame.owner = &hold;
    hold.slabs = this;
    hold.length = frame.length;
    hold.handle = slab.detach();
    hold.out.store(true, std::memory_order_release);
    return frame;
}

bool FrameSlabs::release(void *owner)
{
    Hold &hold = *static_cast<Hold *>(owner);
    if (!hold.out.exchange(false, std::memory_order_acq_rel))
        return false;
    return hold.slabs->pool_->release(hold.handle) == ReleaseStatus::Ok;
}

void FrameSlabs::gather(void *owner, std::byte *dest)
{
    const Hold &hold = *static_cast<Hold *>(owner);
    const std::span<std::byte> slab = hold.slabs->arena_->slab(hold.handle.index);
    std::memcpy(dest, slab.data(), hold.length);
}

} // namespace dmaslab::test
