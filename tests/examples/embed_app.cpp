// SPDX-License-Identifier: LGPL-2.1-or-later
// An application with dmaslab inside: it builds a pipeline, works on frames where they lie, keeps some for a
// while, hears which frames were lost, and reads the counters. docs/embedding.md walks through it.
//   g++ -std=c++20 embed_app.cpp $(pkg-config --cflags --libs dmaslab-gst gstreamer-app-1.0)
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <gst/app/gstappsink.h>
#include <gst/gst.h>

#include <dmaslab/gst.h>

namespace {

constexpr guint kSlabs = 8;

std::atomic<guint64> framesLost{0};

// Losses travel with the stream: this runs after the frame before them and before the frame after them.
GstPadProbeReturn onEvent(GstPad *, GstPadProbeInfo *info, gpointer)
{
    const GstStructure *event = gst_event_get_structure(GST_PAD_PROBE_INFO_EVENT(info));
    guint64 first = 0, last = 0, count = 0;
    if (event && gst_structure_has_name(event, "dmaslab-loss") &&
        gst_structure_get(event, "first", G_TYPE_UINT64, &first, "last", G_TYPE_UINT64, &last, "count",
                          G_TYPE_UINT64, &count, nullptr)) {
        std::printf("lost %" G_GUINT64_FORMAT "..%" G_GUINT64_FORMAT ": %s, by %s\n", first, last,
                    gst_structure_get_string(event, "reason"), gst_structure_get_string(event, "element"));
        framesLost += count;
    }
    return GST_PAD_PROBE_OK;
}

guint64 counter(GstElement *element, const char *name)
{
    GstStructure *stats = nullptr;
    g_object_get(element, "stats", &stats, nullptr);
    guint64 value = 0;
    gst_structure_get_uint64(stats, name, &value);
    gst_structure_free(stats);
    return value;
}

/** Looks at the pixels where the camera put them; false when that would have taken a copy. */
bool workInPlace(GstBuffer *buffer, guint64 &sum)
{
    GstDmaSlabInfo slab;
    if (!gst_dma_slab_buffer_get_info(buffer, &slab))
        return false; // not from a slab: some element in between made new memory
    GstMapInfo map;
    if (!gst_buffer_map(buffer, &map, GST_MAP_READ))
        return false;
    const bool inPlace = map.data == slab.data; // slab.fd and slab.fd_offset name the same bytes
    for (gsize i = 0; i < map.size; i += 64)
        sum += map.data[i];
    gst_buffer_unmap(buffer, &map);
    return inPlace;
}

} // namespace

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    GError *error = nullptr;
    GstElement *pipeline =
        gst_parse_launch("dmaslabsrc name=camera backend=test num-buffers=300 on-overrun=burst ! "
                         "video/x-raw,format=GRAY16_LE,width=320,height=240,framerate=500/1 ! "
                         "appsink name=sink sync=false max-buffers=2 enable-last-sample=false",
                         &error);
    if (error) { // also with a pipeline: one that lacks what could not be made
        std::fprintf(stderr, "no pipeline: %s\n", error->message);
        return EXIT_FAILURE;
    }
    GstElement *camera = gst_bin_get_by_name(GST_BIN(pipeline), "camera");
    GstElement *sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
    g_object_set(camera, "slabs", kSlabs, nullptr);
    GstPad *pad = gst_element_get_static_pad(sink, "sink");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, onEvent, nullptr, nullptr);
    gst_object_unref(pad);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);

    // Keep the sample (it holds the buffer), never the bare GstMemory: only then do others know that the
    // pixels are in use. Every slab kept is one less for the camera: keep all of them, and it loses frames.
    std::vector<GstSample *> kept;
    guint64 received = 0, copied = 0, sum = 0, wrongNumber = 0, next = 0, lostBefore = 0;
    while (GstSample *sample = gst_app_sink_pull_sample(GST_APP_SINK(sink))) {
        GstBuffer *buffer = gst_sample_get_buffer(sample);
        ++received;
        copied += !workInPlace(buffer, sum);
        const guint64 number = GST_BUFFER_OFFSET(buffer);
        if (number != next) // appsink queues two samples: what is missing here was announced a moment ago
            lostBefore += number - next, wrongNumber += number < next;
        next = number + 1;
        if (received <= kSlabs - 2)
            kept.push_back(sample);
        else
            gst_sample_unref(sample);
        if (received == kSlabs - 2) {
            // The last two slabs wait in the appsink. Go on when the camera has felt it.
            while (counter(camera, "starved") < 5)
                g_thread_yield();
            for (GstSample *old : kept)
                gst_sample_unref(old);
            kept.clear();
        }
    }

    GstBus *bus = gst_element_get_bus(pipeline);
    GstMessage *failure = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    if (failure) {
        gst_message_parse_error(failure, &error, nullptr);
        std::fprintf(stderr, "error: %s\n", error->message);
        gst_message_unref(failure);
    }
    gst_object_unref(bus);
    const guint64 in = counter(camera, "frames-in"), dropped = counter(camera, "dropped");
    const guint64 bytesCopied = counter(camera, "bytes-copied");
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(camera);
    gst_object_unref(sink);
    gst_object_unref(pipeline);

    std::printf("frames %" G_GUINT64_FORMAT " = received %" G_GUINT64_FORMAT " + lost %" G_GUINT64_FORMAT
                "; the events named %" G_GUINT64_FORMAT "; bytes copied %" G_GUINT64_FORMAT "\n",
                in, received, dropped, framesLost.load(), bytesCopied);
    const bool right = !failure && in == received + dropped && framesLost == dropped && dropped >= 5 &&
                       lostBefore <= dropped && wrongNumber == 0 && copied == 0 && bytesCopied == 0;
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
