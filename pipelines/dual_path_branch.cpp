// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dual_path_branch.h"

#include <cstdio>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "dmaslab/archive/reader.h"
#include "dmaslab/capture/frame_hash.h"
#include "dmaslab/capture/stamp.h"

namespace {

constexpr const char *kDroppedFor = "dropped-";

GstStructure *statsOf(GstElement *element)
{
    const GParamSpec *property = g_object_class_find_property(G_OBJECT_GET_CLASS(element), "stats");
    GstStructure *stats = nullptr;
    if (property && property->value_type == GST_TYPE_STRUCTURE)
        g_object_get(element, "stats", &stats, nullptr);
    if (stats && !gst_structure_has_name(stats, "dmaslab-stats"))
        g_clear_pointer(&stats, gst_structure_free); // other elements have a property of that name, too
    return stats;
}

gboolean addReason(GQuark field, const GValue *value, gpointer counts)
{
    const char *name = g_quark_to_string(field);
    if (g_str_has_prefix(name, kDroppedFor) && G_VALUE_HOLDS_UINT64(value))
        static_cast<Counts *>(counts)->reasons[name + std::strlen(kDroppedFor)] += g_value_get_uint64(value);
    return TRUE;
}

void addStats(const GValue *item, gpointer user)
{
    auto &counts = *static_cast<Counts *>(user);
    GstStructure *stats = statsOf(GST_ELEMENT(g_value_get_object(item)));
    if (!stats)
        return;
    const auto add = [stats](const char *field, std::uint64_t &sum) {
        guint64 value = 0;
        if (gst_structure_get_uint64(stats, field, &value))
            sum += value;
    };
    add("dropped", counts.dropped);
    add("frames-in-flight", counts.inFlight);
    add("bytes-copied", counts.bytesCopied);
    gst_structure_foreach(stats, addReason, user);
    gst_structure_free(stats);
}

} // namespace

Counts Counts::of(GstElement *element)
{
    Counts counts;
    if (GST_IS_BIN(element)) {
        GstIterator *all = gst_bin_iterate_recurse(GST_BIN(element));
        gst_iterator_foreach(all, addStats, &counts);
        gst_iterator_free(all);
    } else {
        GValue item = G_VALUE_INIT;
        g_value_init(&item, GST_TYPE_ELEMENT);
        g_value_set_object(&item, element);
        addStats(&item, &counts);
        g_value_unset(&item);
    }
    return counts;
}

std::uint64_t statOf(GstElement *element, const char *field)
{
    GstStructure *stats = statsOf(element);
    guint64 wide = 0;
    if (stats) {
        gst_structure_get_uint64(stats, field, &wide);
        gst_structure_free(stats);
    }
    return wide;
}

GstPadProbeReturn Branch::onEntry(GstPad *, GstPadProbeInfo *info, gpointer self)
{
    auto &branch = *static_cast<Branch *>(self);
    if (GST_BUFFER_OFFSET(GST_PAD_PROBE_INFO_BUFFER(info)) % branch.every == 0)
        return GST_PAD_PROBE_OK;
    ++branch.leftOut;
    return GST_PAD_PROBE_DROP;
}

GstPadProbeReturn Branch::onThread(GstPad *, GstPadProbeInfo *info, gpointer self)
{
    auto &branch = *static_cast<Branch *>(self);
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
    const std::uint64_t number = GST_BUFFER_OFFSET(buffer);
    if (number < branch.next_)
        ++branch.disordered;
    branch.next_ = number + 1;
    GstMapInfo map;
    if (!branch.verify || !gst_buffer_map(buffer, &map, GST_MAP_READ))
        return GST_PAD_PROBE_OK;
    const auto check = dmaslab::verifyStamp(std::as_bytes(std::span(map.data, map.size)));
    ++(check.status == dmaslab::StampStatus::Ok && check.sequence == number ? branch.verified : branch.wrong);
    gst_buffer_unmap(buffer, &map);
    return GST_PAD_PROBE_OK;
}

