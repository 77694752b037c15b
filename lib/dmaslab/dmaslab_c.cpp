// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/dmaslab.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>

#include "dmaslab/ring/futex.h"
#include "dmaslab/slab/pool.h"

struct dmaslab_arena
{
    std::shared_ptr<const dmaslab::Arena> arena;
};

namespace {

using namespace dmaslab;

// A pool pointer of C is the pool itself: it outlives the caller's part exactly as long as slabs are out.
Pool *poolOf(dmaslab_pool *pool)
{
    return reinterpret_cast<Pool *>(pool);
}
const Pool *poolOf(const dmaslab_pool *pool)
{
    return reinterpret_cast<const Pool *>(pool);
}

int statusOf(Errc code)
{
    switch (code) {
    case Errc::InvalidArgument:
        return DMASLAB_INVALID;
    case Errc::NotFound:
        return DMASLAB_NOT_FOUND;
    case Errc::Permission:
        return DMASLAB_DENIED;
    case Errc::NoMemory:
        return DMASLAB_NO_MEMORY;
    case Errc::Limit:
        return DMASLAB_LIMIT;
    case Errc::Unsupported:
    case Errc::Format:
        return DMASLAB_UNSUPPORTED;
    case Errc::Io:
        break;
    }
    return DMASLAB_IO;
}

int refuse(int status, const char *message, char *error, size_t errorSize)
{
    if (error && errorSize > 0) {
        const size_t length = std::min(std::strlen(message), errorSize - 1);
        std::memcpy(error, message, length);
        error[length] = '\0';
    }
    return status;
}

int refuse(const Error &why, char *error, size_t errorSize)
{
    return refuse(statusOf(why.code), why.message.c_str(), error, errorSize);
}

std::optional<Holder> holderOf(int kind)
{
    if (kind < DMASLAB_HOLDER_PROCESSING || kind > DMASLAB_HOLDER_REMOTE)
        return std::nullopt;
    return static_cast<Holder>(kind);
}

std::optional<MemoryKind> memoryOf(int32_t memory)
{
    switch (memory) {
    case DMASLAB_MEMORY_AUTO:
        return MemoryKind::Auto;
    case DMASLAB_MEMORY_UDMABUF:
        return MemoryKind::Udmabuf;
    case DMASLAB_MEMORY_HUGETLB:
        return MemoryKind::Hugetlb;
    case DMASLAB_MEMORY_MEMFD:
        return MemoryKind::Memfd;
    case DMASLAB_MEMORY_DMA_HEAP:
        return MemoryKind::DmaHeap;
    default:
        return std::nullopt;
    }
}

int32_t memoryOf(MemoryKind kind)
{
    switch (kind) {
    case MemoryKind::Udmabuf:
        return DMASLAB_MEMORY_UDMABUF;
    case MemoryKind::Hugetlb:
        return DMASLAB_MEMORY_HUGETLB;
    case MemoryKind::Memfd:
        return DMASLAB_MEMORY_MEMFD;
    case MemoryKind::DmaHeap:
        return DMASLAB_MEMORY_DMA_HEAP;
    case MemoryKind::Auto:
    case MemoryKind::Imported: // cannot be asked for from C
        break;
    }
    return DMASLAB_MEMORY_AUTO;
}

SlabHandle fromC(dmaslab_handle handle)
{
    return {handle.arena, handle.index, handle.generation};
}
dmaslab_handle toC(const SlabHandle &handle)
{
    return {handle.arena, handle.index, handle.generation};
}

// The hold stays with the caller of C, who has the handle already.
void leave(SlabRef &ref)
{
    static_cast<void>(ref.detach());
}

// The caller's structure may be older, hence shorter, or newer, hence longer: what both know is copied.
template <typename T>
int fill(T *target, const T &value)
{
    if (!target || target->struct_size < sizeof(size_t))
        return DMASLAB_INVALID;
    const size_t size = target->struct_size;
    std::memcpy(target, &value, std::min(size, sizeof(T)));
    target->struct_size = size;
    return DMASLAB_OK;
}

} // namespace

