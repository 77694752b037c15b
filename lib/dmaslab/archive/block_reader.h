// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "dmaslab/error.h"
#include "dmaslab/memory/arena.h"

namespace dmaslab {

/** One piece of a file on its way into memory. */
struct BlockRead
{
    std::uint32_t slot = 0; ///< the caller's name for it
    std::uint32_t file = 0; ///< a place that useFile() filled
    std::byte *dest = nullptr;
    std::uint32_t bytes = 0;
    std::uint64_t offset = 0;
};

struct BlockDone
{
    std::uint32_t slot = 0;
    std::int32_t result = 0; ///< bytes read, or -errno
};

/**
 * Reads pieces of files, several at once where the system can. Calls come from one thread at a time, which
 * need not always be the same. A reader that is destroyed has nothing under way: reap first.
 */
class BlockReader
{
public:
    virtual ~BlockReader() = default;
    /** Whether reads go past the page cache: the files are opened for that, and offsets are whole blocks. */
    [[nodiscard]] virtual bool isDirect() const = 0;
    /** Reads that are worth having under way at once. */
    [[nodiscard]] virtual std::uint32_t depth() const = 0;
    /** The descriptor stays the caller's and open until the place is used for another one. */
    virtual void useFile(std::uint32_t place, int fd) = 0;
    /** Goes to the kernel with the next flush() or reap(). */
    virtual void submit(const BlockRead &read) = 0;
    virtual void flush() = 0;
    /** Fills in what is done; when nothing is, waits at most that long. */
    virtual std::size_t reap(std::span<BlockDone> done, std::int64_t timeoutNs) = 0;
    [[nodiscard]] virtual std::string name() const = 0;
    [[nodiscard]] virtual std::uint64_t systemCalls() const = 0;
};

struct UringReaderOptions
{
    std::uint32_t depth = 8;
    std::uint32_t files = 9; ///< places for useFile()
    const Arena *arena = nullptr;
};

/** The error says which call the kernel refused, and the remedy. `said` gets what could not be had. */
[[nodiscard]] Result<std::unique_ptr<BlockReader>> openUringReader(const UringReaderOptions &options,
                                                                   std::vector<std::string> &said);
/** One read at a time, through the page cache, while somebody waits for it. */
[[nodiscard]] std::unique_ptr<BlockReader> openPreadReader();

} // namespace dmaslab
