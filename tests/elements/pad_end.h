// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <gst/gst.h>

#include "common/handles.h"

namespace dmaslab::test {

/**
 * A sink pad of the test. It writes down what arrives ("b7" for the buffer with OFFSET 7, "loss 3-5 queue",
 * "skip 1-2", "caps", …), keeps the buffers, and can be shut, so that who pushes blocks as in a stalled sink.
 */
class PadEnd
{
public:
    using Lines = std::vector<std::string>;

    PadEnd();
    ~PadEnd();
    PadEnd(const PadEnd &) = delete;
    PadEnd &operator=(const PadEnd &) = delete;

    /** Takes what this pad sends, until unlink(). */
    void link(GstPad *from);
    void unlink();

    void shut();
    void open();
    void waitBlocked();
    void setFlow(GstFlowReturn flow) { flow_ = flow; }
    void keepNothing() { keeps_ = false; }

    [[nodiscard]] Lines log() const;
    /** Only what begins with one of these. */
    [[nodiscard]] Lines log(const Lines &prefixes) const;
    void clearLog();
    [[nodiscard]] std::size_t count() const;
    bool waitFor(std::size_t buffers) const;
    bool waitForLine(const std::string &line) const;
    /** Of those that were kept. */
    [[nodiscard]] BufferPtr buffer(std::size_t index) const;
    void forget();
    /** The last; null before. */
    [[nodiscard]] CapsPtr caps() const;

    /** Called for queries; who sets none answers ALLOCATION with TRUE and nothing in it. */
    std::function<bool(GstQuery *)> onQuery;
    /** What CAPS queries say. */
    CapsPtr wants{gst_caps_new_any()};

private:
    static GstFlowReturn onChain(GstPad *pad, GstObject *, GstBuffer *buffer);
    static gboolean onEvent(GstPad *pad, GstObject *, GstEvent *event);
    static gboolean onQueryPad(GstPad *pad, GstObject *parent, GstQuery *query);
    void note(std::string line);
    template <typename Condition>
    bool wait(Condition condition) const;

    ObjectPtr<GstPad> pad_;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    Lines log_;
    std::vector<BufferPtr> kept_;
    CapsPtr caps_;
    std::size_t count_ = 0;
    bool shut_ = false, flushing_ = false;
    int blocked_ = 0;
    std::atomic<GstFlowReturn> flow_{GST_FLOW_OK};
    std::atomic<bool> keeps_{true};
};

} // namespace dmaslab::test
