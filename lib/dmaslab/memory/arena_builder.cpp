// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/memory/arena_builder.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include <unistd.h>

#include "dmaslab/memory/arena_layout.h"
#include "dmaslab/memory/available_memory.h"
#include "dmaslab/memory/dma_heap.h"
#include "dmaslab/memory/memfd_backing.h"
#include "dmaslab/memory/numa_nodes.h"
#include "dmaslab/memory/page_info.h"
#include "dmaslab/memory/resource_limits.h"
#include "dmaslab/memory/text.h"
#include "dmaslab/memory/udmabuf.h"

namespace dmaslab {

namespace {

/** Takes one rung of the ladder after the other; a rung that fails leaves its sentence behind. */
class ArenaBuilder
{
public:
    ArenaBuilder(const ArenaRequest &request, const HostPaths &paths) : request_(request), paths_(paths)
    {
        parts_.slabs = request.slabs;
        parts_.slabSize = request.slabSize;
    }

    Result<ArenaParts> build();

private:
    Result<void> fromHeap();
    Result<void> fromMemfd(PageKind pages);
    void addDmabufs(const std::string &got);
    void describePlacement();
    void lock();

    Result<void> checkOrdinaryMemory(const ArenaLayout &layout) const;
    void degrade(const std::string &got, const Error &reason)
    {
        parts_.report.degradations.push_back(got + ": " + reason.message);
    }

