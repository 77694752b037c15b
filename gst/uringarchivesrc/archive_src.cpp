// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-uringarchivesrc
 * @title: uringarchivesrc
 * @short_description: plays recordings into slabs, with the numbers, times and losses they were made with
 *
 * Plays a recording that uringarchive made, also one that is still being written or whose writer died. Frames
 * are read past the page cache straight into slabs, several at once.
 *
 * What comes out is what went in: the caps of each series, each frame's number (OFFSET), time (PTS), flags
 * and capture time (GstReferenceTimestampMeta, timestamp/x-dmaslab-capture), its rows where they were
 * (GstVideoMeta), and the loss ledger: events `dmaslab-loss` and `dmaslab-skip` go before the frame behind
 * them. Frames that cannot be read are losses of this element.
 *
 * It seeks by time and by frame (GST_FORMAT_DEFAULT: the frame's number in the recording, from 0), with stop
 * positions and segment seeks. Stream time is the recorded PTS; running time begins with the first frame.
 *
 * With pacing=off it runs as fast as downstream takes frames, and a sink with sync=true keeps time. With
 * pacing=recorded it is live, as the camera was.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 uringarchivesrc location=recording/ ! videoconvert ! autovideosink
 * ]| Shows a recording at the speed it was made.
 * |[
 * gst-launch-1.0 -m uringarchivesrc location=recording/ verify=true ! fakesink
 * ]| Reads it as fast as the disk gives it and checks every frame.
 */
#include "uringarchivesrc/archive_src.h"

#include "common/messages.h"
#include "common/placement_properties.h"
#include "common/stats_timer.h"
#include "uringarchivesrc/queries.h"
#include "uringarchivesrc/src_properties.h"
#include "uringarchivesrc/src_stats.h"

GST_DEBUG_CATEGORY(gst_uring_archive_src_debug);
#define GST_CAT_DEFAULT gst_uring_archive_src_debug

using namespace dmaslab;

namespace {

struct ArchiveSrcPrivate
{
    explicit ArchiveSrcPrivate(GstUringArchiveSrc *element)
        : player(GST_BASE_SRC(element)), timer(GST_ELEMENT(element), [this] { return collectStats(player); })
    {
    }

    ReplaySettings settings; ///< object lock
    Player player;
    StatsTimer timer;
    PlacementProperties placement;
};

} // namespace

struct _GstUringArchiveSrc
{
    GstPushSrc parent;
    ArchiveSrcPrivate *priv;
};

static ArchiveSrcPrivate &priv(gpointer object)
{
    return *GST_URING_ARCHIVE_SRC(object)->priv;
}

#define gst_uring_archive_src_parent_class archive_src_parent_class
G_DEFINE_TYPE(GstUringArchiveSrc, gst_uring_archive_src, GST_TYPE_PUSH_SRC)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(uringarchivesrc, "uringarchivesrc", GST_RANK_NONE,
                                      GST_TYPE_URING_ARCHIVE_SRC,
                                      GST_DEBUG_CATEGORY_INIT(gst_uring_archive_src_debug, "uringarchivesrc",
                                                              0, "recording source"))

static gboolean gst_uring_archive_src_start(GstBaseSrc *base)
{
    ArchiveSrcPrivate &self = priv(base);
    ReplaySettings settings;
    {
        const ObjectLocker lock(base);
        settings = self.settings;
    }
    if (settings.location.empty()) {
        GST_ELEMENT_ERROR(
            base, RESOURCE, NOT_FOUND,
            ("%s: location is not set. Set location=DIRECTORY of a recording.", GST_OBJECT_NAME(base)),
            (nullptr));
        return FALSE;
    }
    if (settings.slabs == 1) {
        GST_ELEMENT_ERROR(base, RESOURCE, SETTINGS,
                          ("%s: slabs=1 stops at the first sink that keeps its last frame. Set slabs=2 or "
                           "more, or 0 to have the number computed.",
                           GST_OBJECT_NAME(base)),
                          (nullptr));
        return FALSE;
    }
    if (!self.player.start(settings))
        return FALSE;
    self.timer.start();
    return TRUE;
}

static gboolean gst_uring_archive_src_stop(GstBaseSrc *base)
{
    ArchiveSrcPrivate &self = priv(base);
    self.timer.stop();
    self.player.stop();
    self.timer.post();
    return TRUE;
}