GstPadProbeReturn Branch::onEnd(GstPad *, GstPadProbeInfo *, gpointer self)
{
    ++static_cast<Branch *>(self)->arrived;
    return GST_PAD_PROBE_OK;
}

bool Branch::addTo(GstBin *pipeline, GstElement *tee, unsigned queueBuffers)
{
    const bool records = end.rfind("uringarchive", 0) == 0;
    const std::string queue =
        records ? ""
                : "slabqueue name=to-" + name + " max-size-buffers=" + std::to_string(queueBuffers) + " ! ";
    const std::string description = queue + end;
    GError *error = nullptr;
    bin = gst_parse_bin_from_description_full(description.c_str(), TRUE, nullptr, GST_PARSE_FLAG_FATAL_ERRORS,
                                              &error);
    if (!bin) {
        std::fprintf(stderr, "dual-path: the %s branch '%s': %s\n", name.c_str(), description.c_str(),
                     error->message);
        g_clear_error(&error);
        return false;
    }
    // A description of one element is that element, not a bin around it.
    if (!GST_IS_BIN(bin)) {
        GstElement *inner = bin;
        bin = gst_bin_new(nullptr);
        gst_bin_add(GST_BIN(bin), inner);
        GstPad *pad = gst_element_get_static_pad(inner, "sink");
        gst_element_add_pad(bin, gst_ghost_pad_new("sink", pad));
        gst_object_unref(pad);
    }
    gst_object_set_name(GST_OBJECT(bin), name.c_str());
    gst_bin_add(pipeline, bin);

    const auto watch = [this](GstElement *element, const char *padName, GstPadProbeCallback callback) {
        GstPad *pad = gst_element_get_static_pad(element, padName);
        if (!pad)
            return false;
        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, callback, this, nullptr);
        gst_object_unref(pad);
        return true;
    };
    if (!records) {
        watch(bin, "sink", onEntry);
        GstElement *boundary = gst_bin_get_by_name(GST_BIN(bin), ("to-" + name).c_str());
        watch(boundary, "src", onThread);
        gst_object_unref(boundary);
    }

    GstIterator *sinks = gst_bin_iterate_sinks(GST_BIN(bin));
    GValue item = G_VALUE_INIT;
    GstElement *sink =
        gst_iterator_next(sinks, &item) == GST_ITERATOR_OK ? GST_ELEMENT(g_value_get_object(&item)) : nullptr;
    const bool hasSink = sink && watch(sink, "sink", onEnd);
    if (records)
        recorder = sink;
    g_value_unset(&item);
    gst_iterator_free(sinks);
    if (!hasSink) {
        std::fprintf(stderr,
                     "dual-path: the %s branch '%s' has no sink at its end: add one, such as fakesink\n",
                     name.c_str(), description.c_str());
        return false;
    }
    return gst_element_link(tee, bin);
}

ReadBack ReadBack::of(const std::string &directory, bool verify)
{
    ReadBack result;
    const auto recording = dmaslab::Recording::open(directory);
    if (!recording) {
        result.error = recording.error().message;
        return result;
    }
    std::vector<std::byte> bytes;
    for (std::uint64_t i = 0; i < recording->frames(); ++i) {
        const auto place = recording->place(i);
        if (place)
            bytes.resize(place->index.length);
        const auto read = place ? recording->readFrame(*place, bytes) : tl::unexpected(place.error());
        if (!read) {
            result.error = read.error().message;
            return result;
        }
        ++result.frames;
        result.bytes += bytes.size();
        const dmaslab::StampCheck check = dmaslab::verifyStamp(std::as_const(bytes));
        const bool right =
            verify ? check.status == dmaslab::StampStatus::Ok && check.sequence == place->index.sequence
                   : dmaslab::frameHash(bytes) == place->index.hash;
        ++(right ? result.right : result.wrong);
    }
    if (!recording->segments().empty()) {
        const auto &first = recording->segments().front();
        result.numpy = recording->series(0).layout.numpyExpression(first.framesPath);
    }
    return result;
}
