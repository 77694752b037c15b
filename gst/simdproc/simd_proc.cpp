// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-simdproc
 * @title: simdproc
 * @short_description: pixel operations of fast cameras in one pass at memory speed
 *
 * Takes grey, packed mono and Bayer pictures, and the brightness of YUV. What is asked for happens in this
 * order, block by block, so that each pixel crosses memory once: unpack, dark, flat, bad-pixels, crop, flip,
 * bin, threshold; then everything is measured (statistics, histogram, motion, rectangles); then window or
 * lut.
 *
 * When nothing but measurements is asked for, frames pass as they are, whoever else holds them. When pixels
 * change, they change in place if nobody else can see them, else in a slab of this element.
 *
 * Results travel with the frame as GstDmaSlabResultsMeta (dmaslab/gst_results.h), and as numpy records on the
 * request pad `results`: application/x-ndarray whose field `fields` is the numpy dtype. A branch that does
 * not take its results loses them, and no picture.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 -m dmaslabsrc backend=test num-buffers=1000 ! \
 *     video/x-raw,format=GRAY16_LE,width=640,height=480,framerate=1000/1 ! \
 *     simdproc statistics=true message-every=100 ! fakesink
 * ]| Statistics of every frame; those of every hundredth as a message.
 * |[
 * gst-launch-1.0 dmaslabsrc backend=test num-buffers=1000 ! \
 *     video/x-raw,format=GRAY16_LE,width=300,height=300,framerate=1000/1 ! \
 *     simdproc name=p roi-mode=occupancy roi-x=50 roi-y=50 roi-columns=20 roi-rows=20 ! fakesink \
 *     p.results ! queue ! uringarchive location=traps
 * ]| Which of 400 traps hold an atom, recorded for numpy.
 * |[
 * gst-launch-1.0 dmaslabsrc backend=test ! \
 *     video/x-raw,format=GRAY16_LE,width=640,height=480,framerate=60/1 ! \
 *     simdproc window=auto ! videoconvert ! autovideosink
 * ]| A picture for people.
 */
#include "simdproc/simd_proc.h"

#include "common/gst.h"
#include "common/messages.h"
#include "common/stats_timer.h"
#include "dmaslab/process/settings_text.h"
#include "dmaslab/process/table_file.h"
#include "simdproc/proc_allocation.h"
#include "simdproc/proc_properties.h"
#include "simdproc/processing.h"

GST_DEBUG_CATEGORY(gst_simd_proc_debug);
#define GST_CAT_DEFAULT gst_simd_proc_debug

using namespace dmaslab;

namespace {

struct Private
{
    explicit Private(GstSimdProc *element)
        : processing(GST_BASE_TRANSFORM(element)),
          timer(GST_ELEMENT(element), [this] { return processing.stats(); })
    {
    }

    ProcValues values; ///< object lock
    Processing processing;
    StatsTimer timer;
};

} // namespace

struct _GstSimdProc
{
    GstBaseTransform parent;
    Private *priv;
};

G_DEFINE_TYPE(GstSimdProc, gst_simd_proc, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(simdproc, "simdproc", GST_RANK_NONE, GST_TYPE_SIMD_PROC,
                                      GST_DEBUG_CATEGORY_INIT(gst_simd_proc_debug, "simdproc", 0,
                                                              "pixel operations"))

static Private &priv(gpointer object)
{
    return *GST_SIMD_PROC(object)->priv;
}

/** The properties' texts understood, and of the table what caps depend on. */
static Result<ProcWish> gst_simd_proc_wish(GstSimdProc *self, guint &messageEvery)
{
    ProcValues values;
    {
        const ObjectLocker lock(self);
        values = priv(self).values;
    }
    messageEvery = values.messageEvery;
    ProcWish wish{values.settings, false};
    const auto crop = parseCrop(values.crop);
    if (!crop)
        return tl::unexpected(crop.error());
    wish.settings.crop = *crop;
    const auto window = parseWindow(values.window);
    if (!window)
        return tl::unexpected(window.error());
    wish.settings.window = window->mode;
    wish.settings.windowLow = window->low;
    wish.settings.windowHigh = window->high;
    if (!wish.settings.lut.empty()) {
        const auto table = readNumberTable("lut", wish.settings.lut);
        if (!table)
            return tl::unexpected(table.error());
        wish.lut8 = table->dtype.size == 1;
    }
    return wish;
}

static bool gst_simd_proc_begin(GstSimdProc *self)
{
    Private &own = priv(self);
    guint messageEvery = 0;
    const auto wish = gst_simd_proc_wish(self, messageEvery);
    if (!wish) {
        Error error = wish.error();
        error.message = std::string(GST_OBJECT_NAME(self)) + ": " + error.message;
        postError(GST_ELEMENT(self), error);
        return false;
    }
    if (!own.processing.start(*wish, messageEvery))
        return false;
    own.timer.start();
    return true;
}

static void gst_simd_proc_end(GstSimdProc *self)
{
    Private &own = priv(self);
    own.timer.stop();
    own.processing.stop();
    own.timer.post();
}

// Not the base class's start and stop, which belong to READY, where properties may still change.
static GstStateChangeReturn gst_simd_proc_change_state(GstElement *element, GstStateChange transition)
{
    auto *self = GST_SIMD_PROC(element);
    if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !gst_simd_proc_begin(self))
        return GST_STATE_CHANGE_FAILURE;
    const auto result = GST_ELEMENT_CLASS(gst_simd_proc_parent_class)->change_state(element, transition);
    const bool failed = transition == GST_STATE_CHANGE_READY_TO_PAUSED && result == GST_STATE_CHANGE_FAILURE;
    if (transition == GST_STATE_CHANGE_PAUSED_TO_READY || failed)
        gst_simd_proc_end(self);
    return result;
}

