// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <fcntl.h>

#include "dmaslab/archive/disk_io.h"

namespace dmaslab::testing {

/** What a test does to the operations of a writer. Shared with the writer's thread. */
struct Faults
{
    enum class Op
    {
        Frames, ///< writes of frames: large, and pinned or not
        Other,  ///< writes of a commit
        Sync,
    };
    struct Asked
    {
        Op op;
        std::uint64_t number; ///< of its kind, from 0
        std::uint64_t bytes;
    };
    /** What an operation ends with instead of being done; nothing: it is done. Called on the writer's thread.
     */
    std::function<std::optional<std::int64_t>(const Asked &)> instead;
    std::atomic<bool> hold{false}; ///< completions of frames wait
    std::atomic<std::uint64_t> framesWritten{0}, syncs{0}, vectors{0};
    bool canPin = true;
    bool refuseDirect = false; ///< EINVAL for frames as long as their file has O_DIRECT
};

/** pwrite with faults: the same on every kernel. */
class FaultyIo final : public DiskIo
{
public:
    FaultyIo(DiskIoPtr real, std::shared_ptr<Faults> faults)
        : real_(std::move(real)), faults_(std::move(faults))
    {
    }
    static DiskIoFactory factory(std::shared_ptr<Faults> faults)
    {
        return [faults](std::uint32_t depth, const Waker &waker) -> Result<DiskIoPtr> {
            return std::make_unique<FaultyIo>(*makePwriteIo(depth, waker), faults);
        };
    }

    Result<int> addFile(int fd) override { return real_->addFile(fd); }
    void removeFile(int file) override { real_->removeFile(file); }
    Result<int> pin(const std::byte *, std::size_t) override
    {
        if (faults_->canPin)
            return pins_++;
        return fail(Errc::Limit, "no pin for a test", ENOMEM);
    }
    void unpin(int) override {}

    void write(int file, std::span<const iovec> pieces, std::uint64_t offset, int pinned,
               std::uint64_t token) override
    {
        std::uint64_t bytes = 0;
        for (const iovec &piece : pieces)
            bytes += piece.iov_len;
        const bool isFrame = token < (std::uint64_t{1} << 32);
        if (isFrame && pieces.size() > 1)
            ++faults_->vectors;
        if (isFrame && faults_->refuseDirect && (fcntl(file, F_GETFL) & O_DIRECT)) {
            ended_.push_back({token, -EINVAL});
            return;
        }
        const auto end = decide(isFrame ? Faults::Op::Frames : Faults::Op::Other, bytes);
        if (end && *end <= 0) {
            ended_.push_back({token, *end});
            return;
        }
        if (end) { // short: the first so many bytes
            cut_.push_back({static_cast<std::byte *>(pieces[0].iov_base), std::size_t(*end)});
            real_->write(file, {&cut_.back(), 1}, offset, pinned, token);
            return;
        }
        if (isFrame)
            ++faults_->framesWritten;
        real_->write(file, pieces, offset, pinned, token);
    }
    void sync(int file, std::uint64_t token) override
    {
        ++faults_->syncs;
        if (const auto end = decide(Faults::Op::Sync, 0))
            ended_.push_back({token, *end});
        else
            real_->sync(file, token);
    }
    void submit() override { real_->submit(); }
    void wait(unsigned wanted, std::int64_t deadlineNs, bool listening) override
    {
        if (!ended_.empty()) {
            real_->submit();
            std::this_thread::yield(); // what is held would otherwise be looked for without end
        } else
            real_->wait(wanted, deadlineNs, listening);
    }
    bool pop(DiskCompletion &completion) override
    {
        DiskCompletion done;
        while (real_->pop(done))
            ended_.push_back(done);
        for (auto it = ended_.begin(); it != ended_.end(); ++it) {
            if (faults_->hold && it->token < (std::uint64_t{1} << 32))
                continue;
            completion = *it;
            ended_.erase(it);
            return true;
        }
        return false;
    }
    std::uint64_t enters() const override { return real_->enters(); }
    const char *name() const override { return "faulty"; }

private:
    std::optional<std::int64_t> decide(Faults::Op op, std::uint64_t bytes)
    {
        const std::uint64_t number = numbers_[op]++;
        return faults_->instead ? faults_->instead({op, number, bytes}) : std::nullopt;
    }

    DiskIoPtr real_;
    std::shared_ptr<Faults> faults_;
    std::map<Faults::Op, std::uint64_t> numbers_;
    std::deque<DiskCompletion> ended_;
    std::deque<iovec> cut_;
    int pins_ = 0;
};

} // namespace dmaslab::testing