    const ArenaRequest &request_;
    const HostPaths &paths_;
    ArenaParts parts_;
};

Result<ArenaParts> ArenaBuilder::build()
{
    if (const auto sane = layoutOf(request_, PageKind::Ordinary); !sane)
        return tl::unexpected(sane.error());
    if (request_.numaNode >= 0) {
        if (const auto known = checkNode(request_.numaNode, paths_); !known)
            return tl::unexpected(known.error());
    }

    bool done = false;
    MemoryKind kind = request_.kind;
    switch (kind) {
    case MemoryKind::Imported:
        return fail(Errc::InvalidArgument, "memory kind 'imported' is made by Arena::import, not by request");
    case MemoryKind::DmaHeap:
        if (const auto made = fromHeap(); made)
            done = true;
        else if (made.error().code == Errc::InvalidArgument)
            return tl::unexpected(made.error());
        else
            degrade("no dma-heap memory, the kind falls back to 'auto'", made.error());
        break;
    case MemoryKind::Hugetlb:
        if (const auto made = fromMemfd(PageKind::Huge); made) {
            done = true;
            addDmabufs("huge pages, but no dma-buf per slab");
        } else {
            degrade("ordinary pages instead of huge ones", made.error());
        }
        break;
    case MemoryKind::Auto:
    case MemoryKind::Udmabuf:
    case MemoryKind::Memfd:
        break;
    }
    if (!done) {
        if (const auto made = fromMemfd(PageKind::Ordinary); !made)
            return tl::unexpected(made.error());
        if (kind != MemoryKind::Memfd)
            addDmabufs("plain memfd pages, no dma-buf per slab");
    }
    lock();
    // Only now: the kernel makes no udmabuf of a file that carries this seal.
    if (parts_.file.isValid()) {
        if (const auto sealed = sealAgainstWriters(parts_.file.get()); !sealed)
            degrade("the slabs can be mapped writable by whoever gets their descriptor", sealed.error());
    }
    describePlacement();
    return std::move(parts_);
}

Result<void> ArenaBuilder::checkOrdinaryMemory(const ArenaLayout &layout) const
{
    return checkMemory(layout.length,
                       std::to_string(request_.slabs) + " slabs of " + bytesText(request_.slabSize), paths_);
}

Result<void> ArenaBuilder::fromHeap()
{
    const auto layout = layoutOf(request_, PageKind::Ordinary);
    if (request_.heap.find('/') != std::string::npos)
        return fail(Errc::InvalidArgument,
                    "dma-heap name '" + request_.heap +
                        "' contains a slash: give the bare name, for example 'system'");
    if (auto enough = checkOrdinaryMemory(*layout); !enough)
        return enough;
    auto dmabufs = allocateFromHeap(request_.heap, request_.slabs, layout->stride, paths_);
    if (!dmabufs)
        return tl::unexpected(dmabufs.error());
    auto mapping = Mapping::reserve(layout->length);
    if (!mapping)
        return tl::unexpected(mapping.error());
    for (std::uint32_t i = 0; i < request_.slabs; ++i) {
        if (auto placed = mapping->place(i * layout->stride, (*dmabufs)[i].get(), layout->stride); !placed)
            return placed;
    }
    parts_.stride = layout->stride;
    parts_.mapping = std::move(*mapping);
    parts_.dmabufs = std::move(*dmabufs);
    parts_.report.kind = MemoryKind::DmaHeap;
    if (request_.numaNode >= 0)
        degrade("memory of NUMA node " + std::to_string(request_.numaNode) + " was not asked for",
                Error{Errc::Unsupported,
                      "a dma-heap chooses its own pages; take 'udmabuf' or 'hugetlb' instead"});
    return {};
}

Result<void> ArenaBuilder::fromMemfd(PageKind pages)
{
    const auto layout = layoutOf(request_, pages);
    if (!layout)
        return tl::unexpected(layout.error());
    // Huge pages were set aside long ago and are not in MemAvailable; mapping them tells whether they
    // suffice.
    if (pages == PageKind::Ordinary) {
        if (auto enough = checkOrdinaryMemory(*layout); !enough)
            return enough;
    }
    auto backing = makeMemfdBacking(layout->length, pages, paths_);
    if (!backing)
        return tl::unexpected(backing.error());
    // With a single node there is nothing to choose, and containers often forbid mbind.
    if (request_.numaNode >= 0 && memoryNodes(paths_).size() > 1) {
        if (const auto preferred = preferNode(backing->mapping, request_.numaNode); !preferred)
            degrade("memory wherever the kernel puts it", preferred.error());
    }
    if (auto filled = prefault(backing->mapping, backing->fd.get()); !filled)
        return filled;
    parts_.stride = layout->stride;
    parts_.mapping = std::move(backing->mapping);
    parts_.file = std::move(backing->fd);
    parts_.report.kind = pages == PageKind::Huge ? MemoryKind::Hugetlb : MemoryKind::Memfd;
    return {};
}

void ArenaBuilder::addDmabufs(const std::string &got)
{
    auto dmabufs = makeUdmabufs(parts_.file.get(), parts_.slabs, parts_.stride, paths_);
    if (!dmabufs) {
        degrade(got, dmabufs.error());
        return;
    }
    parts_.dmabufs = std::move(*dmabufs);
    if (parts_.report.kind == MemoryKind::Memfd)
        parts_.report.kind = MemoryKind::Udmabuf;
}

void ArenaBuilder::lock()
{
    // The kernel never swaps these two, so there is nothing to ask for.
    if (parts_.report.kind == MemoryKind::Hugetlb || parts_.report.kind == MemoryKind::DmaHeap) {
        parts_.report.locked = true;
        return;
    }
    if (!request_.lock)
        return;
    if (const auto locked = lockInMemory(parts_.mapping.base(), parts_.mapping.length()); locked)
        parts_.report.locked = true;
    else
        degrade("slabs are not locked into memory", locked.error());
}

/** The node all sampled pages share, or -1. */
int commonNode(const std::vector<int> &nodes)
{
    if (nodes.empty() || std::count(nodes.begin(), nodes.end(), nodes.front()) != std::ssize(nodes))
        return -1;
    return nodes.front();
}

void ArenaBuilder::describePlacement()
{
    ArenaReport &report = parts_.report;
    report.pageSize = pageSizeAt(parts_.mapping.base());
    if (report.pageSize == 0)
        report.pageSize = report.kind == MemoryKind::Hugetlb ? hugePageSize : systemPageSize();
    report.dmabuf = !parts_.dmabufs.empty();

    const auto nodes = sampleNodes(parts_.mapping);
    report.numaNode = commonNode(nodes);
    if (nodes.empty()) {
        const auto present = memoryNodes(paths_);
        if (present.size() == 1)
            report.numaNode = present.front();
    }
    if (request_.numaNode < 0 || report.numaNode == request_.numaNode || nodes.empty())
        return;
    const auto there = std::count(nodes.begin(), nodes.end(), request_.numaNode);
    degrade("only " + std::to_string(there) + " of " + std::to_string(nodes.size()) +
                " sampled pages are on NUMA node " + std::to_string(request_.numaNode),
            Error{Errc::NoMemory,
                  "the node has too little free memory (see 'numactl -H'); free some there, or "
                  "ask for fewer slabs"});
}

} // namespace

Result<ArenaParts> buildArena(const ArenaRequest &request, const HostPaths &paths)
{
    return ArenaBuilder(request, paths).build();
}

Result<ArenaParts> importArena(std::vector<UniqueFd> dmabufs, std::size_t slabSize)
{
    ArenaRequest request;
    request.slabSize = slabSize;
    request.slabs = static_cast<std::uint32_t>(std::min<std::size_t>(dmabufs.size(), UINT32_MAX));
    const auto layout = layoutOf(request, PageKind::Ordinary);
    if (!layout)
        return tl::unexpected(layout.error());

    auto mapping = Mapping::reserve(layout->length);
    if (!mapping)
        return tl::unexpected(mapping.error());
    for (std::size_t i = 0; i < dmabufs.size(); ++i) {
        const std::string name =
            "dma-buf " + std::to_string(i) + " (descriptor " + std::to_string(dmabufs[i].get()) + ")";
        // A dma-buf answers lseek to its end with its size, and nothing else.
        const off_t size = ::lseek(dmabufs[i].get(), 0, SEEK_END);
        if (size < 0) {
            const int error = errno;
            return fail(Errc::InvalidArgument, name + " has no size: " + errnoText(error), error);
        }
        if (static_cast<std::size_t>(size) < slabSize)
            return fail(Errc::InvalidArgument, name + " holds " + std::to_string(size) +
                                                   " bytes, but a slab needs " + std::to_string(slabSize));
        // Its size may be short of the stride, never of whole pages.
        const std::size_t bytes = roundUp(slabSize, systemPageSize());
        if (auto placed = mapping->place(i * layout->stride, dmabufs[i].get(), bytes); !placed) {
            Error error = std::move(placed.error());
            error.message = name + ": " + error.message;
            return tl::unexpected(std::move(error));
        }
    }
    ArenaParts parts;
    parts.slabs = request.slabs;
    parts.slabSize = slabSize;
    parts.stride = layout->stride;
    parts.mapping = std::move(*mapping);
    parts.dmabufs = std::move(dmabufs);
    parts.report.kind = MemoryKind::Imported;
    parts.report.dmabuf = true;
    parts.report.pageSize = pageSizeAt(parts.mapping.base());
    parts.report.numaNode = commonNode(sampleNodes(parts.mapping));
    return parts;
}

} // namespace dmaslab
