// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-dmaslabsrc
 * @title: dmaslabsrc
 * @short_description: frames that land once in a slab of memory and are never copied
 *
 * The frames of a camera (or of the synthetic camera, or of files) in slabs: equal pieces of one range of
 * shared memory that every branch of a `tee`, every thread, other processes and the disk use as they are. A
 * slab is filled again only after its last holder has let go.
 *
 * Each buffer's OFFSET is the frame's number. It increases by one per frame and by more only where frames
 * were lost or left out; then an event `dmaslab-loss` (or `dmaslab-skip`, for max-rate) goes before the next
 * buffer and names the numbers, and after a loss the buffer is marked DISCONT and a QoS message is posted.
 * The property stats counts every frame: frames-in = frames-out + dropped + frames-in-flight.
 *
 * With deadlines (pacing=deadline, the default) the source is live: frame n is pushed n / framerate after the
 * pipeline started to run, without drift, and carries that running time. With pacing=off it is not live and
 * runs as fast as downstream takes frames.
 *
 * The pool is always the source's own, whatever branches answer to the ALLOCATION query; what they say they
 * hold is added to its size.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 -m dmaslabsrc backend=test stats-interval=1000 num-buffers=5000 ! \
 *     video/x-raw,format=GRAY16_LE,width=640,height=480,framerate=1000/1 ! tee name=t \
 *     t. ! slabqueue ! fakesink \
 *     t. ! slabqueue leaky=downstream ! fakesink
 * ]| A synthetic camera at 1000 frames per second into two branches; the counters are printed every second.
 * |[
 * gst-launch-1.0 dmaslabsrc location=frames/ loop=true ! video/x-raw,framerate=200/1 ! videoconvert !
 * autovideosink
 * ]| All .npy files of a directory, in name order, at 200 frames per second.
 */
#include "dmaslabsrc/dma_slab_src.h"

#include <utility>

#include "common/messages.h"
#include "dmaslabsrc/negotiation.h"
#include "dmaslabsrc/queries.h"
#include "dmaslabsrc/src_private.h"
#include "dmaslabsrc/src_properties.h"

GST_DEBUG_CATEGORY(gst_dma_slab_src_debug);
#define GST_CAT_DEFAULT gst_dma_slab_src_debug

using namespace dmaslab;

G_DEFINE_TYPE(GstDmaSlabSrc, gst_dma_slab_src, GST_TYPE_PUSH_SRC)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(dmaslabsrc, "dmaslabsrc", GST_RANK_NONE, GST_TYPE_DMA_SLAB_SRC,
                                      GST_DEBUG_CATEGORY_INIT(gst_dma_slab_src_debug, "dmaslabsrc", 0,
                                                              "slab source"))

static void setFiles(GstBaseSrc *base, const std::optional<FileFrame> &frame)
{
    const ObjectLocker lock(base);
    priv(base).files = frame;
}

static gboolean gst_dma_slab_src_start(GstBaseSrc *base)
{
    SrcPrivate &self = priv(base);
    {
        const ObjectLocker lock(base);
        self.active = self.settings;
    }
    const Settings &active = self.active;
    if (active.resolved() == Backend::Auto) {
        GST_ELEMENT_ERROR(
            base, RESOURCE, NOT_FOUND,
            ("%s: no camera was found, and location is not set. Set location=FILE-OR-DIRECTORY, or "
             "backend=test for the synthetic camera.",
             GST_OBJECT_NAME(base)),
            (nullptr));
        return FALSE;
    }
    if (active.slabs == 1) {
        GST_ELEMENT_ERROR(
            base, RESOURCE, SETTINGS,
            ("%s: slabs=1 stops at the first sink that keeps its last frame. Set slabs=2 or more, or "
             "0 to have the number computed.",
             GST_OBJECT_NAME(base)),
            (nullptr));
        return FALSE;
    }
    std::optional<FileFrame> frame;
    if (active.resolved() == Backend::Files) {
        if (active.location.empty()) {
            GST_ELEMENT_ERROR(base, RESOURCE, NOT_FOUND,
                              ("%s: backend=files needs location=FILE-OR-DIRECTORY.", GST_OBJECT_NAME(base)),
                              (nullptr));
            return FALSE;
        }
        const auto files = FileSet::open(active.location);
        // A raw file says nothing about its frames; that is an error only if the caps say nothing either.
        if (!files && files.error().code != Errc::InvalidArgument) {
            postError(GST_ELEMENT(base), ofLocation(files.error()));
            return FALSE;
        }
        frame = files ? files->frame() : FileFrame{.raw = true};
    }
    setFiles(base, frame);
    self.fileOrigin = self.producer.nextSequence();
    self.producer.start(active);
    self.timer.start();
    return TRUE;
}

