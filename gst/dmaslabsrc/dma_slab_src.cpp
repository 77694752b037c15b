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
#include "common/placement_properties.h"
#include "common/stats_timer.h"
#include "dmaslabsrc/file_caps.h"
#include "dmaslabsrc/producer.h"
#include "dmaslabsrc/queries.h"
#include "dmaslabsrc/src_properties.h"
#include "dmaslabsrc/src_stats.h"

GST_DEBUG_CATEGORY(gst_dma_slab_src_debug);
#define GST_CAT_DEFAULT gst_dma_slab_src_debug

using namespace dmaslab;

namespace {

struct Private
{
    explicit Private(GstDmaSlabSrc *element)
        : producer(GST_BASE_SRC(element)),
          timer(GST_ELEMENT(element), [this] { return collectStats(producer); })
    {
    }

    Settings settings; ///< object lock
    Producer producer;
    StatsTimer timer;
    PlacementProperties placement{1}; // ns of timer slack: deadlines are what this thread is for
    // Streaming thread, and state changes while there is none.
    Settings active;
    std::optional<FrameFormat> format; ///< of the caps that are set
    bool streamIsCurrent = false;      ///< the stream is the one for `format`
    bool guessed = false;              ///< the caps were ours to choose, and a raw file has only one truth
    std::uint32_t slabsWarned = 0;     ///< how many the last warning asked for
    std::uint64_t fileOrigin = 0;      ///< the number of the files' first frame
    std::optional<FileFrame> files;    ///< object lock: caps are asked for on any thread
};

} // namespace

struct _GstDmaSlabSrc
{
    GstPushSrc parent;
    Private *priv;
};

G_DEFINE_TYPE(GstDmaSlabSrc, gst_dma_slab_src, GST_TYPE_PUSH_SRC)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(dmaslabsrc, "dmaslabsrc", GST_RANK_NONE, GST_TYPE_DMA_SLAB_SRC,
                                      GST_DEBUG_CATEGORY_INIT(gst_dma_slab_src_debug, "dmaslabsrc", 0,
                                                              "slab source"))

static Private &priv(gpointer object)
{
    return *GST_DMA_SLAB_SRC(object)->priv;
}

static void setFiles(GstBaseSrc *base, const std::optional<FileFrame> &frame)
{
    const ObjectLocker lock(base);
    priv(base).files = frame;
}