const char *dmaslab_version(void)
{
    return DMASLAB_VERSION;
}

int dmaslab_arena_create(const dmaslab_arena_request *request, dmaslab_arena **arena, char *error,
                         size_t error_size)
try {
    if (!request || !arena || request->struct_size < sizeof(size_t))
        return refuse(DMASLAB_INVALID,
                      "no request, or nowhere to put the arena: use DMASLAB_ARENA_REQUEST_INIT", error,
                      error_size);
    dmaslab_arena_request asked = DMASLAB_ARENA_REQUEST_INIT;
    std::memcpy(&asked, request, std::min(request->struct_size, sizeof(asked)));
    const auto kind = memoryOf(asked.memory);
    if (!kind)
        return refuse(DMASLAB_INVALID, "memory is none of the values of dmaslab_memory", error, error_size);
    ArenaRequest wanted;
    wanted.kind = *kind;
    wanted.slabSize = asked.slab_size;
    wanted.slabs = asked.slabs;
    wanted.numaNode = asked.numa_node;
    wanted.lock = asked.lock != 0;
    auto made = Arena::create(wanted);
    if (!made)
        return refuse(made.error(), error, error_size);
    *arena = new dmaslab_arena{std::move(*made)};
    return DMASLAB_OK;
} catch (const std::bad_alloc &) {
    return refuse(DMASLAB_NO_MEMORY, "no memory for the arena's book-keeping", error, error_size);
}

void dmaslab_arena_destroy(dmaslab_arena *arena)
{
    delete arena;
}

int dmaslab_arena_get_report(const dmaslab_arena *handle, dmaslab_arena_report *report)
{
    if (!handle)
        return DMASLAB_INVALID;
    const Arena &arena = *handle->arena;
    const ArenaReport &got = arena.report();
    dmaslab_arena_report now = DMASLAB_ARENA_REPORT_INIT;
    now.slab_size = arena.slabSize();
    now.stride = arena.stride();
    now.page_size = got.pageSize;
    now.id = arena.id();
    now.slabs = arena.slabs();
    now.memory = memoryOf(got.kind);
    now.numa_node = got.numaNode;
    now.locked = got.locked;
    now.dmabuf = got.dmabuf;
    now.degradations = static_cast<int32_t>(got.degradations.size());
    now.fd = arena.fd();
    return fill(report, now);
}

const char *dmaslab_arena_degradation(const dmaslab_arena *arena, int32_t index)
{
    if (!arena || index < 0)
        return nullptr;
    const auto &sentences = arena->arena->report().degradations;
    return size_t(index) < sentences.size() ? sentences[size_t(index)].c_str() : nullptr;
}

int dmaslab_arena_dmabuf(const dmaslab_arena *arena, uint32_t index)
{
    return arena && index < arena->arena->slabs() ? arena->arena->dmabufFd(index) : -1;
}

int dmaslab_pool_create(const dmaslab_arena *arena, int reuse, dmaslab_pool **pool, char *error,
                        size_t error_size)
try {
    if (!arena || !pool || reuse < DMASLAB_REUSE_LIFO || reuse > DMASLAB_REUSE_FIFO)
        return refuse(DMASLAB_INVALID,
                      "a pool needs an arena, a value of dmaslab_reuse and a place for the result", error,
                      error_size);
    auto made = Pool::create(arena->arena, reuse == DMASLAB_REUSE_FIFO ? Reuse::Fifo : Reuse::Lifo);
    if (!made)
        return refuse(made.error(), error, error_size);
    *pool = reinterpret_cast<dmaslab_pool *>(made->release());
    return DMASLAB_OK;
} catch (const std::bad_alloc &) {
    return refuse(DMASLAB_NO_MEMORY, "no memory for the pool's book-keeping", error, error_size);
}

