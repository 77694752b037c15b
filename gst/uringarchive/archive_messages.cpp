// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchive/archive_messages.h"

#include "common/handles.h"

namespace dmaslab {

namespace {

template <typename T>
void setIfKnown(GstStructure *structure, const char *field, const std::optional<T> &value)
{
    if (value)
        gst_structure_set(structure, field, G_TYPE_UINT64, guint64(*value), nullptr);
}

void post(GstElement *element, StructurePtr structure)
{
    gst_element_post_message(element, gst_message_new_element(GST_OBJECT_CAST(element), structure.release()));
}

} // namespace

void postSegmentMessage(GstElement *element, const char *name, const SegmentEvent &segment,
                        GstClockTime runningTime)
{
    StructurePtr fields(gst_structure_new(
        name, "location", G_TYPE_STRING, segment.path.c_str(), "segment", G_TYPE_UINT, guint(segment.number),
        "series", G_TYPE_UINT, guint(segment.series), "frames", G_TYPE_UINT64, guint64(segment.frames),
        "running-time", GST_TYPE_CLOCK_TIME, runningTime, nullptr));
    setIfKnown(fields.get(), "first-sequence", segment.firstSequence);
    setIfKnown(fields.get(), "last-sequence", segment.lastSequence);
    setIfKnown(fields.get(), "first-pts", segment.firstPts);
    setIfKnown(fields.get(), "last-pts", segment.lastPts);
    post(element, std::move(fields));
}

void postRecordingMessage(GstElement *element, const char *name, const RecordingNews &news)
{
    StructurePtr fields(gst_structure_new(name, "location", G_TYPE_STRING, news.location.c_str(), "numpy",
                                          G_TYPE_STRING, news.numpy.c_str(), "layout", G_TYPE_STRING,
                                          news.layout.c_str(), "frames", G_TYPE_UINT64, guint64(news.frames),
                                          "lost", G_TYPE_UINT64, guint64(news.lost), nullptr));
    setIfKnown(fields.get(), "first-sequence", news.firstSequence);
    setIfKnown(fields.get(), "last-sequence", news.lastSequence);
    post(element, std::move(fields));
}

} // namespace dmaslab