static gboolean gst_uring_archive_src_unlock(GstBaseSrc *base)
{
    priv(base).player.setInterrupted(true);
    return TRUE;
}

static gboolean gst_uring_archive_src_unlock_stop(GstBaseSrc *base)
{
    priv(base).player.setInterrupted(false);
    return TRUE;
}

static gboolean gst_uring_archive_src_is_seekable(GstBaseSrc *)
{
    return TRUE;
}

// Waiting is ours: the base class would add its own idea of a start-up latency to the recorded times.
static void gst_uring_archive_src_get_times(GstBaseSrc *, GstBuffer *, GstClockTime *start, GstClockTime *end)
{
    *start = *end = GST_CLOCK_TIME_NONE;
}

static gboolean gst_uring_archive_src_do_seek(GstBaseSrc *base, GstSegment *segment)
{
    return priv(base).player.seek(*segment);
}

/** The base class asks for this when a seek is not in time, and would take a number from the end for one from
 * the beginning. */
static gboolean gst_uring_archive_src_prepare_seek_segment(GstBaseSrc *base, GstEvent *event,
                                                           GstSegment *segment)
{
    Player &player = priv(base).player;
    gdouble rate = 1;
    GstFormat format = GST_FORMAT_UNDEFINED;
    GstSeekFlags flags = GST_SEEK_FLAG_NONE;
    GstSeekType types[2] = {GST_SEEK_TYPE_NONE, GST_SEEK_TYPE_NONE};
    gint64 values[2] = {0, 0};
    gst_event_parse_seek(event, &rate, &format, &flags, &types[0], &values[0], &types[1], &values[1]);
    const auto timeline = player.timeline();
    if (!timeline || format != GST_FORMAT_DEFAULT)
        return FALSE;
    const gint64 frames = gint64(timeline->frames());
    const gint64 numbers[2] = {values[0], values[1]};
    for (int i = 0; i < 2; ++i) {
        if (types[i] == GST_SEEK_TYPE_NONE || (i == 1 && numbers[i] == -1 && types[i] == GST_SEEK_TYPE_SET))
            continue;
        const gint64 number = types[i] == GST_SEEK_TYPE_END ? frames + numbers[i] : numbers[i];
        const gint64 frame = CLAMP(number, 0, frames);
        const auto time = convert(*timeline, GST_FORMAT_DEFAULT, frame, GST_FORMAT_TIME);
        if (!time)
            return FALSE;
        types[i] = GST_SEEK_TYPE_SET;
        values[i] = *time;
        if (i == 0)
            player.rememberFrame(std::uint64_t(frame), GstClockTime(*time));
    }
    return gst_segment_do_seek(segment, rate, GST_FORMAT_TIME, flags, types[0], guint64(values[0]), types[1],
                               guint64(values[1]), nullptr);
}

/** Refused before anything is flushed. */
static bool canSeek(GstBaseSrc *base, GstEvent *event)
{
    gdouble rate = 1;
    GstFormat format = GST_FORMAT_UNDEFINED;
    gst_event_parse_seek(event, &rate, &format, nullptr, nullptr, nullptr, nullptr, nullptr);
    if (rate <= 0) {
        GST_INFO_OBJECT(base, "a recording plays forward only, not at rate %g", rate);
        return false;
    }
    return format == GST_FORMAT_TIME || format == GST_FORMAT_DEFAULT;
}

static gboolean gst_uring_archive_src_event(GstBaseSrc *base, GstEvent *event)
{
    if (GST_EVENT_TYPE(event) == GST_EVENT_SEEK && !canSeek(base, event))
        return FALSE;
    return GST_BASE_SRC_CLASS(archive_src_parent_class)->event(base, event);
}

static gboolean gst_uring_archive_src_send_event(GstElement *element, GstEvent *event)
{
    if (GST_EVENT_TYPE(event) == GST_EVENT_SEEK && !canSeek(GST_BASE_SRC(element), event)) {
        gst_event_unref(event);
        return FALSE;
    }
    return GST_ELEMENT_CLASS(archive_src_parent_class)->send_event(element, event);
}

