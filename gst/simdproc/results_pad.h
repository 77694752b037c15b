// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include <gst/gst.h>

#include "common/handles.h"
#include "common/loss_ledger.h"
#include "simdproc/results_queue.h"

namespace dmaslab {

/**
 * The request pad `results` with a small queue and a thread of its own: when nobody takes results from it,
 * results are lost, counted and named, and the picture goes on.
 *
 * Each activation of the pad begins a stream with a number of its own; what was queued for another one is
 * thrown away, so that a pad that comes and goes meets nothing of its predecessor.
 */
class ResultsPad
{
public:
    explicit ResultsPad(GstElement *element);
    ResultsPad(const ResultsPad &) = delete;
    ResultsPad &operator=(const ResultsPad &) = delete;

    // The application
    /** Null when there is one already. */
    [[nodiscard]] GstPad *request(GstPadTemplate *templ, const char *name);
    void release(GstPad *pad);

    // The processing thread, or whoever holds the stream lock of the sink pad
    [[nodiscard]] bool exists() const { return stream_.load(std::memory_order_acquire) != 0; }
    /** What a record is: a new one is sent as caps before the next record. Null: there are none. */
    void setFormat(GstCaps *caps);
    void setSegment(const GstSegment &segment);
    /** A new stream comes in. */
    void restart() { announced_ = 0; }
    /** Shares the record. */
    void send(GstBuffer *record, std::uint64_t sequence);
    /** One that goes in line with the records: end of stream, losses, gaps, tags. */
    void event(GstEvent *event);
    void flushStop(GstEvent *event);

    // Any thread
    void flushStart(GstEvent *event);
    [[nodiscard]] std::uint64_t sent() const { return sent_.load(std::memory_order_relaxed); }
    /** Measured while the pad was there, and not sent. */
    [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

    // While nothing streams
    void resetCounts();
    void clear();

private:
    static gboolean activate(GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active);
    static gboolean query(GstPad *pad, GstObject *parent, GstQuery *query);
    static void loop(gpointer self);

    void begin(GstPad *pad);
    void end(GstPad *pad);
    void announce(std::uint32_t stream);
    void announceStream(GstPad *pad, std::uint32_t stream);
    void append(GstEvent *event, std::uint32_t stream) { queue_.appendEvent(EventPtr(event), stream); }
    void appendLosses(std::uint32_t stream);
    void deliver(ResultsQueue::Item item);
    void pushLosses(GstPad *pad);
    void drop(const ResultsQueue::Item &item);
    /** True when it threw away what stays with a pad. */
    bool drain();
    [[nodiscard]] ObjectPtr<GstPad> pad();

    GstElement *const element_;
    ObjectPtr<GstPad> pad_; ///< object lock of the element
    ResultsQueue queue_;
    std::mutex control_; ///< who starts and stops the thread; never held while pushing
    // Release and acquire: who sees a stream sees the queue that begin() emptied for it.
    std::atomic<std::uint32_t> stream_{0}; ///< changes under control_; 0: the pad is not active
    std::uint32_t lastStream_ = 0;         ///< control_
    std::atomic<std::uint64_t> sent_{0}, dropped_{0};

    // The processing thread's
    std::uint32_t announced_ = 0; ///< the stream that has its first events
    CapsPtr caps_;
    GstSegment segment_;
    bool capsSent_ = false, segmentSent_ = false;
    LossLedger ledger_; ///< what the queue had no room for

    // The sending thread's
    LossLedger refused_; ///< what the branch did not take
    GstSegment sentSegment_;
};

} // namespace dmaslab
