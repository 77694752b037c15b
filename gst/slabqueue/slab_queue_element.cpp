// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-slabqueue
 * @title: slabqueue
 * @short_description: a thread boundary that names every frame it loses
 *
 * Everything behind slabqueue runs in a thread of its own. It has the properties and the leaky modes of
 * `queue`, so that one word in a pipeline can be swapped, with these differences:
 *
 * - Only buffers count, and there are few of them: `max-size-buffers` is 4. A queue of 200 in front of a
 * camera with 16 buffers never leaks; it starves the camera.
 * - Buffers cross without a lock; a sleeping side is woken once, not per buffer.
 * - A leaky queue says what it lost: before the next buffer (which is marked DISCONT) or EOS goes an event
 *   `dmaslab-loss` with the numbers of the frames, and a QoS message is posted per run of losses. The number
 * of a frame is its OFFSET where that counts frames, otherwise its place in the stream.
 * - When downstream fails or ends, what the queue holds is freed at once.
 * - `max-held` fences a branch that keeps frames: it counts those inside and those still out downstream.
 *
 * In the statistics, frames-in = frames-out + dropped + frames-in-flight at any moment. A frame that
 * downstream or slabqueue itself answers with an error or a flush is a loss of the one who holds it then.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 -m videotestsrc is-live=true ! tee name=t \
 *     t. ! slabqueue ! fakesink \
 *     t. ! slabqueue leaky=downstream max-size-buffers=2 stats-interval=1000 ! autovideosink
 * ]| The branch to the screen shows the newest frames and loses the others; the other branch gets every
 * frame.
 * |[
 * gst-launch-1.0 videotestsrc ! slabqueue cpu=1 rt-priority=50 ! fakesink
 * ]| Runs the sink on CPU 1 at real-time priority.
 */
#include "slabqueue/slab_queue_element.h"

#include <new>

#include "common/messages.h"
#include "common/placement_properties.h"
#include "common/stats_timer.h"
#include "slabqueue/slab_queue.h"
#include "slabqueue/slab_queue_pads.h"

using dmaslab::Leaky;
using dmaslab::SlabQueue;

GST_DEBUG_CATEGORY(gst_slab_queue_debug);
#define GST_CAT_DEFAULT gst_slab_queue_debug

namespace {

struct Private
{
    Private(GstSlabQueue *element, GstPad *sinkPad, GstPad *sourcePad)
        : queue(GST_ELEMENT(element), sinkPad, sourcePad, [this] { timer.post(); }),
          timer(GST_ELEMENT(element), [this] { return queue.stats(); })
    {
    }

    SlabQueue queue;
    dmaslab::StatsTimer timer;
    dmaslab::PlacementProperties placement;
    bool silent = false;     // object lock
    guint maxSizeBytes = 0;  // object lock
    guint64 maxSizeTime = 0; // object lock
};

enum Property : guint
{
    PROP_0,
    PROP_MAX_SIZE_BUFFERS,
    PROP_MAX_SIZE_BYTES,
    PROP_MAX_SIZE_TIME,
    PROP_LEAKY,
    PROP_MAX_HELD,
    PROP_FLUSH_ON_EOS,
    PROP_SILENT,
    PROP_CURRENT_LEVEL_BUFFERS,
    PROP_STATS,
    PROP_STATS_INTERVAL,
    PROP_CPU,
    PROP_RT_PRIORITY,
};

constexpr guint defaultMaxSizeBuffers = 4;
constexpr guint mostBuffers = 1u << 20;
constexpr guint insteadOfNoLimit = 200; // queue's default

GstStaticPadTemplate sinkTemplate =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate sourceTemplate =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

GType leakyType()
{
    static const GEnumValue values[] = {
        {int(Leaky::No), "Not leaky: a full queue blocks", "no"},
        {int(Leaky::Upstream), "Leaky on upstream: a full queue loses the new buffer", "upstream"},
        {int(Leaky::Downstream), "Leaky on downstream: a full queue loses its oldest buffer", "downstream"},
        {0, nullptr, nullptr},
    };
    static const GType type = g_enum_register_static("GstSlabQueueLeaky", values);
    return type;
}

} // namespace

