// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>

#include <gst/gst.h>

#include "common/handles.h"
#include "dmaslab/ring/doorbell.h"
#include "dmaslab/ring/spsc_ring.h"

namespace dmaslab {

struct ResultsItem
{
    GstMiniObject *object = nullptr; ///< belongs to who takes it
    std::uint32_t stream = 0;        ///< of which activation of the pad
};

/**
 * Records and events in their order, from the one thread that measures to the one that sends. Neither waits
 * for the other. Records are refused when there are too many; events are not: an end of stream that got lost
 * would leave the branch waiting for ever. Of events that only tell of losses some thousand are kept.
 */
class ResultsQueue
{
public:
    static constexpr std::uint32_t kMostRecords = 64;
    static constexpr std::size_t kMostLateEvents = 16384;

    using Item = ResultsItem;

    ResultsQueue() : ring_(kRing) {}
    ~ResultsQueue();
    ResultsQueue(const ResultsQueue &) = delete;
    ResultsQueue &operator=(const ResultsQueue &) = delete;

    // The measuring thread
    [[nodiscard]] bool hasRoom() const;
    /** Only after hasRoom(). */
    void appendRecord(BufferPtr record, std::uint32_t stream);
    void appendEvent(EventPtr event, std::uint32_t stream);

    // The sending thread
    /** False: interrupted. */
    [[nodiscard]] bool wait(Item &item);
    [[nodiscard]] bool poll(Item &item);

    // Any thread
    void interrupt() { bell_.interrupt(); }
    void allowWaiting() { bell_.reset(); }

private:
    /** Room for events beside the records: there are a handful per change of caps. */
    static constexpr std::size_t kRing = 4 * kMostRecords;

    SpscRing<Item> ring_;
    Doorbell bell_;
    std::uint32_t appended_ = 0;          ///< records; the measuring thread's
    std::atomic<std::uint32_t> taken_{0}; ///< records
    std::atomic<bool> late_{false};       ///< there are events that found the ring full
    std::mutex mutex_;
    std::deque<Item> lateEvents_; ///< mutex_; all of them later than what is in the ring
};

} // namespace dmaslab