static gboolean gst_dma_slab_src_stop(GstBaseSrc *base)
{
    SrcPrivate &self = priv(base);
    self.timer.stop();
    self.producer.stop();
    self.timer.post();
    self.format.reset();
    self.streamIsCurrent = false;
    self.slabsWarned = 0;
    setFiles(base, std::nullopt);
    return TRUE;
}

static gboolean gst_dma_slab_src_unlock(GstBaseSrc *base)
{
    priv(base).producer.setInterrupted(true);
    return TRUE;
}

static gboolean gst_dma_slab_src_unlock_stop(GstBaseSrc *base)
{
    priv(base).producer.setInterrupted(false);
    return TRUE;
}

static gboolean gst_dma_slab_src_is_seekable(GstBaseSrc *)
{
    return FALSE;
}

// Waiting is our pacer's: the base class must not wait for the same deadline once more.
static void gst_dma_slab_src_get_times(GstBaseSrc *, GstBuffer *, GstClockTime *start, GstClockTime *end)
{
    *start = *end = GST_CLOCK_TIME_NONE;
}

static gboolean gst_dma_slab_src_query(GstBaseSrc *base, GstQuery *query)
{
    switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_LATENCY:
        if (!gst_base_src_is_live(base))
            break;
        return answerLatency(priv(base).producer, query);
    case GST_QUERY_DURATION:
        return answerDuration(priv(base).producer, query);
    default:
        break;
    }
    return GST_BASE_SRC_CLASS(gst_dma_slab_src_parent_class)->query(base, query);
}

static GstFlowReturn gst_dma_slab_src_create(GstPushSrc *source, GstBuffer **buffer)
{
    return priv(source).producer.create(buffer);
}

static GstPadProbeReturn gst_dma_slab_src_probe(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    SrcPrivate &self = *static_cast<SrcPrivate *>(user);
    if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
        if (!self.producer.leaving(pad, GST_PAD_PROBE_INFO_BUFFER(info)))
            return GST_PAD_PROBE_DROP;
    } else if (GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_EOS) {
        self.producer.ending(pad);
        self.timer.post();
    }
    return GST_PAD_PROBE_OK;
}

static GstStateChangeReturn gst_dma_slab_src_change_state(GstElement *element, GstStateChange transition)
{
    SrcPrivate &self = priv(element);
    if (transition == GST_STATE_CHANGE_NULL_TO_READY && !self.placement.check(element))
        return GST_STATE_CHANGE_FAILURE;
    if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
        GST_OBJECT_LOCK(element);
        const bool live = self.settings.paced();
        GST_OBJECT_UNLOCK(element);
        gst_base_src_set_live(GST_BASE_SRC(element), live);
    }
    return GST_ELEMENT_CLASS(gst_dma_slab_src_parent_class)->change_state(element, transition);
}

static gboolean gst_dma_slab_src_send_event(GstElement *element, GstEvent *event)
{
    // Sent to us and not to our pad, the base class flushes first and asks later: that would cost frames.
    if (GST_EVENT_TYPE(event) == GST_EVENT_SEEK) {
        gst_event_unref(event);
        return FALSE;
    }
    return GST_ELEMENT_CLASS(gst_dma_slab_src_parent_class)->send_event(element, event);
}

static gboolean gst_dma_slab_src_post_message(GstElement *element, GstMessage *message)
{
    priv(element).placement.observe(element, message);
    return GST_ELEMENT_CLASS(gst_dma_slab_src_parent_class)->post_message(element, message);
}

