// SPDX-License-Identifier: LGPL-2.1-or-later
#include <bit>
#include <cerrno>
#include <cstring>
#include <vector>

#include <liburing.h>

#include "dmaslab/archive/disk_io.h"
#include "dmaslab/archive/uring_setup.h"
#include "dmaslab/memory/text.h"
#include "dmaslab/ring/futex.h"

namespace dmaslab {

namespace {

constexpr unsigned kFiles = 32;
constexpr unsigned kBuffers = 128;
constexpr std::uint64_t kWakerToken = std::uint64_t{1} << 63; // liburing keeps ~0 for itself
/** Writes to preallocated files complete without a worker; where a kernel punts them, more gain nothing. */
constexpr unsigned kMostWorkers = 3;

/** One ring, owned by the thread that makes it. */
class UringIo final : public DiskIo
{
public:
    static Result<DiskIoPtr> create(std::uint32_t depth, const Waker &waker)
    {
        std::unique_ptr<UringIo> io(new UringIo(waker));
        const unsigned entries = std::bit_ceil(depth + kExtraOperations);
        if (const int error = setUpRing(io->ring_, entries, RingOwner::OneThread); error != 0)
            return fail(Errc::Unsupported,
                        std::string("io_uring cannot be used here (") + errnoText(error) +
                            "): " + uringRemedy(error),
                        error);
        io->live_ = true;
        io->registerTables();
        return io;
    }

    ~UringIo() override
    {
        if (!live_)
            return;
        // The kernel cancels what is under way after we have gone, and a read that then ends writes into us.
        DiskCompletion ignored;
        while (listening_) {
            waker_.wake();
            wait(1, kNoDeadline, true);
            while (pop(ignored)) {
            }
        }
        io_uring_queue_exit(&ring_);
    }

    Result<int> addFile(int fd) override
    {
        for (std::size_t i = 0; i < files_.size(); ++i) {
            if (files_[i] >= 0)
                continue;
            files_[i] = fd;
            if (fixedFiles_ && io_uring_register_files_update(&ring_, unsigned(i), &fd, 1) != 1)
                fixedFiles_ = false; // the numbers stay, plain descriptors serve from here on
            return int(i);
        }
        return fail(Errc::Limit, "more than " + std::to_string(kFiles) + " files open in one recording",
                    EMFILE);
    }

    void removeFile(int file) override
    {
        int none = -1;
        if (fixedFiles_)
            io_uring_register_files_update(&ring_, unsigned(file), &none, 1);
        files_[std::size_t(file)] = -1;
    }

    Result<int> pin(const std::byte *base, std::size_t bytes) override
    {
        if (!fixedBuffers_)
            return fail(Errc::Unsupported, "this kernel pins no single ranges (Linux 5.19 does)", EOPNOTSUPP);
        for (std::size_t i = 0; i < pinned_.size(); ++i) {
            if (pinned_[i])
                continue;
            const iovec range{const_cast<std::byte *>(base), bytes};
            const __u64 tag = 0;
            int done = io_uring_register_buffers_update_tag(&ring_, unsigned(i), &range, &tag, 1);
            if (done == -ENOMEM && raiseLockedMemoryLimit())
                done = io_uring_register_buffers_update_tag(&ring_, unsigned(i), &range, &tag, 1);
            if (done != 1)
                return fail(Errc::Limit, "the kernel will not pin this memory: " + errnoText(-done), -done);
            pinned_[i] = true;
            return int(i);
        }
        return fail(Errc::Limit, "more than " + std::to_string(kBuffers) + " ranges pinned", EMFILE);
    }

    void unpin(int pinned) override
    {
        const iovec none{};
        const __u64 tag = 0;
        io_uring_register_buffers_update_tag(&ring_, unsigned(pinned), &none, &tag, 1);
        pinned_[std::size_t(pinned)] = false;
    }

