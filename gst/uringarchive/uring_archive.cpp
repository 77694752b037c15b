// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-uringarchive
 * @title: uringarchive
 * @short_description: records frames into a directory that numpy opens
 *
 * Writes every frame, or every Nth, past the page cache into a recording: a directory of .npy files that
 * numpy maps as they are, with an index of 64 bytes per frame and a ledger of the frames that are missing.
 * Frames that lie in slabs (dmaslabsrc, or a source that takes the pool this element offers) go to the disk
 * from where they lie; each stays held, and unchanged, until the disk has it. What is counted as archived has
 * survived a power failure.
 *
 * A recording opens when the element starts, or when `recording` becomes true, and closes at the end of the
 * stream, when it becomes false, or after `num-frames`. New caps open a new series in the same recording.
 *
 * Messages tell of it: `dmaslab-recording-opened` and `dmaslab-recording-closed` (with the line that opens it
 * in numpy), `dmaslab-segment-opened` and `dmaslab-segment-closed`, and `dmaslab-stats`.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 -m dmaslabsrc backend=test num-buffers=5000 ! \
 *     video/x-raw,format=GRAY16_LE,width=640,height=480,framerate=1000/1 ! \
 *     uringarchive location=rec-%H%M%S
 * ]| Every frame of a synthetic camera.
 * |[
 * gst-launch-1.0 -m dmaslabsrc backend=test ! \
 *     video/x-raw,format=GRAY16_LE,width=640,height=480,framerate=1000/1 ! tee name=t \
 *     t. ! slabqueue ! fakesink \
 *     t. ! slabqueue ! uringarchive location=every-fifth every-nth=5
 * ]| Every fifth frame, beside a branch that gets them all.
 */
#include "uringarchive/uring_archive.h"

#include "common/messages.h"
#include "common/stats_timer.h"
#include "dmaslab/pacing/thread_placement.h"
#include "uringarchive/archive_allocation.h"
#include "uringarchive/archive_json.h"
#include "uringarchive/archive_properties.h"
#include "uringarchive/recorder.h"

GST_DEBUG_CATEGORY(gst_uring_archive_debug);
#define GST_CAT_DEFAULT gst_uring_archive_debug

using namespace dmaslab;

namespace {

using TagListPtr = std::unique_ptr<GstTagList, MiniObjectUnref>;

struct Private
{
    explicit Private(GstUringArchive *element)
        : recorder(GST_BASE_SINK(element), [element] { g_object_notify(G_OBJECT(element), "recording"); }),
          timer(GST_ELEMENT(element), [this] { return recorder.stats(); })
    {
    }

    ArchiveValues values; ///< object lock
    Recorder recorder;
    StatsTimer timer;
    TagListPtr tags; ///< streaming thread
};

enum Signal
{
    SIGNAL_START,
    SIGNAL_STOP,
    SIGNAL_SPLIT_NOW,
    SIGNALS,
};
guint signals[SIGNALS];

GstStaticPadTemplate sinkTemplate =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

} // namespace

struct _GstUringArchive
{
    GstBaseSink parent;
    Private *priv;
};

G_DEFINE_TYPE(GstUringArchive, gst_uring_archive, GST_TYPE_BASE_SINK)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(uringarchive, "uringarchive", GST_RANK_NONE, GST_TYPE_URING_ARCHIVE,
                                      GST_DEBUG_CATEGORY_INIT(gst_uring_archive_debug, "uringarchive", 0,
                                                              "recordings"))

static Private &priv(gpointer object)
{
    return *GST_URING_ARCHIVE(object)->priv;
}

static ArchiveSettings settingsOf(gpointer object)
{
    const ObjectLocker lock(object);
    return priv(object).values.settings;
}

static bool gst_uring_archive_start(GstElement *element)
{
    Private &self = priv(element);
    const ArchiveSettings settings = settingsOf(element);
    const ThreadPlacement placement{settings.writer.cpu, settings.writer.rtPriority, 0};
    if (const auto valid = placement.validate(); !valid) {
        postError(element, valid.error());
        return false;
    }
    self.tags.reset();
    if (!self.recorder.start(settings))
        return false;
    self.timer.start();
    return true;
}

static void gst_uring_archive_stop(GstElement *element)
{
    Private &self = priv(element);
    self.timer.stop();
    self.recorder.stop();
    self.timer.post();
}