static gboolean gst_uring_archive_src_query(GstBaseSrc *base, GstQuery *query)
{
    Player &player = priv(base).player;
    const auto timeline = player.timeline();
    switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_LATENCY:
        if (!gst_base_src_is_live(base))
            break;
        answerLatency(player, query);
        return TRUE;
    case GST_QUERY_DURATION:
        return timeline && answerDuration(*timeline, query);
    case GST_QUERY_SEEKING:
        return timeline && answerSeeking(*timeline, query);
    case GST_QUERY_CONVERT:
        if (timeline && answerConvert(*timeline, query))
            return TRUE;
        break;
    case GST_QUERY_FORMATS:
        gst_query_set_formats(query, 2, GST_FORMAT_TIME, GST_FORMAT_DEFAULT);
        return TRUE;
    default:
        break;
    }
    return GST_BASE_SRC_CLASS(archive_src_parent_class)->query(base, query);
}

/** The caps are what was recorded, to the letter: what an intersection with downstream adds is not taken. */
static gboolean gst_uring_archive_src_negotiate(GstBaseSrc *base)
{
    const auto wanted = priv(base).player.wantedCaps();
    if (!wanted)
        return TRUE; // nothing to play yet
    if (!wanted->caps)
        return FALSE;
    const CapsPtr taken(gst_pad_peer_query_caps(GST_BASE_SRC_PAD(base), wanted->caps.get()));
    if (gst_caps_is_empty(taken.get())) {
        const CharPtr text(gst_caps_to_string(wanted->caps.get()));
        GST_ELEMENT_ERROR(base, STREAM, FORMAT,
                          ("location: the recording is %s, which downstream does not take. Put an element "
                           "behind it that converts.",
                           text.get()),
                          (nullptr));
        return FALSE;
    }
    return gst_base_src_set_caps(base, wanted->caps.get());
}

/** Runs after negotiate, and again whenever downstream changes: then the frames under way stay as they are.
 */
static gboolean gst_uring_archive_src_decide_allocation(GstBaseSrc *base, GstQuery *query)
{
    guint declared = 0;
    while (gst_query_get_n_allocation_pools(query) > 0) {
        guint min = 0;
        gst_query_parse_nth_allocation_pool(query, 0, nullptr, nullptr, &min, nullptr);
        declared = MAX(declared, min);
        gst_query_remove_nth_allocation_pool(query, 0); // ours is not the base class's to manage
    }
    while (gst_query_get_n_allocation_params(query) > 0)
        gst_query_remove_nth_allocation_param(query, 0);
    return priv(base).player.prepareStream(declared);
}

static GstFlowReturn gst_uring_archive_src_create(GstPushSrc *source, GstBuffer **buffer)
{
    return priv(source).player.create(buffer);
}

static GstPadProbeReturn gst_uring_archive_src_probe(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    ArchiveSrcPrivate &self = *static_cast<ArchiveSrcPrivate *>(user);
    if (info->type & GST_PAD_PROBE_TYPE_BUFFER)
        return self.player.leaving(pad, GST_PAD_PROBE_INFO_BUFFER(info)) ? GST_PAD_PROBE_OK
                                                                         : GST_PAD_PROBE_DROP;
    const GstEventType type = GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info));
    if (type == GST_EVENT_EOS || type == GST_EVENT_SEGMENT_DONE) {
        self.player.ending(pad);
        self.timer.post();
    }
    return GST_PAD_PROBE_OK;
}

static GstStateChangeReturn gst_uring_archive_src_change_state(GstElement *element, GstStateChange transition)
{
    ArchiveSrcPrivate &self = priv(element);
    if (transition == GST_STATE_CHANGE_NULL_TO_READY && !self.placement.check(element))
        return GST_STATE_CHANGE_FAILURE;
    if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
        GST_OBJECT_LOCK(element);
        const bool live = self.settings.paced();
        GST_OBJECT_UNLOCK(element);
        gst_base_src_set_live(GST_BASE_SRC(element), live);
    }
    if (transition == GST_STATE_CHANGE_PLAYING_TO_PAUSED)
        self.player.setPaused(true);
    else if (transition != GST_STATE_CHANGE_PAUSED_TO_READY)
        self.player.setPaused(false);
    auto result = GST_ELEMENT_CLASS(archive_src_parent_class)->change_state(element, transition);
    if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
        self.player.setPaused(false); // not before the pad flushes: the frame that waits would go out
    return result;
}