struct _GstSlabQueue
{
    GstElement parent;
    Private *priv;
};

G_DEFINE_TYPE(GstSlabQueue, gst_slab_queue, GST_TYPE_ELEMENT)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(slabqueue, "slabqueue", GST_RANK_NONE, GST_TYPE_SLAB_QUEUE,
                                      GST_DEBUG_CATEGORY_INIT(gst_slab_queue_debug, "slabqueue", 0,
                                                              "lock-free queue"))

static Private *priv(GstObject *object)
{
    return GST_SLAB_QUEUE(object)->priv;
}

/** Limits that slabqueue does not have: a line that sets them to 0 for `queue` says what it means. */
static void gst_slab_queue_warn_limits(GstSlabQueue *self)
{
    guint bytes = 0;
    guint64 time = 0;
    if (self->priv->queue.maxBuffers == 0) {
        self->priv->queue.maxBuffers = insteadOfNoLimit;
        GST_ELEMENT_WARNING(
            self, RESOURCE, SETTINGS,
            ("max-size-buffers=0: slabqueue has no mode without a limit, %u is used. Choose how many "
             "slabs this branch may hold.",
             insteadOfNoLimit),
            (nullptr));
    }
    {
        const dmaslab::ObjectLocker lock(self);
        bytes = self->priv->maxSizeBytes;
        time = self->priv->maxSizeTime;
    }
    if (bytes != 0)
        GST_ELEMENT_WARNING(
            self, RESOURCE, SETTINGS,
            ("max-size-bytes=%u has no effect: slabqueue counts buffers only. Set max-size-bytes=0 and "
             "choose max-size-buffers.",
             bytes),
            (nullptr));
    if (time != 0)
        GST_ELEMENT_WARNING(self, RESOURCE, SETTINGS,
                            ("max-size-time=%" G_GUINT64_FORMAT
                             " has no effect: slabqueue counts buffers only. Set "
                             "max-size-time=0 and choose max-size-buffers.",
                             time),
                            (nullptr));
}

static GstStateChangeReturn gst_slab_queue_change_state(GstElement *element, GstStateChange transition)
{
    auto *self = GST_SLAB_QUEUE(element);
    switch (transition) {
    case GST_STATE_CHANGE_NULL_TO_READY:
        if (!self->priv->placement.check(element))
            return GST_STATE_CHANGE_FAILURE;
        break;
    case GST_STATE_CHANGE_READY_TO_PAUSED:
        gst_slab_queue_warn_limits(self);
        self->priv->queue.start();
        self->priv->timer.start();
        break;
    default:
        break;
    }
    const auto result = GST_ELEMENT_CLASS(gst_slab_queue_parent_class)->change_state(element, transition);
    if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
        self->priv->timer.stop();
        self->priv->queue.stop();
        self->priv->timer.post();
    }
    return result;
}

static gboolean gst_slab_queue_post_message(GstElement *element, GstMessage *message)
{
    priv(GST_OBJECT(element))->placement.observe(element, message);
    return GST_ELEMENT_CLASS(gst_slab_queue_parent_class)->post_message(element, message);
}