static gboolean gst_dma_slab_src_start(GstBaseSrc *base)
{
    Private &self = priv(base);
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
    Private &self = priv(base);
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

static GstCaps *gst_dma_slab_src_get_caps(GstBaseSrc *base, GstCaps *filter)
{
    std::optional<FileFrame> files;
    {
        const ObjectLocker lock(base);
        files = priv(base).files;
    }
    CapsPtr caps(files ? capsOfFiles(*files).release()
                       : gst_pad_get_pad_template_caps(GST_BASE_SRC_PAD(base)));
    if (filter)
        caps.reset(gst_caps_intersect_full(filter, caps.get(), GST_CAPS_INTERSECT_FIRST));
    return caps.release();
}

static bool isFixed(const GstStructure *structure, const char *field)
{
    const GValue *value = gst_structure_get_value(structure, field);
    return !value || gst_value_is_fixed(value);
}

static GstCaps *gst_dma_slab_src_fixate(GstBaseSrc *base, GstCaps *caps)
{
    caps = gst_caps_make_writable(caps);
    caps = gst_caps_truncate(caps);
    GstStructure *structure = gst_caps_get_structure(caps, 0);
    // What nobody said is what the files are, or what a camera of today gives.
    Private &self = priv(base);
    gint width = 640;
    gint height = 480;
    bool mustSay = false;
    {
        const ObjectLocker lock(base);
        if (self.files && !self.files->raw) {
            width = gint(MIN(self.files->width, guint64(G_MAXINT)));
            height = gint(MIN(self.files->height, guint64(G_MAXINT)));
        }
        mustSay = self.files && self.files->raw;
    }
    // An array has no format and no width, and need not have a framerate.
    const auto has = [structure](const char *field) { return gst_structure_has_field(structure, field); };
    self.guessed = mustSay && (!isFixed(structure, "format") || !isFixed(structure, "width") ||
                               !isFixed(structure, "height"));
    if (has("format"))
        gst_structure_fixate_field_string(structure, "format", "GRAY16_LE");
    if (has("width"))
        gst_structure_fixate_field_nearest_int(structure, "width", width);
    if (has("height"))
        gst_structure_fixate_field_nearest_int(structure, "height", height);
    if (has("framerate"))
        gst_structure_fixate_field_nearest_fraction(structure, "framerate", 30, 1);
    return GST_BASE_SRC_CLASS(gst_dma_slab_src_parent_class)->fixate(base, caps);
}

static gboolean gst_dma_slab_src_set_caps(GstBaseSrc *base, GstCaps *caps)
{
    Private &self = priv(base);
    Result<FrameFormat> format = frameFormatFromCaps(caps);
    if (!format) {
        postError(GST_ELEMENT(base), format.error());
        return FALSE;
    }
    if (self.active.paced() && format->rateNumerator == 0) {
        GST_ELEMENT_ERROR(base, RESOURCE, SETTINGS,
                          ("%s: framerate 0/1 gives no deadlines: set a positive framerate in the caps, or "
                           "pacing=off.",
                           GST_OBJECT_NAME(base)),
                          (nullptr));
        return FALSE;
    }
    if (self.guessed) {
        GST_ELEMENT_ERROR(
            base, RESOURCE, SETTINGS,
            ("location=%s: a raw file does not tell what its frames are. Set format, width and height "
             "in the caps behind the source.",
             self.active.location.c_str()),
            (nullptr));
        return FALSE;
    }
    self.format = std::move(*format);
    self.streamIsCurrent = false;
    return TRUE;
}

static void warnIfTooFewSlabs(GstBaseSrc *base, guint declared)
{
    Private &self = priv(base);
    const auto current = self.producer.current();
    const SizingRequest need = SourceStream::sizing(self.active, *self.format, declared);
    const std::uint32_t needed = slabsNeeded(need);
    if (declared == 0 || !current || needed <= current->slabs || needed <= self.slabsWarned)
        return;
    self.slabsWarned = needed; // links come and go; the same sentence again tells nothing
    GST_ELEMENT_WARNING(
        base, RESOURCE, SETTINGS,
        ("%s: the branches need %u slabs, there are %u: %s. Frames may be dropped as starved; "
         "set slabs=%u before the start.",
         GST_OBJECT_NAME(base), needed, current->slabs, explainSizing(need).c_str(), needed),
        (nullptr));
}

/** Runs after set_caps, and again whenever downstream changes: then the frames under way stay as they are. */
static gboolean gst_dma_slab_src_decide_allocation(GstBaseSrc *base, GstQuery *query)
{
    Private &self = priv(base);
    guint declared = 0;
    while (gst_query_get_n_allocation_pools(query) > 0) {
        guint min = 0;
        gst_query_parse_nth_allocation_pool(query, 0, nullptr, nullptr, &min, nullptr);
        declared = MAX(declared, min);
        gst_query_remove_nth_allocation_pool(query, 0); // ours is not the base class's to manage
    }
    while (gst_query_get_n_allocation_params(query) > 0)
        gst_query_remove_nth_allocation_param(query, 0);
    if (!self.format)
        return FALSE;
    if (self.streamIsCurrent) {
        warnIfTooFewSlabs(base, declared);
        return TRUE;
    }
    StreamRequest request;
    request.settings = self.active;
    request.format = *self.format;
    request.declared = declared;
    request.firstSequence = self.producer.nextSequence();
    request.copied = self.producer.copyCount();
    request.fileOrigin = self.fileOrigin;
    auto stream = SourceStream::open(std::move(request));
    if (!stream) {
        Error error = stream.error();
        // A number that nobody typed needs its origin: a branch may have asked for the impossible.
        if (self.active.slabs == 0 && (error.code == Errc::NoMemory || error.code == Errc::Limit))
            error.message += ". The number was computed: " +
                             explainSizing(SourceStream::sizing(self.active, *self.format, declared)) +
                             ". Set slabs, or let the branches hold fewer frames.";
        postError(GST_ELEMENT(base), error);
        return FALSE;
    }
    const ArenaReport &report = (*stream)->arena().report();
    GST_INFO_OBJECT(base, "%u slabs of %" G_GSIZE_FORMAT " bytes in %s, pages of %" G_GSIZE_FORMAT,
                    (*stream)->arena().slabs(), (*stream)->arena().slabSize(), toString(report.kind),
                    report.pageSize);
    const bool anyMemory = self.active.memory == MemoryKind::Auto;
    std::vector<std::string> said;
    for (const std::string &degradation : report.degradations)
        said.push_back("memory=" + std::string(toString(self.active.memory)) + ": " + degradation +
                       (anyMemory ? " (memory=memfd says that it is not needed)" : ""));
    postDegradations(GST_ELEMENT(base), said, anyMemory);
    self.producer.setStream(std::move(*stream));
    self.streamIsCurrent = true;
    warnIfTooFewSlabs(base, declared);
    gst_element_post_message(GST_ELEMENT(base), gst_message_new_latency(GST_OBJECT(base)));
    return TRUE;
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
    Private &self = *static_cast<Private *>(user);
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
    Private &self = priv(element);
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
    Private &self = priv(object);
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
    Private &self = priv(object);
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
    self->priv = new Private(self);
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