static gboolean gst_uring_archive_src_post_message(GstElement *element, GstMessage *message)
{
    priv(element).placement.observe(element, message);
    return GST_ELEMENT_CLASS(archive_src_parent_class)->post_message(element, message);
}

static void gst_uring_archive_src_set_property(GObject *object, guint id, const GValue *value,
                                               GParamSpec *pspec)
{
    ArchiveSrcPrivate &self = priv(object);
    if (!mayChangeProperty(GST_ELEMENT(object), pspec, value))
        return;
    switch (id) {
    case PROP_STATS_INTERVAL:
        self.timer.setInterval(g_value_get_uint(value));
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
    if (!setReplayProperty(self.settings, id, value))
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void gst_uring_archive_src_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    ArchiveSrcPrivate &self = priv(object);
    switch (id) {
    case PROP_STATS:
        g_value_take_boxed(value, collectStats(self.player).release());
        return;
    case PROP_STATS_INTERVAL:
        g_value_set_uint(value, self.timer.interval());
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
    if (!getReplayProperty(self.settings, id, value))
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void gst_uring_archive_src_finalize(GObject *object)
{
    delete GST_URING_ARCHIVE_SRC(object)->priv;
    G_OBJECT_CLASS(archive_src_parent_class)->finalize(object);
}

static void gst_uring_archive_src_init(GstUringArchiveSrc *self)
{
    self->priv = new ArchiveSrcPrivate(self);
    gst_base_src_set_format(GST_BASE_SRC(self), GST_FORMAT_TIME);
    gst_pad_add_probe(
        GST_BASE_SRC_PAD(self),
        static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM),
        gst_uring_archive_src_probe, self->priv, nullptr);
}

static void gst_uring_archive_src_class_init(GstUringArchiveSrcClass *klass)
{
    auto *object = G_OBJECT_CLASS(klass);
    object->set_property = gst_uring_archive_src_set_property;
    object->get_property = gst_uring_archive_src_get_property;
    object->finalize = gst_uring_archive_src_finalize;
    installReplayProperties(object);
    installStatsProperty(object, PROP_STATS, replayStatsBlurb);
    StatsTimer::installProperty(object, PROP_STATS_INTERVAL);
    PlacementProperties::install(object, PROP_CPU, PROP_RT_PRIORITY);

    auto *element = GST_ELEMENT_CLASS(klass);
    element->change_state = GST_DEBUG_FUNCPTR(gst_uring_archive_src_change_state);
    element->send_event = GST_DEBUG_FUNCPTR(gst_uring_archive_src_send_event);
    element->post_message = GST_DEBUG_FUNCPTR(gst_uring_archive_src_post_message);
    gst_element_class_set_static_metadata(
        element, "Recording source", "Source/File",
        "Plays recordings into slabs, with the numbers, times and losses they were made with",
        "dmaslab contributors");
    gst_element_class_add_pad_template(
        element, gst_pad_template_new("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_CAPS_ANY));

    auto *base = GST_BASE_SRC_CLASS(klass);
    base->start = GST_DEBUG_FUNCPTR(gst_uring_archive_src_start);
    base->stop = GST_DEBUG_FUNCPTR(gst_uring_archive_src_stop);
    base->unlock = GST_DEBUG_FUNCPTR(gst_uring_archive_src_unlock);
    base->unlock_stop = GST_DEBUG_FUNCPTR(gst_uring_archive_src_unlock_stop);
    base->is_seekable = GST_DEBUG_FUNCPTR(gst_uring_archive_src_is_seekable);
    base->get_times = GST_DEBUG_FUNCPTR(gst_uring_archive_src_get_times);
    base->do_seek = GST_DEBUG_FUNCPTR(gst_uring_archive_src_do_seek);
    base->prepare_seek_segment = GST_DEBUG_FUNCPTR(gst_uring_archive_src_prepare_seek_segment);
    base->event = GST_DEBUG_FUNCPTR(gst_uring_archive_src_event);
    base->query = GST_DEBUG_FUNCPTR(gst_uring_archive_src_query);
    base->negotiate = GST_DEBUG_FUNCPTR(gst_uring_archive_src_negotiate);
    base->decide_allocation = GST_DEBUG_FUNCPTR(gst_uring_archive_src_decide_allocation);
    GST_PUSH_SRC_CLASS(klass)->create = GST_DEBUG_FUNCPTR(gst_uring_archive_src_create);
}
