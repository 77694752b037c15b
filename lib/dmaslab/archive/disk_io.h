// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include <sys/uio.h>

#include "dmaslab/archive/writer.h"
#include "dmaslab/error.h"
#include "dmaslab/unique_fd.h"

namespace dmaslab {

/** Ends the sleep of a writer's thread; any thread may ring it. */
class Waker
{
public:
    static Result<Waker> create();
    void wake() const noexcept;
    void drain() const noexcept;
    [[nodiscard]] int fd() const { return fd_.get(); }

private:
    explicit Waker(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
};

/** How one operation ended: bytes, or a negative errno. */
struct DiskCompletion
{
    std::uint64_t token = 0;
    std::int64_t result = 0;
};

/**
 * The disk as the writer's thread sees it: operations are queued, started together, and waited for together.
 * All calls come from that one thread.
 */
class DiskIo
{
public:
    static constexpr int kNotPinned = -1;

    virtual ~DiskIo() = default;

    [[nodiscard]] virtual Result<int> addFile(int fd) = 0; ///< its number in the calls below
    virtual void removeFile(int file) = 0;
    /** Pins a range of memory once for many writes; fails where the kernel will not. At most 1 GiB. */
    [[nodiscard]] virtual Result<int> pin(const std::byte *base, std::size_t bytes) = 0;
    virtual void unpin(int pinned) = 0;

    /** `pieces` stay where they are until the completion; a pinned write has one. */
    virtual void write(int file, std::span<const iovec> pieces, std::uint64_t offset, int pinned,
                       std::uint64_t token) = 0;
    virtual void sync(int file, std::uint64_t token) = 0; ///< fdatasync

    /** Starts what was queued. */
    virtual void submit() = 0;
    /**
     * Starts what was queued and sleeps until `wanted` operations are complete, the deadline
     * (CLOCK_MONOTONIC, ns) or, when `listening`, the waker. May return early.
     */
    virtual void wait(unsigned wanted, std::int64_t deadlineNs, bool listening) = 0;
    [[nodiscard]] virtual bool pop(DiskCompletion &completion) = 0;

    [[nodiscard]] virtual std::uint64_t enters() const = 0; ///< system calls so far
    [[nodiscard]] virtual const char *name() const = 0;
};

using DiskIoPtr = std::unique_ptr<DiskIo>;

/** Operations that can be queued beside the writes of frames: a commit's and the waker's. */
inline constexpr unsigned kExtraOperations = 16;

[[nodiscard]] Result<DiskIoPtr> makeUringIo(std::uint32_t depth, const Waker &waker);
[[nodiscard]] Result<DiskIoPtr> makePwriteIo(std::uint32_t depth, const Waker &waker);

/** What a test puts in their place. */
using DiskIoFactory = std::function<Result<DiskIoPtr>(std::uint32_t depth, const Waker &waker)>;

} // namespace dmaslab
