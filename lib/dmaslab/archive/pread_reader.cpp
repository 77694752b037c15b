// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cerrno>
#include <deque>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "dmaslab/archive/block_reader.h"

namespace dmaslab {

namespace {

class PreadReader final : public BlockReader
{
public:
    [[nodiscard]] bool isDirect() const override { return false; }
    // More would only hold slabs: the kernel's own readahead looks further.
    [[nodiscard]] std::uint32_t depth() const override { return 1; }

    void useFile(std::uint32_t place, int fd) override
    {
        if (files_.size() <= place)
            files_.resize(place + 1, -1);
        files_[place] = fd;
        posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }

    void submit(const BlockRead &read) override { queue_.push_back(read); }
    void flush() override {}

    std::size_t reap(std::span<BlockDone> done, std::int64_t) override
    {
        if (queue_.empty() || done.empty())
            return 0;
        const BlockRead read = queue_.front();
        queue_.pop_front();
        ++calls_;
        const ssize_t got = ::pread(files_[read.file], read.dest, read.bytes, off_t(read.offset));
        done[0] = {read.slot, got < 0 ? -errno : std::int32_t(got)};
        return 1;
    }

    [[nodiscard]] std::string name() const override { return "pread"; }
    [[nodiscard]] std::uint64_t systemCalls() const override { return calls_; }

private:
    std::vector<int> files_;
    std::deque<BlockRead> queue_;
    std::uint64_t calls_ = 0;
};

} // namespace

std::unique_ptr<BlockReader> openPreadReader()
{
    return std::make_unique<PreadReader>();
}

} // namespace dmaslab
