// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <limits>
#include <list>
#include <optional>

#include "common/handles.h"
#include "common/loss_ledger.h"

namespace dmaslab {

/** A serialized query on its way; it lives on the stack of the upstream thread that waits for the answer. */
struct PendingQuery
{
    GstQuery *query = nullptr;
    bool done = false;
    bool answer = false;
};

/**
 * What travels beside the buffers of a queue, in order: serialized events, serialized queries and losses.
 * Each item carries the position of the buffer it precedes. Guarded by the lock of its owner.
 */
class SideLane
{
public:
    /** An event, a query or a loss. */
    struct Item
    {
        std::uint64_t before = 0;
        EventPtr event;
        PendingQuery *query = nullptr;
        std::optional<Loss> loss;
        std::uint64_t unplaced = 0; ///< frames of `loss` that never had a position
    };

    static constexpr std::uint64_t nothing = std::numeric_limits<std::uint64_t>::max();

    void append(std::uint64_t before, EventPtr event);
    void append(std::uint64_t before, PendingQuery *query);
    /** A frame that never got a position: it would have stood at `before`, after all items so far. */
    void appendLoss(std::uint64_t before, const Loss &loss);
    /** The frame at `position` was taken out again: its loss goes ahead of every item that came after it. */
    void insertLossOf(std::uint64_t position, const Loss &loss);

    /** Position the first item precedes, or `nothing`. */
    [[nodiscard]] std::uint64_t next() const noexcept
    {
        return items_.empty() ? nothing : items_.front().before;
    }
    /** Takes the first item if it precedes the buffer at `position`. */
    [[nodiscard]] std::optional<Item> take(std::uint64_t position);
    /** False when it was taken already. */
    bool remove(const PendingQuery *query);

    /** Position of the first STREAM_START, SEGMENT or EOS: with these a stream goes on after an end. */
    [[nodiscard]] std::optional<std::uint64_t> nextRestart() const noexcept;
    /**
     * The number of the frame at `position` for streams that carry none: its position plus the frames lost
     * before they had one.
     */
    [[nodiscard]] std::uint64_t numberAt(std::uint64_t position) const noexcept;

    void restart() noexcept { unplacedTaken_ = 0; }

private:
    [[nodiscard]] bool crowded() const noexcept { return items_.size() >= LossLedger::maxEntries; }

    std::list<Item> items_;
    std::uint64_t unplacedTaken_ = 0; ///< of items that have left
};

} // namespace dmaslab