// Not the base class's start and stop: those belong to READY, where properties may still change, and it posts
// a second error when start fails.
static GstStateChangeReturn gst_uring_archive_change_state(GstElement *element, GstStateChange transition)
{
    if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !gst_uring_archive_start(element))
        return GST_STATE_CHANGE_FAILURE;
    auto result = GST_ELEMENT_CLASS(gst_uring_archive_parent_class)->change_state(element, transition);
    const bool failed = transition == GST_STATE_CHANGE_READY_TO_PAUSED && result == GST_STATE_CHANGE_FAILURE;
    if (transition == GST_STATE_CHANGE_PAUSED_TO_READY || failed)
        gst_uring_archive_stop(element);
    return result;
}

static gboolean gst_uring_archive_unlock(GstBaseSink *base)
{
    priv(base).recorder.setInterrupted(true);
    return TRUE;
}

static gboolean gst_uring_archive_unlock_stop(GstBaseSink *base)
{
    priv(base).recorder.setInterrupted(false);
    return TRUE;
}

static gboolean gst_uring_archive_set_caps(GstBaseSink *base, GstCaps *caps)
{
    return priv(base).recorder.setCaps(caps);
}

static GstFlowReturn gst_uring_archive_render(GstBaseSink *base, GstBuffer *buffer)
{
    return priv(base).recorder.render(buffer);
}

static void gst_uring_archive_take_tags(Private &self, GstEvent *event)
{
    GstTagList *tags = nullptr;
    gst_event_parse_tag(event, &tags);
    self.tags.reset(gst_tag_list_merge(self.tags.get(), tags, GST_TAG_MERGE_REPLACE));
    self.recorder.setTags(tagsToJson(self.tags.get()));
}

static gboolean gst_uring_archive_event(GstBaseSink *base, GstEvent *event)
{
    Private &self = priv(base);
    switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_EOS:
        // Before the base class says it: at the message everything is on disk.
        if (self.recorder.finish())
            self.timer.post();
        break;
    case GST_EVENT_STREAM_START:
        self.tags.reset();
        self.recorder.beginStream();
        break;
    case GST_EVENT_TAG:
        gst_uring_archive_take_tags(self, event);
        break;
    case GST_EVENT_SEGMENT: {
        const GstSegment *segment = nullptr;
        gst_event_parse_segment(event, &segment);
        self.recorder.setSegment(*segment);
        break;
    }
    case GST_EVENT_CUSTOM_DOWNSTREAM:
        if (const auto loss = parseLossEvent(event))
            self.recorder.announce(*loss);
        else if (const auto skip = parseSkipEvent(event))
            self.recorder.announce(*skip);
        break;
    default:
        break;
    }
    return GST_BASE_SINK_CLASS(gst_uring_archive_parent_class)->event(base, event);
}

static gboolean gst_uring_archive_query(GstBaseSink *base, GstQuery *query)
{
    if (GST_QUERY_TYPE(query) == GST_QUERY_DRAIN)
        (void)priv(base).recorder.drain();
    // Whoever asks is about to change the memory that our frames lie in; a commit is not needed for that.
    if (GST_QUERY_TYPE(query) == GST_QUERY_ALLOCATION)
        (void)priv(base).recorder.letGo();
    return GST_BASE_SINK_CLASS(gst_uring_archive_parent_class)->query(base, query);
}

static gboolean gst_uring_archive_propose_allocation(GstBaseSink *base, GstQuery *query)
{
    proposeAllocation(GST_ELEMENT(base), query, settingsOf(base));
    return TRUE;
}

static void gst_uring_archive_set_recording(GstUringArchive *self, gboolean recording)
{
    if (priv(self).recorder.isRecording() == bool(recording))
        return;
    priv(self).recorder.setRecording(recording);
    g_object_notify(G_OBJECT(self), "recording");
}

static void gst_uring_archive_on_start(GstUringArchive *self)
{
    gst_uring_archive_set_recording(self, TRUE);
}

static void gst_uring_archive_on_stop(GstUringArchive *self)
{
    gst_uring_archive_set_recording(self, FALSE);
}

static void gst_uring_archive_on_split_now(GstUringArchive *self)
{
    priv(self).recorder.split();
}

