// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <gst/gst.h>
#include <gtest/gtest.h>

#include "common/gst.h"
#include "common/handles.h"
#include "common/loss_ledger.h"

namespace dmaslab::test {

/** A whole pipeline as an application runs it. Every wait ends in a failed test, never in a hang. */
class Pipeline
{
public:
    explicit Pipeline(const std::string &description);
    ~Pipeline() { stop(); }
    Pipeline(const Pipeline &) = delete;
    Pipeline &operator=(const Pipeline &) = delete;

    [[nodiscard]] GstElement *get() const { return pipeline_.get(); }
    [[nodiscard]] ObjectPtr<GstElement> element(const std::string &name) const;
    [[nodiscard]] ObjectPtr<GstPad> pad(const std::string &element, const char *pad) const;

    void play();
    void stop();
    /** Until EOS; an error message fails the test with its text. */
    void waitEnd(GstClockTime atMost = 30 * GST_SECOND);
    void runToEnd(GstClockTime atMost = 30 * GST_SECOND);
    /** The next message of this type; empty (and a failed test) when none comes. */
    [[nodiscard]] MessagePtr waitMessage(GstMessageType type);
    [[nodiscard]] int countMessages(GstMessageType type);

    [[nodiscard]] guint64 stat(const std::string &element, const char *field) const;
    static bool waitUntil(const std::function<bool()> &condition, unsigned seconds = 30);

private:
    ObjectPtr<GstElement> pipeline_;
    ObjectPtr<GstBus> bus_;
};

/** EOS from outside. The frame that the source has in its hand then is lost, and counted so (flush). */
void endStream(Pipeline &pipeline, const std::string &source = "src");
/** in = out + dropped + in flight, and after the end nothing is in flight. */
void expectConservation(const Pipeline &pipeline, const std::string &element);
/** The same, with every slab of the source back in its pool. */
void expectAllHome(const Pipeline &pipeline, const std::string &source = "src");

/** What the frame says of itself: its number, and whether its pixels are those of that number. */
struct FrameLook
{
    bool whole = false;
    guint64 sequence = 0;
    const void *data = nullptr;
};
[[nodiscard]] FrameLook lookAt(GstBuffer *buffer);
[[nodiscard]] FrameLook lookAt(GstMemory *memory);

/**
 * Stands at a pad and writes down the frames and losses that pass. What it is told to do with a buffer it
 * does in the streaming thread, before the element behind the pad sees the buffer; there it may also wait.
 */
class PadWatch
{
public:
    using OnBuffer = std::function<void(GstBuffer *)>;
    PadWatch(const Pipeline &pipeline, const std::string &element, const char *pad = "sink",
             OnBuffer onBuffer = {});
    PadWatch(GstPad *pad, OnBuffer onBuffer);
    ~PadWatch();
    PadWatch(const PadWatch &) = delete;
    PadWatch &operator=(const PadWatch &) = delete;

    /** For a pad behind an element that numbers the frames anew: OFFSET is not the stamp's number there. */
    void ignoreNumbers() { checksNumbers_ = false; }
    /** Buffers wait here until open(), also in a stopping pipeline. */
    void shut();
    void open();
    void waitBlocked();
    void waitFor(std::size_t frames);

    [[nodiscard]] std::vector<guint64> sequences() const;
    [[nodiscard]] std::vector<Loss> losses() const;
    [[nodiscard]] std::size_t count() const;
    [[nodiscard]] guint64 last() const; ///< G_MAXUINT64 before the first
    [[nodiscard]] std::size_t wrong() const;
    [[nodiscard]] std::size_t disconts() const;
    [[nodiscard]] std::size_t slabs() const; ///< of the frames, those that are slabs

    /** Frames 0..total-1 came, or their loss was named: each once, none of them both. */
    void expectEveryFrameOrItsLoss(guint64 total) const;
    /** Frames 0..total-1 came and nothing was lost. */
    void expectEveryFrame(guint64 total) const;

private:
    static GstPadProbeReturn onProbe(GstPad *, GstPadProbeInfo *info, gpointer self);
    void see(GstBuffer *buffer);

    ObjectPtr<GstPad> pad_;
    gulong probe_ = 0;
    OnBuffer onBuffer_;
    std::atomic<bool> checksNumbers_{true};

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool shut_ = false;
    int blocked_ = 0;
    std::vector<guint64> sequences_;
    std::vector<Loss> losses_;
    std::size_t wrong_ = 0, disconts_ = 0, slabs_ = 0;
};

} // namespace dmaslab::test