    void write(int file, std::span<const iovec> pieces, std::uint64_t offset, int pinned,
               std::uint64_t token) override
    {
        io_uring_sqe *sqe = nextSqe();
        const int fd = fixedFiles_ ? file : files_[std::size_t(file)];
        const iovec &first = pieces.front();
        if (pieces.size() > 1)
            io_uring_prep_writev(sqe, fd, pieces.data(), unsigned(pieces.size()), offset);
        else if (pinned >= 0)
            io_uring_prep_write_fixed(sqe, fd, first.iov_base, unsigned(first.iov_len), offset, pinned);
        else
            io_uring_prep_write(sqe, fd, first.iov_base, unsigned(first.iov_len), offset);
        finish(sqe, token);
    }

    void sync(int file, std::uint64_t token) override
    {
        io_uring_sqe *sqe = nextSqe();
        io_uring_prep_fsync(sqe, fixedFiles_ ? file : files_[std::size_t(file)], IORING_FSYNC_DATASYNC);
        finish(sqe, token);
    }

    void submit() override
    {
        if (io_uring_sq_ready(&ring_) == 0)
            return;
        ++enters_;
        io_uring_submit(&ring_); // what it does not take now stays queued for the next call
    }

    void wait(unsigned wanted, std::int64_t deadlineNs, bool listening) override
    {
        if (listening && !listening_) {
            io_uring_sqe *sqe = nextSqe();
            io_uring_prep_read(sqe, waker_.fd(), &wakerCount_, sizeof wakerCount_, 0);
            io_uring_sqe_set_data64(sqe, kWakerToken);
            listening_ = true;
        }
        __kernel_timespec timeout{};
        const std::int64_t now = monotonicNowNs();
        const std::int64_t left = deadlineNs > now ? deadlineNs - now : 0;
        timeout.tv_sec = left / 1'000'000'000;
        timeout.tv_nsec = left % 1'000'000'000;
        io_uring_cqe *cqe = nullptr;
        ++enters_;
        // A timeout, a signal or a full completion queue all mean: look what is there, and come again.
        io_uring_submit_and_wait_timeout(&ring_, &cqe, listening ? 1 : wanted,
                                         deadlineNs == kNoDeadline ? nullptr : &timeout, nullptr);
    }

    bool pop(DiskCompletion &completion) override
    {
        for (;;) {
            io_uring_cqe *cqe = nullptr;
            if (io_uring_peek_cqe(&ring_, &cqe) != 0 || !cqe)
                return false;
            completion = {io_uring_cqe_get_data64(cqe), cqe->res};
            io_uring_cqe_seen(&ring_, cqe);
            if (completion.token != kWakerToken)
                return true;
            listening_ = false;
        }
    }

    std::uint64_t enters() const override { return enters_; }
    const char *name() const override { return "uring"; }

private:
    explicit UringIo(const Waker &waker) : waker_(waker), files_(kFiles, -1), pinned_(kBuffers, false) {}

    void registerTables()
    {
        io_uring_register_ring_fd(&ring_); // saves a look-up per call where the kernel has it (5.18)
        fixedFiles_ = io_uring_register_files(&ring_, files_.data(), kFiles) == 0;
        fixedBuffers_ = io_uring_register_buffers_sparse(&ring_, kBuffers) == 0;
        unsigned workers[2] = {kMostWorkers, 1};
        io_uring_register_iowq_max_workers(&ring_, workers); // 5.15; without it there may be more of them
    }

    io_uring_sqe *nextSqe()
    {
        // The ring has a place for every operation there can be; a full queue only means it was not handed
        // over.
        for (;;) {
            if (io_uring_sqe *sqe = io_uring_get_sqe(&ring_))
                return sqe;
            submit();
        }
    }

    void finish(io_uring_sqe *sqe, std::uint64_t token)
    {
        if (fixedFiles_)
            io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
        io_uring_sqe_set_data64(sqe, token);
    }

    const Waker &waker_;
    io_uring ring_{};
    bool live_ = false;
    bool fixedFiles_ = false;
    bool fixedBuffers_ = false;
    bool listening_ = false;
    std::uint64_t wakerCount_ = 0;
    std::uint64_t enters_ = 0;
    std::vector<int> files_;
    std::vector<bool> pinned_;
};

} // namespace

Result<DiskIoPtr> makeUringIo(std::uint32_t depth, const Waker &waker)
{
    return UringIo::create(depth, waker);
}

} // namespace dmaslab
