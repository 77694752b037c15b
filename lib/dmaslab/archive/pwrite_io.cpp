// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cerrno>
#include <vector>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dmaslab/archive/disk_io.h"
#include "dmaslab/memory/text.h"
#include "dmaslab/ring/futex.h"

namespace dmaslab {

Result<Waker> Waker::create()
{
    UniqueFd fd(eventfd(0, EFD_CLOEXEC));
    if (!fd.isValid())
        return fail(Errc::Limit,
                    "no descriptor to wake the archive's thread with (" + errnoText(errno) +
                        "): raise 'ulimit -n'",
                    errno);
    return Waker(std::move(fd));
}

void Waker::wake() const noexcept
{
    const std::uint64_t one = 1;
    // It can only fail where the count is full already, and then the sleeper wakes as well.
    [[maybe_unused]] const ssize_t written = ::write(fd_.get(), &one, sizeof one);
}

void Waker::drain() const noexcept
{
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(fd_.get(), &count, sizeof count);
}

namespace {

/** Everything is done at once, on the writer's thread: what is left where there is no io_uring. */
class PwriteIo final : public DiskIo
{
public:
    PwriteIo(std::uint32_t depth, const Waker &waker) : waker_(waker)
    {
        queued_.reserve(depth + kExtraOperations);
        done_.reserve(depth + kExtraOperations);
    }

    Result<int> addFile(int fd) override { return fd; }
    void removeFile(int) override {}
    Result<int> pin(const std::byte *, std::size_t) override
    {
        return fail(Errc::Unsupported, "pwrite pins no memory", EOPNOTSUPP);
    }
    void unpin(int) override {}

    void write(int file, std::span<const iovec> pieces, std::uint64_t offset, int,
               std::uint64_t token) override
    {
        queued_.push_back({file, pieces, offset, token, false});
    }
    void sync(int file, std::uint64_t token) override { queued_.push_back({file, {}, 0, token, true}); }

    void submit() override
    {
        for (const Operation &operation : queued_)
            done_.push_back({operation.token, perform(operation)});
        queued_.clear();
    }

    void wait(unsigned wanted, std::int64_t deadlineNs, bool listening) override
    {
        const bool had = !queued_.empty();
        submit();
        if (had || (wanted > 0 && next_ < done_.size()))
            return;
        pollfd on{waker_.fd(), POLLIN, 0};
        timespec timeout{};
        const std::int64_t now = monotonicNowNs();
        const std::int64_t left = deadlineNs > now ? deadlineNs - now : 0;
        timeout.tv_sec = left / 1'000'000'000;
        timeout.tv_nsec = left % 1'000'000'000;
        ++enters_;
        if (ppoll(&on, listening ? 1 : 0, deadlineNs == kNoDeadline ? nullptr : &timeout, nullptr) > 0)
            waker_.drain();
    }

    bool pop(DiskCompletion &completion) override
    {
        if (next_ == done_.size()) {
            done_.clear();
            next_ = 0;
            return false;
        }
        completion = done_[next_++];
        return true;
    }

    std::uint64_t enters() const override { return enters_; }
    const char *name() const override { return "pwrite"; }

private:
    struct Operation
    {
        int file;
        std::span<const iovec> pieces;
        std::uint64_t offset;
        std::uint64_t token;
        bool isSync;
    };

    std::int64_t perform(const Operation &operation)
    {
        for (;;) {
            ++enters_;
            const ssize_t result = operation.isSync
                                       ? fdatasync(operation.file)
                                       : pwritev(operation.file, operation.pieces.data(),
                                                 int(operation.pieces.size()), off_t(operation.offset));
            if (result >= 0)
                return result;
            if (errno != EINTR)
                return -errno;
        }
    }

    const Waker &waker_;
    std::vector<Operation> queued_;
    std::vector<DiskCompletion> done_;
    std::size_t next_ = 0;
    std::uint64_t enters_ = 0;
};

} // namespace

Result<DiskIoPtr> makePwriteIo(std::uint32_t depth, const Waker &waker)
{
    return std::make_unique<PwriteIo>(depth, waker);
}

} // namespace dmaslab
