// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include <gst/gst.h>

#include "dmaslab/pacing/thread_placement.h"

namespace dmaslab {

/**
 * Properties `cpu` and `rt-priority` of an element with one streaming thread. The thread is placed when it
 * enters the element's task and put back when it leaves: GStreamer lends the same threads to other pipelines.
 *
 * A pad's task tells of both by a STREAM_STATUS message, on the streaming thread itself. The element sees it
 * in its `post_message` vfunc, with or without a bus, whoever made the task (a base class, too):
 *
 *     static gboolean post_message(GstElement *element, GstMessage *message)
 *     {
 *         self->placement.observe(element, message);
 *         return parent_class->post_message(element, message);
 *     }
 */
class PlacementProperties
{
public:
    /** @param timerSlackNs for threads that wait for deadlines; 0 leaves it as it is */
    explicit PlacementProperties(std::int64_t timerSlackNs = 0) : timerSlackNs_(timerSlackNs) {}

    static void install(GObjectClass *klass, guint cpuId, guint rtPriorityId);
    void setCpu(int cpu) noexcept { cpu_ = cpu; }
    void setRtPriority(int priority) noexcept { rtPriority_ = priority; }
    [[nodiscard]] int cpu() const noexcept { return cpu_; }
    [[nodiscard]] int rtPriority() const noexcept { return rtPriority_; }

    /** Posts an error that names the property and returns false when the values are impossible; on the way to
     * READY. */
    [[nodiscard]] bool check(GstElement *element) const;
    void observe(GstElement *element, GstMessage *message);

private:
    [[nodiscard]] ThreadPlacement wanted() const noexcept { return {cpu_, rtPriority_, timerSlackNs_}; }

    const std::int64_t timerSlackNs_;
    std::atomic<int> cpu_{-1};
    std::atomic<int> rtPriority_{0};
    std::optional<PlacementGuard> guard_; ///< touched by the streaming thread only
};

} // namespace dmaslab
