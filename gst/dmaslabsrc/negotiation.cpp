// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslabsrc/negotiation.h"

#include <utility>

#include "common/messages.h"
#include "dmaslabsrc/file_caps.h"
#include "dmaslabsrc/src_private.h"

GST_DEBUG_CATEGORY_EXTERN(gst_dma_slab_src_debug);
#define GST_CAT_DEFAULT gst_dma_slab_src_debug

using namespace dmaslab;

GstCaps *gst_dma_slab_src_get_caps(GstBaseSrc *base, GstCaps *filter)
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

GstCaps *gst_dma_slab_src_fixate(GstBaseSrc *base, GstCaps *caps)
{
    caps = gst_caps_make_writable(caps);
    caps = gst_caps_truncate(caps);
    GstStructure *structure = gst_caps_get_structure(caps, 0);
    // What nobody said is what the files are, or what a camera of today gives.
    SrcPrivate &self = priv(base);
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
    return GST_BASE_SRC_CLASS(g_type_class_peek(GST_TYPE_PUSH_SRC))->fixate(base, caps);
}

gboolean gst_dma_slab_src_set_caps(GstBaseSrc *base, GstCaps *caps)
{
    SrcPrivate &self = priv(base);
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
    SrcPrivate &self = priv(base);
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
gboolean gst_dma_slab_src_decide_allocation(GstBaseSrc *base, GstQuery *query)
{
    SrcPrivate &self = priv(base);
    guint declared = 0;
    while (gst_query_get_n_allocation_pools(query) > 0) {
        guint min = 0;
        gst_query_parse_nth_allocation_pool(query, 0, nullptr, nullptr, &min, nullptr);
        declared = MAX(declared, min);
        gst_query_remove_nth_allocation_pool(query, 0); // ours is not the base class's to manage
    }
    gsize padding = 0;
    while (gst_query_get_n_allocation_params(query) > 0) {
        GstAllocationParams params;
        gst_query_parse_nth_allocation_param(query, 0, nullptr, &params);
        padding = MAX(padding, params.padding);
        gst_query_remove_nth_allocation_param(query, 0);
    }
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
    request.padding = padding;
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
