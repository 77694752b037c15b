// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/memory/arena.h"

#include <atomic>
#include <cassert>
#include <new>
#include <utility>

#include "dmaslab/memory/arena_builder.h"

namespace dmaslab {

namespace {

#if defined(__x86_64__) || defined(__i386__)
constexpr bool dmaIsCoherent = true; // devices snoop the caches
#else
constexpr bool dmaIsCoherent = false;
#endif

std::uint32_t nextArenaId()
{
    static std::atomic<std::uint32_t> next{1};
    return next.fetch_add(1,
                          std::memory_order_relaxed); // only uniqueness matters, nothing is published with it
}

} // namespace

struct Arena::State : ArenaParts
{
    explicit State(ArenaParts parts) : ArenaParts(std::move(parts)) {}
    const std::uint32_t id = nextArenaId();
};

const char *toString(MemoryKind kind)
{
    switch (kind) {
    case MemoryKind::Auto:
        return "auto";
    case MemoryKind::Udmabuf:
        return "udmabuf";
    case MemoryKind::Hugetlb:
        return "hugetlb";
    case MemoryKind::Memfd:
        return "memfd";
    case MemoryKind::DmaHeap:
        return "dma-heap";
    case MemoryKind::Imported:
        return "imported";
    }
    return "unknown";
}

Result<std::shared_ptr<Arena>> Arena::create(const ArenaRequest &request)
try {
    auto parts = buildArena(request, HostPaths{});
    if (!parts)
        return tl::unexpected(std::move(parts.error()));
    return std::shared_ptr<Arena>(new Arena(std::make_unique<State>(std::move(*parts))));
} catch (const std::bad_alloc &) {
    return fail(Errc::NoMemory, "no memory left even to describe an arena");
}

Result<std::shared_ptr<Arena>> Arena::import(std::vector<UniqueFd> dmabufs, std::size_t slabSize)
try {
    auto parts = importArena(std::move(dmabufs), slabSize);
    if (!parts)
        return tl::unexpected(std::move(parts.error()));
    return std::shared_ptr<Arena>(new Arena(std::make_unique<State>(std::move(*parts))));
} catch (const std::bad_alloc &) {
    return fail(Errc::NoMemory, "no memory left even to describe an arena");
}

Arena::Arena(std::unique_ptr<State> state) : state_(std::move(state)) {}

Arena::~Arena() = default;

std::uint32_t Arena::id() const
{
    return state_->id;
}

std::uint32_t Arena::slabs() const
{
    return state_->slabs;
}

std::size_t Arena::slabSize() const
{
    return state_->slabSize;
}

std::size_t Arena::stride() const
{
    return state_->stride;
}

std::byte *Arena::base() const
{
    return state_->mapping.base();
}

std::span<std::byte> Arena::slab(std::uint32_t index) const
{
    assert(index < state_->slabs);
    return {base() + index * state_->stride, state_->slabSize};
}

int Arena::fd() const
{
    return state_->file.get();
}

int Arena::dmabufFd(std::uint32_t index) const
{
    return index < state_->dmabufs.size() ? state_->dmabufs[index].get() : -1;
}

bool Arena::needsCpuSync() const
{
    return !dmaIsCoherent && !state_->dmabufs.empty();
}

const ArenaReport &Arena::report() const
{
    return state_->report;
}

} // namespace dmaslab
