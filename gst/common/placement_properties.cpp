// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/placement_properties.h"

namespace dmaslab {

void PlacementProperties::install(GObjectClass *klass, guint cpuId, guint rtPriorityId)
{
    const auto flags = GParamFlags(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
    g_object_class_install_property(
        klass, cpuId,
        g_param_spec_int(
            "cpu", "CPU",
            "Run the streaming thread on this CPU only (-1 = anywhere); undone when the thread leaves", -1,
            G_MAXINT, -1, flags));
    g_object_class_install_property(
        klass, rtPriorityId,
        g_param_spec_int(
            "rt-priority", "Real-time priority",
            "Run the streaming thread as SCHED_FIFO at this priority (0 = normal scheduling); undone "
            "when the thread leaves. Needs CAP_SYS_NICE or RLIMIT_RTPRIO, else a warning",
            0, 99, 0, flags));
}

bool PlacementProperties::check(GstElement *element) const
{
    const auto valid = wanted().validate();
    if (!valid)
        GST_ELEMENT_ERROR(element, RESOURCE, SETTINGS, ("%s", valid.error().message.c_str()), (nullptr));
    return valid.has_value();
}

void PlacementProperties::observe(GstElement *element, GstMessage *message)
{
    if (GST_MESSAGE_TYPE(message) != GST_MESSAGE_STREAM_STATUS)
        return;
    GstStreamStatusType type;
    GstElement *owner = nullptr;
    gst_message_parse_stream_status(message, &type, &owner);
    if (owner != element)
        return;
    if (type == GST_STREAM_STATUS_TYPE_LEAVE) {
        guard_.reset(); // a task stopped before it ran leaves without having entered
    } else if (type == GST_STREAM_STATUS_TYPE_ENTER) {
        const auto placement = wanted();
        if (placement.cpu < 0 && placement.rtPriority == 0 && placement.timerSlackNs == 0)
            return;
        guard_.emplace(placement);
        for (const auto &degradation : guard_->degradations())
            GST_ELEMENT_WARNING(element, RESOURCE, SETTINGS, ("%s", degradation.c_str()), (nullptr));
    }
}

} // namespace dmaslab