static void gst_dma_slab_src_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    SrcPrivate &self = priv(object);
    if (!mayChangeProperty(GST_ELEMENT(object), pspec, value))
        return;
    switch (id) {
    case PROP_STATS_INTERVAL:
        self.timer.setInterval(g_value_get_uint(value));
        return;
    case PROP_MAX_RATE:
        self.producer.setMaxRate(static_cast<std::uint32_t>(gst_value_get_fraction_numerator(value)),
                                 static_cast<std::uint32_t>(gst_value_get_fraction_denominator(value)));
        return;
    case PROP_CPU:
        self.placement.setCpu(g_value_get_int(value));
        return;
    case PROP_RT_PRIORITY:
        self.placement.setRtPriority(g_value_get_int(value));
        return;
    default:
        break;
    }
    const ObjectLocker lock(object);
    if (!setSrcProperty(self.settings, id, value))
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void gst_dma_slab_src_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    SrcPrivate &self = priv(object);
    switch (id) {
    case PROP_STATS:
        g_value_take_boxed(value, collectStats(self.producer).release());
        return;
    case PROP_STATS_INTERVAL:
        g_value_set_uint(value, self.timer.interval());
        return;
    case PROP_MAX_RATE:
        gst_value_set_fraction(value, gint(self.producer.thinning().numerator()),
                               gint(self.producer.thinning().denominator()));
        return;
    case PROP_CPU:
        g_value_set_int(value, self.placement.cpu());
        return;
    case PROP_RT_PRIORITY:
        g_value_set_int(value, self.placement.rtPriority());
        return;
    default:
        break;
    }
    const ObjectLocker lock(object);
    if (!getSrcProperty(self.settings, id, value))
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void gst_dma_slab_src_finalize(GObject *object)
{
    delete GST_DMA_SLAB_SRC(object)->priv;
    G_OBJECT_CLASS(gst_dma_slab_src_parent_class)->finalize(object);
}

static void gst_dma_slab_src_init(GstDmaSlabSrc *self)
{
    self->priv = new SrcPrivate(self);
    gst_base_src_set_format(GST_BASE_SRC(self), GST_FORMAT_TIME);
    gst_pad_add_probe(
        GST_BASE_SRC_PAD(self),
        static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM),
        gst_dma_slab_src_probe, self->priv, nullptr);
}

static void gst_dma_slab_src_class_init(GstDmaSlabSrcClass *klass)
{
    auto *object = G_OBJECT_CLASS(klass);
    object->set_property = gst_dma_slab_src_set_property;
    object->get_property = gst_dma_slab_src_get_property;
    object->finalize = gst_dma_slab_src_finalize;
    installSrcProperties(object);
    installStatsProperty(object, PROP_STATS, srcStatsBlurb);
    StatsTimer::installProperty(object, PROP_STATS_INTERVAL);
    PlacementProperties::install(object, PROP_CPU, PROP_RT_PRIORITY);

    auto *element = GST_ELEMENT_CLASS(klass);
    element->change_state = GST_DEBUG_FUNCPTR(gst_dma_slab_src_change_state);
    element->send_event = GST_DEBUG_FUNCPTR(gst_dma_slab_src_send_event);
    element->post_message = GST_DEBUG_FUNCPTR(gst_dma_slab_src_post_message);
    gst_element_class_set_static_metadata(
        element, "Slab source", "Source/Video",
        "Frames of a camera, of files or synthetic ones, in shared slabs that are never copied",
        "dmaslab contributors");
    const CapsPtr caps(gst_caps_from_string(anyFrameCaps));
    gst_element_class_add_pad_template(element,
                                       gst_pad_template_new("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps.get()));

    auto *base = GST_BASE_SRC_CLASS(klass);
    base->start = GST_DEBUG_FUNCPTR(gst_dma_slab_src_start);
    base->stop = GST_DEBUG_FUNCPTR(gst_dma_slab_src_stop);
    base->unlock = GST_DEBUG_FUNCPTR(gst_dma_slab_src_unlock);
    base->unlock_stop = GST_DEBUG_FUNCPTR(gst_dma_slab_src_unlock_stop);
    base->is_seekable = GST_DEBUG_FUNCPTR(gst_dma_slab_src_is_seekable);
    base->get_times = GST_DEBUG_FUNCPTR(gst_dma_slab_src_get_times);
    base->get_caps = GST_DEBUG_FUNCPTR(gst_dma_slab_src_get_caps);
    base->fixate = GST_DEBUG_FUNCPTR(gst_dma_slab_src_fixate);
    base->set_caps = GST_DEBUG_FUNCPTR(gst_dma_slab_src_set_caps);
    base->decide_allocation = GST_DEBUG_FUNCPTR(gst_dma_slab_src_decide_allocation);
    base->query = GST_DEBUG_FUNCPTR(gst_dma_slab_src_query);
    GST_PUSH_SRC_CLASS(klass)->create = GST_DEBUG_FUNCPTR(gst_dma_slab_src_create);
}