static GstCaps *gst_simd_proc_transform_caps(GstBaseTransform *base, GstPadDirection direction, GstCaps *caps,
                                             GstCaps *filter)
{
    const CapsPtr made = transformProcCaps(priv(base).processing.wish(), caps, direction == GST_PAD_SINK);
    if (!filter)
        return gst_caps_ref(made.get());
    return gst_caps_intersect_full(filter, made.get(), GST_CAPS_INTERSECT_FIRST);
}

static gboolean gst_simd_proc_set_caps(GstBaseTransform *base, GstCaps *in, GstCaps *out)
{
    Processing &processing = priv(base).processing;
    if (!processing.setCaps(in, out))
        return FALSE;
    gst_base_transform_set_passthrough(base, !processing.processor()->changesPixels());
    return TRUE;
}

static gboolean gst_simd_proc_get_unit_size(GstBaseTransform *, GstCaps *caps, gsize *size)
{
    const auto layout = pictureLayoutFromCaps(caps);
    if (!layout)
        return FALSE;
    *size = layout->frameBytes;
    return TRUE;
}

static gboolean gst_simd_proc_decide_allocation(GstBaseTransform *base, GstQuery *query)
{
    return decideProcAllocation(GST_ELEMENT(base), query, priv(base).processing.outputLayout());
}

static gboolean gst_simd_proc_propose_allocation(GstBaseTransform *base, GstQuery *decide, GstQuery *query)
{
    const FrameProcessor *processor = priv(base).processing.processor();
    // The frames that come in are those that go out: only downstream knows how many it holds.
    const bool same = !decide || !processor || !processor->changesPixels() || processor->worksInPlace();
    if (same && gst_pad_peer_query(GST_BASE_TRANSFORM_SRC_PAD(base), query))
        return TRUE;
    return proposeProcAllocation(query);
}

static GstFlowReturn gst_simd_proc_prepare_output_buffer(GstBaseTransform *base, GstBuffer *in,
                                                         GstBuffer **out)
{
    if (BufferPtr place = priv(base).processing.placeFor(in)) {
        *out = place.release();
        return GST_FLOW_OK;
    }
    return GST_BASE_TRANSFORM_CLASS(gst_simd_proc_parent_class)->prepare_output_buffer(base, in, out);
}

static GstFlowReturn gst_simd_proc_run(GstBaseTransform *base, GstBuffer *in, GstBuffer *out)
{
    Processing &processing = priv(base).processing;
    const GstFlowReturn flow = processing.process(in, out);
    for (EventPtr &loss : processing.takeLosses())
        gst_pad_push_event(GST_BASE_TRANSFORM_SRC_PAD(base), loss.release());
    return flow;
}

static GstFlowReturn gst_simd_proc_transform(GstBaseTransform *base, GstBuffer *in, GstBuffer *out)
{
    return gst_simd_proc_run(base, in, out);
}

static GstFlowReturn gst_simd_proc_transform_ip(GstBaseTransform *base, GstBuffer *buffer)
{
    return gst_simd_proc_run(base, buffer, buffer);
}

static gboolean gst_simd_proc_sink_event(GstBaseTransform *base, GstEvent *event)
{
    Private &self = priv(base);
    Processing &processing = self.processing;
    ResultsPad &results = processing.results();
    switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_SEGMENT: {
        const GstSegment *segment = nullptr;
        gst_event_parse_segment(event, &segment);
        processing.setSegment(*segment);
        break;
    }
    case GST_EVENT_FLUSH_START:
        results.flushStart();
        break;
    case GST_EVENT_FLUSH_STOP:
        results.flushStop(event);
        processing.flush();
        break;
    case GST_EVENT_EOS:
        results.event(event);
        self.timer.post();
        break;
    case GST_EVENT_STREAM_START:
    case GST_EVENT_CAPS:
        break; // its own
    default:
        if (GST_EVENT_IS_SERIALIZED(event))
            results.event(event);
        break;
    }
    return GST_BASE_TRANSFORM_CLASS(gst_simd_proc_parent_class)->sink_event(base, event);
}

