// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <gst/gst.h>

#include "common/handles.h"
#include "common/loss_ledger.h"
#include "common/stats.h"
#include "dmaslab/ring/doorbell.h"
#include "dmaslab/ring/dropping_ring.h"
#include "slabqueue/hold_gate.h"
#include "slabqueue/short_look.h"
#include "slabqueue/side_lane.h"

namespace dmaslab {

enum class Leaky
{
    No,
    Upstream,
    Downstream
};

/** Why frames are lost that a flow return other than OK keeps from going on. */
[[nodiscard]] inline LossReason reasonFor(GstFlowReturn result) noexcept
{
    return result == GST_FLOW_FLUSHING || result == GST_FLOW_EOS ? LossReason::Flush : LossReason::Error;
}

/**
 * A thread boundary. Buffers cross in a lock-free ring; events, serialized queries and losses travel beside
 * it, in order (SideLane). Two threads meet here: the upstream streaming thread (chain, event, query) and the
 * task of the source pad (loop). Everything cold is under `mutex_`, which is never held while pushing,
 * posting or unreffing.
 */
class SlabQueue
{
public:
    SlabQueue(GstElement *element, GstPad *sink, GstPad *source, std::function<void()> beforeEos);
    ~SlabQueue();
    SlabQueue(const SlabQueue &) = delete;
    SlabQueue &operator=(const SlabQueue &) = delete;

    // Settings; maxBuffers counts from the next start, the others at once.
    std::atomic<guint> maxBuffers{4};
    std::atomic<bool> flushOnEos{false};
    void setLeaky(Leaky leaky);
    void setMaxHeld(guint frames);
    [[nodiscard]] Leaky leaky() const noexcept { return leaky_.load(std::memory_order_relaxed); }
    [[nodiscard]] guint maxHeld() const noexcept { return maxHeld_.load(std::memory_order_relaxed); }

    // Life cycle: start before the pads are activated, stop after they were deactivated.
    void start();
    void stop();
    bool activateSink(bool active);
    bool activateSource(bool active);

    // Upstream thread
    GstFlowReturn chain(BufferPtr buffer);
    GstFlowReturn event(EventPtr event);
    bool serializedQuery(GstQuery *query);
    // Any thread
    void reconfigure(); ///< downstream may be linked again

    [[nodiscard]] guint level() const;
    [[nodiscard]] guint capacity() const;
    [[nodiscard]] StructurePtr stats() const;
    /** How often the streaming thread went to sleep, for tests: an idle queue sleeps and stays asleep. */
    [[nodiscard]] std::uint64_t sleeps() const noexcept { return itemBell_.sleepCalls(); }

private:
    using Ring = DroppingRing<GstBuffer *>;
    using Lock = std::unique_lock<std::mutex>;
    using Doomed = std::vector<BufferPtr>; ///< declared before the lock, so that it dies after it

    static constexpr std::uint64_t nobodyWaits = SideLane::nothing;

    // Upstream side (slab_queue_input.cpp)
    std::optional<LossReason> obstacle() noexcept;
    bool waitForRoom();
    void loseNew(BufferPtr buffer, LossReason reason);
    bool loseOldest(LossReason reason);
    GstFlowReturn abandon();
    void noteLevel() noexcept;
    void reportRun(bool newRun, const FrameTimes &times);
    GstFlowReturn flushStart(EventPtr event);
    GstFlowReturn flushStop(EventPtr event);
    GstFlowReturn enqueue(EventPtr event);
    std::optional<GstFlowReturn> refusal(Lock &lock, GstEventType type, bool sticky);

    // Streaming side (slab_queue_output.cpp)
    static void loop(gpointer self);
    void stream();
    GstFlowReturn deliver(Ring::Element element);
    GstFlowReturn deliverSide(std::uint64_t position);
    GstFlowReturn deliverEvent(EventPtr event);
    void deliverLoss(const Loss &loss);
    void deliverLedger(EventPtr event);
    [[nodiscard]] bool flushedAway(EventPtr event);
    void deliverQuery(PendingQuery &pending);
    void deliverCarried();
    GstFlowReturn onDownstreamEos();
    void pauseStreaming(GstFlowReturn result, std::uint64_t epoch);
    [[nodiscard]] bool sideReady() const noexcept;

    // Shared; the mutex is held (slab_queue.cpp)
    void publishLocked() noexcept;
    void restartLocked() noexcept;
    void dropLocked(Ring::Element element, LossReason reason, Doomed &doomed);
    void drainLocked(LossReason reason, std::uint64_t until, Doomed &doomed);
    void clearLaneLocked(bool keepSticky, std::vector<EventPtr> &sticky);
    Loss lossLocked(GstBuffer *buffer, std::uint64_t position, LossReason reason) const;
    // … and not held
    void beginFlush();
    void drain(LossReason reason);
    void wakeBoth() noexcept;

    GstElement *const element_;
    GstPad *const sink_;
    GstPad *const source_;
    const std::function<void()> beforeEos_;

    FrameCounters counters_{LossReason::Queue, LossReason::SlowConsumer, LossReason::Flush,
                            LossReason::Error};
    std::unique_ptr<Ring> ring_;  ///< replaced by start() only, under the mutex
    Doorbell itemBell_{false, 0}; ///< rung for the streaming thread
    std::shared_ptr<HoldGate> gate_ =
        std::make_shared<HoldGate>(); ///< its bell is rung for the upstream thread

    // Read for every buffer, written rarely: one line that both threads keep in their caches.
    alignas(kNoSharing) std::atomic<GstFlowReturn> chainResult_{GST_FLOW_FLUSHING}; ///< what chain answers
    std::atomic<GstFlowReturn> sourceResult_{GST_FLOW_FLUSHING}; ///< not OK: the streaming thread shall stop
    std::atomic<std::uint64_t> nextSide_{SideLane::nothing}; ///< first position the lane has something for
    std::atomic<bool> carriedPending_{false};
    std::atomic<Leaky> leaky_{Leaky::No};
    std::atomic<guint> maxHeld_{0};
    std::atomic<std::uint64_t> wakeAt_{nobodyWaits}; ///< head position the upstream thread waits for

    alignas(kNoSharing) mutable std::mutex mutex_;
    std::condition_variable queryDone_;
    SideLane lane_;
    LossLedger carried_;                  ///< losses of a flush, sent before the next buffer or EOS
    std::vector<EventPtr> carriedEvents_; ///< the same of elements upstream, in a flush
    GstSegment sinkSegment_;
    bool eos_ = false;                    ///< EOS came in: no more buffers until a new stream or segment
    bool unexpected_ = false;             ///< downstream has seen enough (EOS)
    std::atomic<std::uint64_t> epoch_{0}; ///< counts restarts: what a push before one returned says nothing

    // Upstream thread
    alignas(kNoSharing) std::uint64_t headSeen_ = 0;
    std::atomic<guint> high_{0};
    bool losing_ = false;                           ///< the frame before this one was refused
    std::uint64_t lastDropped_ = SideLane::nothing; ///< position of the last one dropped at the old end
    std::int64_t lastReport_ = 0;
    ShortLook lookForRoom_;

    // Streaming thread
    alignas(kNoSharing) std::uint64_t expected_ = 0; ///< position of the next buffer if none is dropped
    ShortLook lookForItem_;
    bool discont_ = false; ///< frames are missing before the next buffer
};

} // namespace dmaslab
