// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <gst/gst.h>
#include <gtest/gtest.h>

#include "common/handles.h"
#include "common/loss_ledger.h"

namespace dmaslab::test {

/** Long enough for a loaded machine; reaching it is a failure, never a measurement. */
inline constexpr auto patience = std::chrono::seconds(30);

/**
 * One element between two pads of the test. The sink pad writes down what arrives ("b7" for the buffer with
 * OFFSET 7, "b7!" when it is marked DISCONT, "loss 3-5 queue", "caps", …) and can be shut, so that the
 * element's streaming thread blocks in it exactly as in a stalled sink.
 */
class ElementBench
{
public:
    explicit ElementBench(const char *description);
    ~ElementBench();
    ElementBench(const ElementBench &) = delete;
    ElementBench &operator=(const ElementBench &) = delete;

    GstElement *element() const { return element_.get(); }
    GstPad *source() const { return source_.get(); }
    GstPad *sink() const { return sink_.get(); }
    GstBus *bus() const { return bus_.get(); }

    /** To PLAYING, then stream-start, caps and segment, until they have arrived. */
    void start();
    void stop();
    void pushHeader(const char *caps = "video/x-raw,format=GRAY8,width=4,height=4,framerate=1000/1");

    static BufferPtr frame(std::uint64_t sequence);
    GstFlowReturn push(std::uint64_t sequence) { return push(frame(sequence)); }
    GstFlowReturn push(BufferPtr buffer) { return gst_pad_push(source_.get(), buffer.release()); }
    bool pushEvent(GstEvent *event) { return gst_pad_push_event(source_.get(), event); }
    static GstEvent *mark(const char *name);

    /** The next buffers block in the sink pad until it opens again. */
    void shut();
    void open();
    /** Lets `buffers` through and stays shut. */
    void letThrough(int buffers);
    /** A buffer has arrived in front of the shut gate. */
    void waitBlocked();
    void setFlow(GstFlowReturn flow) { flow_ = flow; }
    void keepBuffers(bool keep) { keep_ = keep; }
    void dropKept();

    std::vector<std::string> log();
    /** Only what begins with one of these. */
    std::vector<std::string> log(const std::vector<std::string> &prefixes);
    void clearLog();
    void waitForLog(const std::string &line);
    bool waitUntil(const std::function<bool()> &condition);
    /** Called for queries at the sink pad; the default answers them all with TRUE. */
    std::function<bool(GstQuery *)> onQuery;

    guint64 stat(const char *field);
    MessagePtr popMessage(GstMessageType type) { return MessagePtr(gst_bus_pop_filtered(bus_.get(), type)); }
    int countMessages(GstMessageType type);

private:
    static GstFlowReturn onChain(GstPad *pad, GstObject *, GstBuffer *buffer);
    static gboolean onEvent(GstPad *pad, GstObject *, GstEvent *event);
    static gboolean onQueryPad(GstPad *pad, GstObject *parent, GstQuery *query);
    void note(std::string line);

    ObjectPtr<GstElement> element_;
    ObjectPtr<GstBus> bus_;
    ObjectPtr<GstPad> source_;
    ObjectPtr<GstPad> sink_;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> log_;
    std::vector<BufferPtr> kept_;
    bool shut_ = false;
    bool flushing_ = false;
    int passes_ = 0;
    int blocked_ = 0;
    std::atomic<GstFlowReturn> flow_{GST_FLOW_OK};
    std::atomic<bool> keep_{false};
};

/** Destroys a buffer's memory loudly: counts the buffers that exist. */
class BufferCensus
{
public:
    BufferPtr make(std::uint64_t sequence);
    [[nodiscard]] int alive() const { return alive_; }

private:
    std::atomic<int> alive_{0};
};

} // namespace dmaslab::test
