// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dmaslab/error.h"
#include "dmaslab/export.h"
#include "dmaslab/unique_fd.h"

namespace dmaslab {

/** What slabs are made of. docs/memory.md tells which device takes which. */
enum class MemoryKind
{
    Auto,     ///< udmabuf where the kernel has it, else memfd
    Udmabuf,  ///< memfd pages, each slab also a dma-buf
    Hugetlb,  ///< reserved huge pages; each slab also a dma-buf where udmabuf exists
    Memfd,    ///< ordinary pages, one file descriptor for all slabs
    DmaHeap,  ///< /dev/dma_heap, for devices that need the heap's placement
    Imported, ///< dma-bufs that somebody else made
};

[[nodiscard]] DMASLAB_EXPORT const char *toString(MemoryKind kind);

struct ArenaRequest
{
    MemoryKind kind = MemoryKind::Auto;
    std::size_t slabSize = 0; ///< payload bytes of one slab
    std::uint32_t slabs = 0;  ///< how many
    int numaNode = -1;        ///< -1: wherever the kernel puts it
    bool lock = false;        ///< mlock; a refusal is a degradation, not an error
    std::string heap;         ///< dma-heap name; empty: "system"
    std::size_t pageSize = 0; ///< 0: the system's; tests pass 16384 to see another machine's layout
};

/** What was really got. */
struct ArenaReport
{
    MemoryKind kind = MemoryKind::Memfd;
    std::size_t pageSize = 0; ///< of the mapping, as the kernel reports it in smaps
    int numaNode = -1;        ///< where the pages are; -1: not known or spread
    bool locked = false;
    bool dmabuf = false; ///< each slab has a dma-buf fd of its own
    /** One sentence per thing that was wanted and not got, each with its remedy. */
    std::vector<std::string> degradations;
};

/**
 * One contiguous range of equal slabs, prefaulted and mapped read-write once.
 * Immutable after creation, hence free to read from any thread.
 */
class DMASLAB_EXPORT Arena
{
public:
    static Result<std::shared_ptr<Arena>> create(const ArenaRequest &request);
    /** Takes ownership of the dma-bufs; each must hold at least slabSize bytes. */
    static Result<std::shared_ptr<Arena>> import(std::vector<UniqueFd> dmabufs, std::size_t slabSize);

    Arena(const Arena &) = delete;
    Arena &operator=(const Arena &) = delete;
    ~Arena();

    /** Unique in this process and never reused, so that a late descriptor cannot meet a new arena. */
    [[nodiscard]] std::uint32_t id() const;
    [[nodiscard]] std::uint32_t slabs() const;
    [[nodiscard]] std::size_t slabSize() const;
    [[nodiscard]] std::size_t stride() const;
    [[nodiscard]] std::byte *base() const;
    [[nodiscard]] std::span<std::byte> slab(std::uint32_t index) const;

    /** The file behind all slabs (memfd kinds), or -1: then each slab has only its dma-buf. */
    [[nodiscard]] int fd() const;
    /** The dma-buf of one slab, or -1 when this kind has none. */
    [[nodiscard]] int dmabufFd(std::uint32_t index) const;
    /** Whether CPU access must be bracketed with beginCpuAccess / endCpuAccess. */
    [[nodiscard]] bool needsCpuSync() const;
    [[nodiscard]] const ArenaReport &report() const;

private:
    struct State;
    explicit Arena(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

} // namespace dmaslab
