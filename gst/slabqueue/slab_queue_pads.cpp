// SPDX-License-Identifier: LGPL-2.1-or-later
#include "slabqueue/slab_queue_pads.h"

#include <gst/video/video.h>

GST_DEBUG_CATEGORY_EXTERN(gst_slab_queue_debug);
#define GST_CAT_DEFAULT gst_slab_queue_debug

namespace dmaslab {

namespace {

SlabQueue &queueOf(GstPad *pad)
{
    return *static_cast<SlabQueue *>(gst_pad_get_element_private(pad));
}

GstFlowReturn onChain(GstPad *pad, GstObject *, GstBuffer *buffer)
{
    return queueOf(pad).chain(BufferPtr(buffer));
}

GstFlowReturn onChainList(GstPad *pad, GstObject *, GstBufferList *raw)
{
    const BufferListPtr list(raw);
    const guint length = gst_buffer_list_length(raw);
    GstFlowReturn result = GST_FLOW_OK;
    for (guint i = 0; i < length && result == GST_FLOW_OK; ++i)
        result = queueOf(pad).chain(BufferPtr(gst_buffer_ref(gst_buffer_list_get(raw, i))));
    return result;
}

GstFlowReturn onSinkEvent(GstPad *pad, GstObject *parent, GstEvent *event)
{
    GST_DEBUG_OBJECT(parent, "got %" GST_PTR_FORMAT, event);
    return queueOf(pad).event(EventPtr(event));
}

/** Adds the frames that wait here to what the answer asks for: behind a tee only the largest branch counts.
 */
void addHeldBuffers(GstQuery *query, guint held)
{
    GstCaps *caps = nullptr;
    GstVideoInfo info;
    gst_query_parse_allocation(query, &caps, nullptr);
    if (gst_query_get_n_allocation_pools(query) > 0) {
        GstBufferPool *pool = nullptr;
        guint size = 0, min = 0, max = 0;
        gst_query_parse_nth_allocation_pool(query, 0, &pool, &size, &min, &max);
        min += held;
        gst_query_set_nth_allocation_pool(query, 0, pool, size, min, max == 0 ? 0 : max + held);
        if (pool)
            gst_object_unref(pool);
    } else if (caps && gst_video_info_from_caps(&info, caps)) {
        gst_query_add_allocation_pool(query, nullptr, guint(GST_VIDEO_INFO_SIZE(&info)), held, 0);
    }
}

gboolean onSinkQuery(GstPad *pad, GstObject *parent, GstQuery *query)
{
    if (!GST_QUERY_IS_SERIALIZED(query))
        return gst_pad_query_default(pad, parent, query);
    SlabQueue &queue = queueOf(pad);
    if (!queue.serializedQuery(query))
        return FALSE;
    if (GST_QUERY_TYPE(query) == GST_QUERY_ALLOCATION)
        addHeldBuffers(query, queue.capacity() + 1); // one more in the hand of the thread
    return TRUE;
}

gboolean onSourceEvent(GstPad *pad, GstObject *parent, GstEvent *event)
{
    if (GST_EVENT_TYPE(event) == GST_EVENT_RECONFIGURE)
        queueOf(pad).reconfigure();
    return gst_pad_event_default(pad, parent, event);
}

/** The queue adds nothing to the least latency; what it can hold is time only where frames have a rate. */
void adjustLatency(GstPad *source, GstQuery *query)
{
    const SlabQueue &queue = queueOf(source);
    gboolean live = FALSE;
    GstClockTime min = 0, max = GST_CLOCK_TIME_NONE;
    gst_query_parse_latency(query, &live, &min, &max);

    const CapsPtr caps(gst_pad_get_current_caps(source));
    gint numerator = 0, denominator = 1;
    if (caps)
        gst_structure_get_fraction(gst_caps_get_structure(caps.get(), 0), "framerate", &numerator,
                                   &denominator);
    if (numerator <= 0) {
        max = GST_CLOCK_TIME_NONE;
    } else {
        const GstClockTime held =
            gst_util_uint64_scale(queue.capacity(), guint64(denominator) * GST_SECOND, guint64(numerator));
        if (queue.leaky() != Leaky::No)
            max = MAX(held, max);
        else if (GST_CLOCK_TIME_IS_VALID(max))
            max += held;
    }
    gst_query_set_latency(query, live, min, max);
}

gboolean onSourceQuery(GstPad *pad, GstObject *parent, GstQuery *query)
{
    if (GST_QUERY_TYPE(query) == GST_QUERY_SCHEDULING) {
        gst_query_set_scheduling(query, GST_SCHEDULING_FLAG_SEQUENTIAL, 1, -1, 0);
        gst_query_add_scheduling_mode(query, GST_PAD_MODE_PUSH);
        return TRUE;
    }
    if (!gst_pad_query_default(pad, parent, query))
        return FALSE;
    if (GST_QUERY_TYPE(query) == GST_QUERY_LATENCY)
        adjustLatency(pad, query);
    return TRUE;
}

gboolean onActivateSink(GstPad *pad, GstObject *, GstPadMode mode, gboolean active)
{
    return mode == GST_PAD_MODE_PUSH && queueOf(pad).activateSink(active);
}

gboolean onActivateSource(GstPad *pad, GstObject *, GstPadMode mode, gboolean active)
{
    return mode == GST_PAD_MODE_PUSH && queueOf(pad).activateSource(active);
}

} // namespace

void setUpSlabQueuePads(GstPad *sink, GstPad *source, SlabQueue &queue)
{
    gst_pad_set_element_private(sink, &queue);
    gst_pad_set_element_private(source, &queue);
    gst_pad_set_chain_function(sink, GST_DEBUG_FUNCPTR(onChain));
    gst_pad_set_chain_list_function(sink, GST_DEBUG_FUNCPTR(onChainList));
    gst_pad_set_event_full_function(sink, GST_DEBUG_FUNCPTR(onSinkEvent));
    gst_pad_set_query_function(sink, GST_DEBUG_FUNCPTR(onSinkQuery));
    gst_pad_set_activatemode_function(sink, GST_DEBUG_FUNCPTR(onActivateSink));
    GST_PAD_SET_PROXY_CAPS(sink);

    gst_pad_set_event_function(source, GST_DEBUG_FUNCPTR(onSourceEvent));
    gst_pad_set_query_function(source, GST_DEBUG_FUNCPTR(onSourceQuery));
    gst_pad_set_activatemode_function(source, GST_DEBUG_FUNCPTR(onActivateSource));
    GST_PAD_SET_PROXY_CAPS(source);
}

} // namespace dmaslab