void dmaslab_pool_destroy(dmaslab_pool *pool)
{
    PoolPtr(poolOf(pool)).reset();
}

int dmaslab_pool_acquire(dmaslab_pool *pool, int64_t timeout_ns, dmaslab_handle *slab)
{
    if (!pool || !slab)
        return DMASLAB_INVALID;
    const std::int64_t now = monotonicNowNs();
    const std::int64_t deadline =
        timeout_ns < 0 || timeout_ns >= kNoDeadline - now ? kNoDeadline : now + timeout_ns;
    auto taken = timeout_ns == 0 ? poolOf(pool)->tryAcquire() : poolOf(pool)->acquire(deadline);
    if (!taken)
        return taken.error() == AcquireError::Interrupted ? DMASLAB_INTERRUPTED : DMASLAB_STARVED;
    *slab = toC(taken->detach());
    return DMASLAB_OK;
}

void dmaslab_pool_set_interrupted(dmaslab_pool *pool, int interrupted)
{
    if (pool)
        poolOf(pool)->setInterrupted(interrupted != 0);
}

int dmaslab_pool_hold(dmaslab_pool *pool, dmaslab_handle slab, int held, int as)
{
    const auto from = holderOf(held);
    const auto to = holderOf(as);
    if (!pool || !from || !to)
        return DMASLAB_INVALID;
    SlabRef mine = poolOf(pool)->adopt(fromC(slab), *from);
    if (!mine)
        return DMASLAB_STALE;
    SlabRef another = mine.holdAs(*to);
    leave(mine);
    if (!another) // a hold that was ended meanwhile, or more holders than anybody means to have
        return DMASLAB_LIMIT;
    leave(another);
    return DMASLAB_OK;
}

int dmaslab_pool_release(dmaslab_pool *pool, dmaslab_handle slab, int held)
{
    const auto holder = holderOf(held);
    if (!pool || !holder)
        return DMASLAB_INVALID;
    return poolOf(pool)->release(fromC(slab), *holder) == ReleaseStatus::Ok ? DMASLAB_OK : DMASLAB_STALE;
}

int dmaslab_pool_publish(dmaslab_pool *pool, dmaslab_handle slab, uint64_t sequence)
{
    if (!pool)
        return DMASLAB_INVALID;
    SlabRef mine = poolOf(pool)->adopt(fromC(slab));
    if (!mine)
        return DMASLAB_STALE;
    mine.publish(sequence);
    leave(mine);
    return DMASLAB_OK;
}

int dmaslab_pool_find(dmaslab_pool *pool, uint64_t sequence, dmaslab_handle *slab)
{
    if (!pool || !slab)
        return DMASLAB_INVALID;
    SlabRef found = poolOf(pool)->find(sequence);
    if (!found)
        return DMASLAB_NOT_FOUND;
    *slab = toC(found.detach());
    return DMASLAB_OK;
}

int dmaslab_pool_get_levels(const dmaslab_pool *pool, dmaslab_levels *levels)
{
    if (!pool)
        return DMASLAB_INVALID;
    const PoolLevels census = poolOf(pool)->levels();
    dmaslab_levels now = DMASLAB_LEVELS_INIT;
    now.slabs = census.slabs;
    now.free = census.free;
    now.held = census.held;
    now.hot = census.hot;
    now.warm = census.warm;
    now.cold = census.cold;
    now.low = census.low;
    now.starved = census.starved;
    now.stale_handles = census.staleHandles;
    return fill(levels, now);
}

void *dmaslab_slab_data(const dmaslab_pool *pool, dmaslab_handle slab)
{
    if (!pool || slab.arena != poolOf(pool)->arena().id() || slab.index >= poolOf(pool)->arena().slabs())
        return nullptr;
    return poolOf(pool)->arena().slab(slab.index).data();
}

size_t dmaslab_slab_size(const dmaslab_pool *pool)
{
    return pool ? poolOf(pool)->arena().slabSize() : 0;
}