static gboolean gst_simd_proc_query(GstBaseTransform *base, GstPadDirection direction, GstQuery *query)
{
    if (!GST_BASE_TRANSFORM_CLASS(gst_simd_proc_parent_class)->query(base, direction, query))
        return FALSE;
    if (GST_QUERY_TYPE(query) == GST_QUERY_LATENCY && direction == GST_PAD_SRC) {
        gboolean live = FALSE;
        GstClockTime min = 0, max = GST_CLOCK_TIME_NONE;
        gst_query_parse_latency(query, &live, &min, &max);
        const GstClockTime own = priv(base).processing.latency();
        gst_query_set_latency(query, live, min + own, GST_CLOCK_TIME_IS_VALID(max) ? max + own : max);
    }
    return TRUE;
}

static GstPad *gst_simd_proc_request_new_pad(GstElement *element, GstPadTemplate *templ, const gchar *name,
                                             const GstCaps *)
{
    return priv(element).processing.results().request(templ, name);
}

static void gst_simd_proc_release_pad(GstElement *element, GstPad *pad)
{
    priv(element).processing.results().release(pad);
}

static void gst_simd_proc_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    Private &self = priv(object);
    if (!mayChangeProperty(GST_ELEMENT(object), pspec, value))
        return;
    if (id == PROP_STATS_INTERVAL) {
        self.timer.setInterval(g_value_get_uint(value));
        return;
    }
    const ObjectLocker lock(object);
    if (!setProcProperty(self.values, id, value))
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void gst_simd_proc_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    Private &self = priv(object);
    if (id == PROP_STATS) {
        g_value_take_boxed(value, self.processing.stats().release());
    } else if (id == PROP_STATS_INTERVAL) {
        g_value_set_uint(value, self.timer.interval());
    } else {
        const ObjectLocker lock(object);
        if (!getProcProperty(self.values, id, value))
            G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void gst_simd_proc_finalize(GObject *object)
{
    delete GST_SIMD_PROC(object)->priv;
    G_OBJECT_CLASS(gst_simd_proc_parent_class)->finalize(object);
}

static void gst_simd_proc_init(GstSimdProc *self)
{
    self->priv = new Private(self);
}

static void gst_simd_proc_class_init(GstSimdProcClass *klass)
{
    auto *object = G_OBJECT_CLASS(klass);
    object->set_property = gst_simd_proc_set_property;
    object->get_property = gst_simd_proc_get_property;
    object->finalize = gst_simd_proc_finalize;
    installProcProperties(object);
    installStatsProperty(
        object, PROP_STATS,
        "frames-in-place (changed where they lay), results-sent and results-dropped (of the pad "
        "results), processing-p50, processing-p99 and processing-max (ns), simd (what is used), "
        "occupancy-threshold (counts)");
    StatsTimer::installProperty(object, PROP_STATS_INTERVAL);

    auto *element = GST_ELEMENT_CLASS(klass);
    element->change_state = GST_DEBUG_FUNCPTR(gst_simd_proc_change_state);
    element->request_new_pad = GST_DEBUG_FUNCPTR(gst_simd_proc_request_new_pad);
    element->release_pad = GST_DEBUG_FUNCPTR(gst_simd_proc_release_pad);
    const auto addPad = [element](const char *name, GstPadDirection direction, GstPadPresence presence,
                                  const char *text) {
        const CapsPtr caps(gst_caps_from_string(text));
        gst_element_class_add_pad_template(element,
                                           gst_pad_template_new(name, direction, presence, caps.get()));
    };
    addPad("sink", GST_PAD_SINK, GST_PAD_ALWAYS, procSinkCaps);
    addPad("src", GST_PAD_SRC, GST_PAD_ALWAYS, procSourceCaps);
    addPad("results", GST_PAD_SRC, GST_PAD_REQUEST, "application/x-ndarray");
    gst_element_class_set_static_metadata(
        element, "Pixel processor", "Filter/Effect/Video",
        "Calibrates, cuts, bins and measures grey pictures in one pass, frames untouched where only measured",
        "dmaslab contributors");

    auto *base = GST_BASE_TRANSFORM_CLASS(klass);
    base->transform_ip_on_passthrough = TRUE;
    base->transform_caps = GST_DEBUG_FUNCPTR(gst_simd_proc_transform_caps);
    base->set_caps = GST_DEBUG_FUNCPTR(gst_simd_proc_set_caps);
    base->get_unit_size = GST_DEBUG_FUNCPTR(gst_simd_proc_get_unit_size);
    base->decide_allocation = GST_DEBUG_FUNCPTR(gst_simd_proc_decide_allocation);
    base->propose_allocation = GST_DEBUG_FUNCPTR(gst_simd_proc_propose_allocation);
    base->prepare_output_buffer = GST_DEBUG_FUNCPTR(gst_simd_proc_prepare_output_buffer);
    base->transform = GST_DEBUG_FUNCPTR(gst_simd_proc_transform);
    base->transform_ip = GST_DEBUG_FUNCPTR(gst_simd_proc_transform_ip);
    base->sink_event = GST_DEBUG_FUNCPTR(gst_simd_proc_sink_event);
    base->query = GST_DEBUG_FUNCPTR(gst_simd_proc_query);
}
