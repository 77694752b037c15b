// SPDX-License-Identifier: LGPL-2.1-or-later
// A pipeline as users type it, run to its end.
#pragma once

#include <string>
#include <vector>

#include <gst/gst.h>

#include "bench/harness.h"

namespace bench {

class Pipeline
{
public:
    explicit Pipeline(const std::string &description)
    {
        GError *error = nullptr;
        pipeline_ = gst_parse_launch(description.c_str(), &error);
        if (!pipeline_ || error)
            giveUp(description + ": " + (error ? error->message : "no pipeline"));
    }
    ~Pipeline()
    {
        gst_element_set_state(pipeline_, GST_STATE_NULL);
        gst_object_unref(pipeline_);
    }
    Pipeline(const Pipeline &) = delete;
    Pipeline &operator=(const Pipeline &) = delete;

    [[nodiscard]] GstElement *element(const char *name) const
    {
        GstElement *found = gst_bin_get_by_name(GST_BIN(pipeline_), name);
        if (!found)
            giveUp(std::string("no element ") + name);
        gst_object_unref(found); // the bin keeps it
        return found;
    }
    void set(GstState state) const
    {
        if (gst_element_set_state(pipeline_, state) == GST_STATE_CHANGE_FAILURE)
            giveUp(errorText("the pipeline does not change its state"));
        gst_element_get_state(pipeline_, nullptr, nullptr, GST_CLOCK_TIME_NONE);
    }
    /** Until EOS; ns from the change to PLAYING. */
    std::int64_t runToEnd() const
    {
        const auto start = nowNs();
        if (gst_element_set_state(pipeline_, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
            giveUp(errorText("the pipeline does not start"));
        GstBus *bus = gst_element_get_bus(pipeline_);
        GstMessage *message = gst_bus_timed_pop_filtered(bus, GST_CLOCK_TIME_NONE,
                                                         GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
        const auto took = nowNs() - start;
        gst_object_unref(bus);
        if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
            GError *error = nullptr;
            gst_message_parse_error(message, &error, nullptr);
            giveUp(error->message);
        }
        gst_message_unref(message);
        return took;
    }
    /** Sum of a counter over the `stats` of every element that has it. */
    [[nodiscard]] double sumOfStats(const char *field) const
    {
        double sum = 0;
        GstIterator *all = gst_bin_iterate_elements(GST_BIN(pipeline_));
        GValue item = G_VALUE_INIT;
        while (gst_iterator_next(all, &item) == GST_ITERATOR_OK) {
            sum += statOf(GST_ELEMENT(g_value_get_object(&item)), field);
            g_value_reset(&item);
        }
        g_value_unset(&item);
        gst_iterator_free(all);
        return sum;
    }
    static double statOf(GstElement *element, const char *field)
    {
        if (!g_object_class_find_property(G_OBJECT_GET_CLASS(element), "stats"))
            return 0;
        GstStructure *stats = nullptr;
        g_object_get(element, "stats", &stats, nullptr);
        guint64 value = 0;
        if (stats) {
            gst_structure_get_uint64(stats, field, &value);
            gst_structure_free(stats);
        }
        return double(value);
    }

private:
    [[nodiscard]] std::string errorText(const std::string &fallback) const
    {
        GstBus *bus = gst_element_get_bus(pipeline_);
        GstMessage *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
        gst_object_unref(bus);
        if (!message)
            return fallback;
        GError *error = nullptr;
        gst_message_parse_error(message, &error, nullptr);
        return error->message;
    }

    GstElement *pipeline_ = nullptr;
};

/** When each buffer left the source, and what the streaming thread of the source used meanwhile. */
class SourceWatch
{
public:
    SourceWatch(GstElement *source, std::size_t frames, std::size_t warmUp) : source_(source), warmUp_(warmUp)
    {
        times_.reserve(frames + 16);
        stamps_.reserve(frames + 16);
        GstPad *pad = gst_element_get_static_pad(source, "src");
        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, seen, this, nullptr);
        gst_object_unref(pad);
    }

    /** Both are of the frames after the warm-up. */
    [[nodiscard]] const std::vector<std::int64_t> &times() const { return times_; }
    [[nodiscard]] const std::vector<GstClockTime> &stamps() const { return stamps_; }
    [[nodiscard]] GstClockTime baseTime() const { return base_; }
    /** Share of one core. */
    [[nodiscard]] double cpu() const
    {
        if (times_.size() < 2)
            return 0;
        return double(cpuLast_ - cpuFirst_) / double(times_.back() - times_.front());
    }

private:
    static GstPadProbeReturn seen(GstPad *, GstPadProbeInfo *info, gpointer self)
    {
        static_cast<SourceWatch *>(self)->note(GST_PAD_PROBE_INFO_BUFFER(info));
        return GST_PAD_PROBE_OK;
    }
    void note(GstBuffer *buffer)
    {
        const auto now = nowNs();
        if (count_++ < warmUp_)
            return;
        cpuLast_ = threadCpuNs();
        if (times_.empty()) {
            cpuFirst_ = cpuLast_;
            base_ = gst_element_get_base_time(source_);
        }
        times_.push_back(now);
        stamps_.push_back(GST_BUFFER_PTS(buffer));
    }

    GstElement *const source_;
    const std::size_t warmUp_;
    std::size_t count_ = 0;
    std::vector<std::int64_t> times_;
    std::vector<GstClockTime> stamps_;
    GstClockTime base_ = 0;
    std::int64_t cpuFirst_ = 0, cpuLast_ = 0;
};

} // namespace bench