static void gst_slab_queue_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    auto *self = GST_SLAB_QUEUE(object);
    Private &data = *self->priv;
    // max-size-buffers may be set for the next start, and says so itself.
    if (id != PROP_MAX_SIZE_BUFFERS && !dmaslab::mayChangeProperty(GST_ELEMENT(self), pspec, value))
        return;
    switch (id) {
    case PROP_MAX_SIZE_BUFFERS:
        data.queue.maxBuffers = g_value_get_uint(value);
        if (GST_STATE(self) > GST_STATE_READY && data.queue.capacity() != g_value_get_uint(value))
            GST_ELEMENT_WARNING(
                self, RESOURCE, SETTINGS,
                ("max-size-buffers=%u takes effect at the next start; until then it stays %u. Set it "
                 "in state NULL or READY.",
                 g_value_get_uint(value), data.queue.capacity()),
                (nullptr));
        break;
    case PROP_MAX_SIZE_BYTES: {
        const dmaslab::ObjectLocker lock(self);
        data.maxSizeBytes = g_value_get_uint(value);
        break;
    }
    case PROP_MAX_SIZE_TIME: {
        const dmaslab::ObjectLocker lock(self);
        data.maxSizeTime = g_value_get_uint64(value);
        break;
    }
    case PROP_LEAKY:
        data.queue.setLeaky(Leaky(g_value_get_enum(value)));
        break;
    case PROP_MAX_HELD:
        data.queue.setMaxHeld(g_value_get_uint(value));
        break;
    case PROP_FLUSH_ON_EOS:
        data.queue.flushOnEos = g_value_get_boolean(value);
        break;
    case PROP_SILENT: {
        const dmaslab::ObjectLocker lock(self);
        data.silent = g_value_get_boolean(value);
        break;
    }
    case PROP_STATS_INTERVAL:
        data.timer.setInterval(g_value_get_uint(value));
        break;
    case PROP_CPU:
        data.placement.setCpu(g_value_get_int(value));
        break;
    case PROP_RT_PRIORITY:
        data.placement.setRtPriority(g_value_get_int(value));
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void gst_slab_queue_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    auto *self = GST_SLAB_QUEUE(object);
    const Private &data = *self->priv;
    switch (id) {
    case PROP_MAX_SIZE_BUFFERS:
        g_value_set_uint(value, data.queue.maxBuffers);
        break;
    case PROP_MAX_SIZE_BYTES: {
        const dmaslab::ObjectLocker lock(self);
        g_value_set_uint(value, data.maxSizeBytes);
        break;
    }
    case PROP_MAX_SIZE_TIME: {
        const dmaslab::ObjectLocker lock(self);
        g_value_set_uint64(value, data.maxSizeTime);
        break;
    }
    case PROP_LEAKY:
        g_value_set_enum(value, int(data.queue.leaky()));
        break;
    case PROP_MAX_HELD:
        g_value_set_uint(value, data.queue.maxHeld());
        break;
    case PROP_FLUSH_ON_EOS:
        g_value_set_boolean(value, data.queue.flushOnEos);
        break;
    case PROP_SILENT: {
        const dmaslab::ObjectLocker lock(self);
        g_value_set_boolean(value, data.silent);
        break;
    }
    case PROP_CURRENT_LEVEL_BUFFERS:
        g_value_set_uint(value, data.queue.level());
        break;
    case PROP_STATS:
        g_value_take_boxed(value, data.queue.stats().release());
        break;
    case PROP_STATS_INTERVAL:
        g_value_set_uint(value, data.timer.interval());
        break;
    case PROP_CPU:
        g_value_set_int(value, data.placement.cpu());
        break;
    case PROP_RT_PRIORITY:
        g_value_set_int(value, data.placement.rtPriority());
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void gst_slab_queue_finalize(GObject *object)
{
    delete GST_SLAB_QUEUE(object)->priv;
    G_OBJECT_CLASS(gst_slab_queue_parent_class)->finalize(object);
}

static void gst_slab_queue_init(GstSlabQueue *self)
{
    GstPad *sink = gst_pad_new_from_static_template(&sinkTemplate, "sink");
    GstPad *source = gst_pad_new_from_static_template(&sourceTemplate, "src");
    self->priv = new Private(self, sink, source);
    dmaslab::setUpSlabQueuePads(sink, source, self->priv->queue);
    gst_element_add_pad(GST_ELEMENT(self), sink);
    gst_element_add_pad(GST_ELEMENT(self), source);
}

static void gst_slab_queue_install_limits(GObjectClass *klass)
{
    const auto ready = GParamFlags(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
    const auto playing = GParamFlags(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING);
    g_object_class_install_property(
        klass, PROP_MAX_SIZE_BUFFERS,
        g_param_spec_uint(
            "max-size-buffers", "Max. size (buffers)",
            "How many buffers fit in; one more is in the hand of the streaming thread. A source with N "
            "buffers needs N greater than the sum over its branches. 0, which means no limit for queue, "
            "is taken as 200",
            0, mostBuffers, defaultMaxSizeBuffers, ready));
    g_object_class_install_property(
        klass, PROP_MAX_SIZE_BYTES,
        g_param_spec_uint("max-size-bytes", "Max. size (bytes)",
                          "For pipelines written for queue: must be 0, slabqueue counts buffers only", 0,
                          G_MAXUINT, 0, ready));
    g_object_class_install_property(
        klass, PROP_MAX_SIZE_TIME,
        g_param_spec_uint64("max-size-time", "Max. size (ns)",
                            "For pipelines written for queue: must be 0, slabqueue counts buffers only", 0,
                            G_MAXUINT64, 0, ready));
    g_object_class_install_property(
        klass, PROP_LEAKY,
        g_param_spec_enum(
            "leaky", "Leaky",
            "What a full queue does: block, or lose a frame at the new or at the old end. Losses are "
            "counted (dropped-queue) and named in dmaslab-loss events",
            leakyType(), int(Leaky::No), playing));
    g_object_class_install_property(
        klass, PROP_MAX_HELD,
        g_param_spec_uint(
            "max-held", "Max. held frames",
            "How many frames this branch may hold, inside the queue and still out downstream (0 = no "
            "limit). At the limit the queue blocks, or when leaky loses frames (dropped-slow-consumer). "
            "Frames that came in before it was set do not count",
            0, G_MAXUINT, 0, playing));
    g_object_class_install_property(
        klass, PROP_FLUSH_ON_EOS,
        g_param_spec_boolean("flush-on-eos", "Flush on EOS",
                             "Lose what is in the queue when EOS comes in, instead of delivering it first "
                             "(dropped-flush)",
                             FALSE, playing));
}

static void gst_slab_queue_class_init(GstSlabQueueClass *klass)
{
    auto *objectClass = G_OBJECT_CLASS(klass);
    auto *elementClass = GST_ELEMENT_CLASS(klass);

    objectClass->set_property = gst_slab_queue_set_property;
    objectClass->get_property = gst_slab_queue_get_property;
    objectClass->finalize = gst_slab_queue_finalize;
    elementClass->change_state = GST_DEBUG_FUNCPTR(gst_slab_queue_change_state);
    elementClass->post_message = GST_DEBUG_FUNCPTR(gst_slab_queue_post_message);

    gst_slab_queue_install_limits(objectClass);
    g_object_class_install_property(
        objectClass, PROP_SILENT,
        g_param_spec_boolean(
            "silent", "Silent", "For pipelines written for queue: slabqueue emits no signals anyway", FALSE,
            GParamFlags(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING)));
    g_object_class_install_property(
        objectClass, PROP_CURRENT_LEVEL_BUFFERS,
        g_param_spec_uint("current-level-buffers", "Current level (buffers)",
                          "How many buffers are in the queue now", 0, G_MAXUINT, 0,
                          GParamFlags(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
    dmaslab::installStatsProperty(objectClass, PROP_STATS,
                                  "queue-level and queue-high (buffers inside now, and at most so far)");
    dmaslab::StatsTimer::installProperty(objectClass, PROP_STATS_INTERVAL);
    dmaslab::PlacementProperties::install(objectClass, PROP_CPU, PROP_RT_PRIORITY);

    gst_element_class_add_static_pad_template(elementClass, &sinkTemplate);
    gst_element_class_add_static_pad_template(elementClass, &sourceTemplate);
    gst_element_class_set_static_metadata(
        elementClass, "Slab queue", "Generic",
        "Thread boundary: hands buffers over without a lock, counts and names every frame it loses",
        "dmaslab contributors");
    gst_type_mark_as_plugin_api(leakyType(), GstPluginAPIFlags(0));
}