static void gst_uring_archive_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    Private &self = priv(object);
    if (!mayChangeProperty(GST_ELEMENT(object), pspec, value))
        return;
    if (id == PROP_RECORDING) {
        self.recorder.setRecording(g_value_get_boolean(value));
    } else if (id == PROP_STATS_INTERVAL) {
        self.timer.setInterval(g_value_get_uint(value));
    } else {
        const ObjectLocker lock(object);
        if (!setArchiveProperty(self.values, id, value))
            G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void gst_uring_archive_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    Private &self = priv(object);
    if (id == PROP_RECORDING) {
        g_value_set_boolean(value, self.recorder.isRecording());
    } else if (id == PROP_STATS) {
        g_value_take_boxed(value, self.recorder.stats().release());
    } else if (id == PROP_STATS_INTERVAL) {
        g_value_set_uint(value, self.timer.interval());
    } else {
        const ObjectLocker lock(object);
        if (!getArchiveProperty(self.values, id, value))
            G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void gst_uring_archive_finalize(GObject *object)
{
    delete GST_URING_ARCHIVE(object)->priv;
    G_OBJECT_CLASS(gst_uring_archive_parent_class)->finalize(object);
}

static void gst_uring_archive_init(GstUringArchive *self)
{
    self->priv = new Private(self);
    auto *base = GST_BASE_SINK(self);
    gst_base_sink_set_sync(base, FALSE);
    gst_base_sink_set_qos_enabled(base, FALSE);
    gst_base_sink_set_last_sample_enabled(base, FALSE); // it would hold a slab for nobody
    gst_base_sink_set_processing_deadline(base, 0);
    gst_base_sink_set_drop_out_of_segment(base, FALSE); // it would lose frames without a word
}

static void gst_uring_archive_class_init(GstUringArchiveClass *klass)
{
    auto *object = G_OBJECT_CLASS(klass);
    object->set_property = gst_uring_archive_set_property;
    object->get_property = gst_uring_archive_get_property;
    object->finalize = gst_uring_archive_finalize;
    installArchiveProperties(object);
    g_object_class_install_property(
        object, PROP_RECORDING,
        g_param_spec_boolean(
            "recording", "Recording",
            "Whether frames are recorded: false closes the recording, true opens a new one at "
            "the next frame. Frames that come while it is false count as skipped",
            TRUE, GParamFlags(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING)));
    installStatsProperty(
        object, PROP_STATS,
        "frames-archived (durable, the same as frames-out), frames-pending (taken and not durable yet), "
        "segments (opened), io-errors, io (what is really used), gaps (frames that did not come here)");
    StatsTimer::installProperty(object, PROP_STATS_INTERVAL);

    const auto action = GSignalFlags(G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION);
    const GType type = G_TYPE_FROM_CLASS(klass);
    signals[SIGNAL_START] =
        g_signal_new_class_handler("start", type, action, G_CALLBACK(gst_uring_archive_on_start), nullptr,
                                   nullptr, nullptr, G_TYPE_NONE, 0);
    signals[SIGNAL_STOP] =
        g_signal_new_class_handler("stop", type, action, G_CALLBACK(gst_uring_archive_on_stop), nullptr,
                                   nullptr, nullptr, G_TYPE_NONE, 0);
    signals[SIGNAL_SPLIT_NOW] =
        g_signal_new_class_handler("split-now", type, action, G_CALLBACK(gst_uring_archive_on_split_now),
                                   nullptr, nullptr, nullptr, G_TYPE_NONE, 0);

    auto *element = GST_ELEMENT_CLASS(klass);
    element->change_state = GST_DEBUG_FUNCPTR(gst_uring_archive_change_state);
    gst_element_class_add_static_pad_template(element, &sinkTemplate);
    gst_element_class_set_static_metadata(
        element, "Archive", "Sink/File",
        "Records frames, past the page cache and without copying them, into a directory that numpy opens",
        "dmaslab contributors");

    auto *base = GST_BASE_SINK_CLASS(klass);
    base->unlock = GST_DEBUG_FUNCPTR(gst_uring_archive_unlock);
    base->unlock_stop = GST_DEBUG_FUNCPTR(gst_uring_archive_unlock_stop);
    base->set_caps = GST_DEBUG_FUNCPTR(gst_uring_archive_set_caps);
    base->render = GST_DEBUG_FUNCPTR(gst_uring_archive_render);
    base->event = GST_DEBUG_FUNCPTR(gst_uring_archive_event);
    base->query = GST_DEBUG_FUNCPTR(gst_uring_archive_query);
    base->propose_allocation = GST_DEBUG_FUNCPTR(gst_uring_archive_propose_allocation);
}
