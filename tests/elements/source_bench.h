// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <gst/check/gsttestclock.h>
#include <gst/gst.h>
#include <gtest/gtest.h>

#include "common/handles.h"

namespace dmaslab::test {

/** What a buffer said when it arrived. */
struct Arrival
{
    std::uint64_t sequence = 0;
    GstClockTime pts = 0;
    GstClockTime duration = 0;
    bool discont = false;
    gsize size = 0;
};

/**
 * A source of ours in front of a pad of the test. The pad writes down what arrives ("b7", "b7!" with DISCONT,
 * "loss 3-5 starved", "skip 1-9 x9", "caps", "eos", …), keeps the buffers when told to, and can be shut like
 * a stalled sink. With deadlines the source runs on a clock that only the test moves.
 */
class SourceBench
{
public:
    /** Long enough for a loaded machine; reaching it is a failure, never a measurement. */
    static constexpr auto patience = std::chrono::seconds(30);
    static constexpr GstClockTime epoch = 5 * GST_SECOND; ///< what the test's clock shows at the start

    explicit SourceBench(const std::string &properties,
                         const std::string &caps = "video/x-raw,format=GRAY8,width=32,height=8,"
                                                   "framerate=100/1",
                         const std::string &factory = "dmaslabsrc");
    ~SourceBench();
    SourceBench(const SourceBench &) = delete;
    SourceBench &operator=(const SourceBench &) = delete;

    GstElement *element() const { return element_.get(); }
    GstPad *pad() const { return source_.get(); }
    GstTestClock *clock() const { return GST_TEST_CLOCK(clock_.get()); }

    void play();
    /** As a pipeline does it: running time stands still between the two. */
    void pause();
    void resume();
    void stop();

    /** Waits until the source waits for a deadline, and makes it that time. */
    void tick(int deadlines = 1);
    /** Waits until the source waits for a deadline. */
    void awaitWaiting();
    void advance(GstClockTime time) { gst_test_clock_advance_time(clock(), time); }

    void keep(bool keep);
    /** Lets go of what was kept, the oldest first. */
    void release(std::size_t buffers = SIZE_MAX);
    std::vector<GstBuffer *> kept();
    void shut();
    void open();
    void setFlow(GstFlowReturn flow);
    /** Other caps from now on, or the same once more after a change of branches. */
    void renegotiate(const std::string &caps = "");
    /** What the pad answers to the ALLOCATION query; 0: that it has no answer. */
    void declare(guint buffers) { declared_ = buffers; }
    /** And the bytes behind each frame that it asks for. */
    void askForPadding(gsize bytes) { padding_ = bytes; }
    std::function<void(GstBuffer *)> onBuffer;

    std::vector<Arrival> arrivals();
    std::vector<std::string> log();
    /** Without caps, segments and the like: buffers, losses, skips, eos. */
    std::vector<std::string> story();
    void waitForFrames(std::size_t frames);
    void waitForLog(const std::string &line);
    void waitUntil(const std::function<bool()> &condition, const char *what);
    void waitForStat(const char *field, guint64 value);

    StructurePtr stats();
    guint64 stat(const char *field);
    guint count(const char *field);
    /** frames-in = frames-out + dropped + frames-in-flight, and dropped is the sum of its reasons. */
    void expectConservation(guint64 inFlight = 0);

    MessagePtr pop(GstMessageType type);
    /** The texts of all messages of this type that are on the bus, in order; other messages stay away. */
    std::vector<std::string> texts(GstMessageType type);
    std::vector<MessagePtr> popAll(GstMessageType type);

private:
    static GstFlowReturn onChain(GstPad *pad, GstObject *, GstBuffer *buffer);
    static gboolean onEvent(GstPad *pad, GstObject *, GstEvent *event);
    static gboolean onQuery(GstPad *pad, GstObject *parent, GstQuery *query);
    void note(std::string line);

    ObjectPtr<GstElement> element_;
    ObjectPtr<GstBus> bus_;
    ObjectPtr<GstPad> source_;
    ObjectPtr<GstPad> sink_;
    ObjectPtr<GstClock> clock_;
    GstClockTime pausedAt_ = 0;
    std::atomic<guint> declared_{0};
    std::atomic<gsize> padding_{0};
    std::vector<MessagePtr> inbox_; ///< taken from the bus, not asked for yet

    std::mutex mutex_;
    std::condition_variable changed_;
    CapsPtr caps_;
    std::vector<std::string> log_;
    std::vector<Arrival> arrivals_;
    std::deque<BufferPtr> kept_;
    bool keep_ = false, shut_ = false, flushing_ = false;
    GstFlowReturn flow_ = GST_FLOW_OK;
};

/** A pipeline from a gst-launch line. */
[[nodiscard]] ObjectPtr<GstElement> launch(const std::string &line);
/** Plays it to EOS or ERROR and returns that message. */
[[nodiscard]] MessagePtr runToEnd(GstElement *pipeline);
/** The text of an error or warning, empty for another message. */
[[nodiscard]] std::string textOf(GstMessage *message);

} // namespace dmaslab::test
