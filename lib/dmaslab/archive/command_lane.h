// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

#include "dmaslab/archive/manifest.h"

namespace dmaslab {

/** What travels beside the frames, rarely, and takes effect between two of them. */
struct WriterCommand
{
    enum class Kind : std::uint8_t
    {
        Series, ///< frames look different from here on
        Note,   ///< an entry of the ledger
        Split,
        Drain,
        Finish,
    };
    Kind kind = Kind::Note;
    std::uint32_t series = 0;
    LossRecord loss;
    std::uint64_t ticket = 0;
    SeriesLayout layout;
};

/** Commands, each with the position of the frame it precedes. Any thread puts, the writer's takes. */
class CommandLane
{
public:
    void put(std::uint64_t position, WriterCommand command)
    {
        const std::lock_guard lock(mutex_);
        commands_.emplace_back(position, std::move(command));
        count_.store(commands_.size(),
                     std::memory_order_seq_cst); // before ring() looks whether the writer sleeps
    }

    /** The next one that is due before the frame at `position`. */
    std::optional<WriterCommand> take(std::uint64_t position)
    {
        // Asked after the frame at `position` was popped: whoever pushed it had put the command first, and
        // the acquire of the pop shows it.
        if (count_.load(std::memory_order_acquire) == 0)
            return std::nullopt;
        const std::lock_guard lock(mutex_);
        if (commands_.empty() || commands_.front().first > position)
            return std::nullopt;
        WriterCommand command = std::move(commands_.front().second);
        commands_.pop_front();
        count_.store(commands_.size(), std::memory_order_release);
        return command;
    }
    /** seq_cst: after the writer has said that it sleeps. */
    [[nodiscard]] bool empty() const { return count_.load(std::memory_order_seq_cst) == 0; }

private:
    std::mutex mutex_;
    std::deque<std::pair<std::uint64_t, WriterCommand>> commands_;
    std::atomic<std::size_t> count_{0};
};

} // namespace dmaslab
