// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include <gst/gst.h>

#include "common/handles.h"
#include "common/loss_ledger.h"
#include "dmaslab/ring/doorbell.h"
#include "dmaslab/ring/spsc_ring.h"

namespace dmaslab {

/**
 * The request pad `results` with a small queue and a thread of its own: when nobody takes results from it,
 * results are lost, counted and named, and the picture goes on.
 *
 * send() and event() belong to the thread that processes frames; attach and release to the application.
 */
class ResultsPad
{
public:
    static constexpr std::uint32_t kMostQueued = 64;

    explicit ResultsPad(GstElement *element);
    ~ResultsPad();
    ResultsPad(const ResultsPad &) = delete;
    ResultsPad &operator=(const ResultsPad &) = delete;

    /** Null when there is one already. */
    [[nodiscard]] GstPad *request(GstPadTemplate *templ, const char *name);
    void release(GstPad *pad);
    [[nodiscard]] bool exists() const { return requested_.load(std::memory_order_acquire); }

    /** What a record is: a new one is sent as caps before the next record. */
    void setFormat(GstCaps *caps);
    void setSegment(const GstSegment &segment);
    /** Shares the record. */
    void send(GstBuffer *record, std::uint64_t sequence);
    /** One that goes in line with the records: end of stream, losses, gaps, tags. */
    void event(GstEvent *event);
    void flushStart();
    void flushStop(GstEvent *event);

    [[nodiscard]] std::uint64_t sent() const { return sent_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
    void resetCounts();

private:
    static gboolean activate(GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active);
    static void loop(gpointer self);

    void push(GstMiniObject *item);
    void announce();
    void deliver(GstMiniObject *item);
    void drain();
    [[nodiscard]] ObjectPtr<GstPad> pad();

    GstElement *const element_;
    std::atomic<bool> requested_{false};
    std::atomic<bool> running_{false}; ///< the task may run: between activation and deactivation or flush
    ObjectPtr<GstPad> pad_;            ///< object lock of the element
    SpscRing<GstMiniObject *> ring_;
    Doorbell bell_;
    std::atomic<std::uint32_t> queued_{0}; ///< records in the ring
    std::atomic<std::uint64_t> sent_{0}, dropped_{0};
    std::atomic<bool> begun_{false}; ///< the stream's first events are in the ring, or went through it

    // The processing thread's.
    CapsPtr caps_;
    GstSegment segment_;
    bool capsSent_ = false, segmentSent_ = false;
    LossLedger ledger_;
};

} // namespace dmaslab
