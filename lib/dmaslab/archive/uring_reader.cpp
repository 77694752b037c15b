// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include <liburing.h>
#include <sys/uio.h>

#include "dmaslab/archive/block_reader.h"
#include "dmaslab/archive/uring_setup.h"
#include "dmaslab/memory/text.h"

namespace dmaslab {

namespace {

/** What io_uring takes as one registered buffer. */
constexpr std::uint64_t kMostPinnedAtOnce = std::uint64_t{1} << 30;
constexpr std::uint32_t kMostBatch = 64;

class UringReader final : public BlockReader
{
public:
    UringReader(io_uring ring, const UringReaderOptions &options)
        : ring_(ring), depth_(options.depth), files_(options.files, -1)
    {
    }
    UringReader(const UringReader &) = delete;
    UringReader &operator=(const UringReader &) = delete;
    ~UringReader() override { io_uring_queue_exit(&ring_); }

    void pin(const Arena &arena, std::vector<std::string> &said)
    {
        const std::uint64_t stride = arena.stride();
        const std::uint64_t perPiece = kMostPinnedAtOnce / stride;
        if (perPiece == 0)
            return; // slabs of more than 1 GiB: pinning per read costs nothing beside reading them
        std::vector<iovec> pieces;
        for (std::uint64_t slab = 0; slab < arena.slabs(); slab += perPiece) {
            const std::uint64_t slabs = std::min<std::uint64_t>(perPiece, arena.slabs() - slab);
            pieces.push_back({arena.base() + slab * stride, slabs * stride});
        }
        const int result = io_uring_register_buffers(&ring_, pieces.data(), unsigned(pieces.size()));
        if (result == 0) {
            base_ = arena.base();
            pinnedBytes_ = stride * arena.slabs();
            pieceBytes_ = stride * perPiece;
            return;
        }
        if (result > 0) // a part of them, which is of no use
            io_uring_unregister_buffers(&ring_);
        said.push_back("the slabs could not be registered with io_uring, so the kernel pins their pages for "
                       "each read: " +
                       (result > 0 ? std::string("it took a part only") : uringRemedy(-result)));
    }

    void registerFiles()
    {
        haveFiles_ = io_uring_register_files(&ring_, files_.data(), unsigned(files_.size())) == 0;
    }

    [[nodiscard]] bool isDirect() const override { return true; }
    [[nodiscard]] std::uint32_t depth() const override { return depth_; }

    void useFile(std::uint32_t place, int fd) override
    {
        files_[place] = fd;
        if (haveFiles_)
            haveFiles_ = io_uring_register_files_update(&ring_, place, &fd, 1) == 1;
    }

    void submit(const BlockRead &read) override
    {
        io_uring_sqe *entry = io_uring_get_sqe(&ring_);
        while (!entry) {
            flush();
            entry = io_uring_get_sqe(&ring_);
        }
        const int fd = haveFiles_ ? int(read.file) : files_[read.file];
        const auto at = std::uint64_t(read.dest - base_);
        if (base_ && read.dest >= base_ && at < pinnedBytes_)
            io_uring_prep_read_fixed(entry, fd, read.dest, read.bytes, read.offset, int(at / pieceBytes_));
        else
            io_uring_prep_read(entry, fd, read.dest, read.bytes, read.offset);
        if (haveFiles_)
            entry->flags |= IOSQE_FIXED_FILE;
        entry->user_data = read.slot;
        ++pending_;
    }

    void flush() override
    {
        if (io_uring_sq_ready(&ring_) == 0)
            return;
        ++calls_;
        (void)io_uring_submit(&ring_); // what it did not take stays in the queue for the next call
    }

    std::size_t reap(std::span<BlockDone> done, std::int64_t timeoutNs) override
    {
        if (const std::size_t found = collect(done); found > 0 || pending_ == 0)
            return found;
        __kernel_timespec timeout{timeoutNs / 1'000'000'000, timeoutNs % 1'000'000'000};
        io_uring_cqe *first = nullptr;
        ++calls_;
        // Interrupted, out of time, or busy: the caller looks again in any case.
        (void)io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr);
        return collect(done);
    }

    [[nodiscard]] std::string name() const override
    {
        return std::string("uring, direct") + (base_ ? ", fixed" : "");
    }
    [[nodiscard]] std::uint64_t systemCalls() const override { return calls_; }

private:
    std::size_t collect(std::span<BlockDone> done)
    {
        std::array<io_uring_cqe *, kMostBatch> entries;
        const unsigned wanted = unsigned(std::min<std::size_t>(done.size(), entries.size()));
        const unsigned found = io_uring_peek_batch_cqe(&ring_, entries.data(), wanted);
        std::size_t ours = 0;
        for (unsigned i = 0; i < found; ++i) {
            // Older kernels have liburing's own timeouts among the completions.
            if (entries[i]->user_data < depth_) {
                done[ours++] = {std::uint32_t(entries[i]->user_data), entries[i]->res};
                --pending_;
            }
        }
        io_uring_cq_advance(&ring_, found);
        return ours;
    }

    io_uring ring_;
    const std::uint32_t depth_;
    std::vector<int> files_;
    bool haveFiles_ = false;
    std::byte *base_ = nullptr; ///< of what is registered; nullptr: nothing
    std::uint64_t pinnedBytes_ = 0;
    std::uint64_t pieceBytes_ = 0;
    std::uint32_t pending_ = 0;
    std::uint64_t calls_ = 0;
};

} // namespace

Result<std::unique_ptr<BlockReader>> openUringReader(const UringReaderOptions &options,
                                                     std::vector<std::string> &said)
{
    io_uring ring{};
    // Room for a timeout that liburing puts in between on older kernels.
    const int error = setUpRing(ring, std::bit_ceil(options.depth + 2), RingOwner::AnyThread);
    if (error != 0)
        return fail(Errc::Unsupported,
                    "io_uring cannot be used (" + errnoText(error) + "): " + uringRemedy(error), error);
    auto reader = std::make_unique<UringReader>(ring, options);
    reader->registerFiles();
    if (options.arena)
        reader->pin(*options.arena, said);
    return reader;
}

} // namespace dmaslab
