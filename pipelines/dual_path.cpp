// SPDX-License-Identifier: LGPL-2.1-or-later
// What dual-path.sh runs: one camera, every frame to one branch and every Nth to another, and an account of
// every frame at the end. The options are the script's; `dual-path --help` lists them.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <glib-unix.h>
#include <gst/gst.h>
#include <unistd.h>

#include "dual_path_branch.h"

namespace {

struct Options
{
    char *caps = nullptr, *location = nullptr, *processing = nullptr, *archive = nullptr, *python = nullptr;
    char *rate = nullptr;
    double seconds = 10;
    gint every = 5;
    gint rtPriority = 80;
};

struct Run
{
    Branch processing, archive;
    GstElement *pipeline = nullptr, *camera = nullptr;
    GMainLoop *loop = nullptr;
    gint64 startedUs = 0, lastLineUs = 0;
    std::string recording; ///< the directory, once it is open
    bool failed = false;
    const bool terminal = isatty(STDOUT_FILENO) == 1;
};

void complain(Run &run, const char *what, const char *message, const char *detail)
{
    std::printf(run.terminal ? "\r\033[K" : "");
    std::fflush(stdout);
    std::fprintf(stderr, "%s: %s%s%s\n", what, message, detail ? "\n  " : "", detail ? detail : "");
}

void showProgress(Run &run, const GstStructure *stats)
{
    const gint64 now = g_get_monotonic_time();
    // A terminal shows one line that moves; a log gets a line of its own now and then.
    if (run.startedUs == 0 || (!run.terminal && now - run.lastLineUs < 1'950'000))
        return;
    run.lastLineUs = now;
    guint64 produced = 0, dropped = 0, late = 0;
    gst_structure_get_uint64(stats, "frames-out", &produced);
    gst_structure_get_uint64(stats, "dropped", &dropped);
    gst_structure_get_uint64(stats, "late", &late);
    dropped += Counts::of(run.processing.bin).dropped + Counts::of(run.archive.bin).dropped;
    const std::uint64_t archived =
        run.archive.recorder ? statOf(run.archive.recorder, "frames-archived") : run.archive.arrived.load();
    std::printf("%s%6.1f s  produced %" PRIu64 "  processed %" PRIu64 "  archived %" PRIu64
                "  dropped %" PRIu64 "  late %" PRIu64 "%s",
                run.terminal ? "\r\033[K" : "", double(now - run.startedUs) / 1e6, produced,
                run.processing.arrived.load(), archived, dropped, late, run.terminal ? "" : "\n");
    std::fflush(stdout);
}

gboolean onMessage(GstBus *, GstMessage *message, gpointer user)
{
    auto &run = *static_cast<Run *>(user);
    GError *error = nullptr;
    char *debug = nullptr;
    switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_ERROR:
        gst_message_parse_error(message, &error, &debug);
        complain(run, "error", error->message, debug);
        run.failed = true;
        g_main_loop_quit(run.loop);
        break;
    case GST_MESSAGE_WARNING:
        gst_message_parse_warning(message, &error, nullptr);
        complain(run, "warning", error->message, nullptr);
        break;
    case GST_MESSAGE_EOS:
        g_main_loop_quit(run.loop);
        break;
    case GST_MESSAGE_STATE_CHANGED: {
        GstState state = GST_STATE_NULL;
        gst_message_parse_state_changed(message, nullptr, &state, nullptr);
        if (GST_MESSAGE_SRC(message) == GST_OBJECT(run.pipeline) && state == GST_STATE_PLAYING)
            run.startedUs = run.lastLineUs = g_get_monotonic_time();
        break;
    }
    case GST_MESSAGE_ELEMENT:
        if (GST_MESSAGE_SRC(message) == GST_OBJECT(run.camera) &&
            gst_message_has_name(message, "dmaslab-stats"))
            showProgress(run, gst_message_get_structure(message));
        if (gst_message_has_name(message, "dmaslab-recording-opened"))
            run.recording = gst_structure_get_string(gst_message_get_structure(message), "location");
        break;
    default:
        break;
    }
    g_clear_error(&error);
    g_free(debug);
    return G_SOURCE_CONTINUE;
}

gboolean onInterrupt(gpointer user)
{
    // What is under way arrives, then the account is made. Asked again later, stop as it is; at once does not
    // count, for `timeout` signals the process and its group.
    auto &run = *static_cast<Run *>(user);
    static gint64 asked = 0;
    const gint64 now = g_get_monotonic_time();
    if (asked == 0) {
        asked = now;
        gst_element_send_event(run.pipeline, gst_event_new_eos());
    } else if (now - asked > G_TIME_SPAN_SECOND) {
        g_main_loop_quit(run.loop);
    }
    return G_SOURCE_CONTINUE;
}

GstCaps *capsAt(const char *text, gint numerator, gint denominator)
{
    GstCaps *caps = gst_caps_from_string(text);
    if (caps)
        gst_caps_set_simple(caps, "framerate", GST_TYPE_FRACTION, numerator, denominator, nullptr);
    return caps;
}

bool build(Run &run, const Options &options, GstCaps *caps, gint frames, unsigned queueBuffers)
{
    run.pipeline = gst_pipeline_new("dual-path");
    const auto make = [&run](const char *factory, const char *name) {
        GstElement *element = gst_element_factory_make(factory, name);
        if (!element)
            std::fprintf(
                stderr,
                "dual-path: there is no element '%s': run pipelines/dual-path.sh, which builds it, or set "
                "GST_PLUGIN_PATH\n",
                factory);
        else
            gst_bin_add(GST_BIN(run.pipeline), element);
        return element;
    };
    run.camera = make("dmaslabsrc", "camera");
    GstElement *filter = make("capsfilter", "format");
    GstElement *tee = make("tee", "split");
    if (!run.camera || !filter || !tee)
        return false;
    g_object_set(run.camera, "stats-interval", 500u, "num-buffers", frames, "rt-priority", options.rtPriority,
                 nullptr);
    // Late is better than lost: on a busy machine this thread may wake after several deadlines. A pool
    // without a free slab still loses the frame, as a camera would.
    gst_util_set_object_arg(G_OBJECT(run.camera), "on-overrun", "burst");
    if (options.location)
        g_object_set(run.camera, "location", options.location, "loop", TRUE, nullptr);
    else
        gst_util_set_object_arg(G_OBJECT(run.camera), "backend", "test");
    g_object_set(filter, "caps", caps, nullptr);
    return gst_element_link_many(run.camera, filter, tee, nullptr) &&
           run.processing.addTo(GST_BIN(run.pipeline), tee, queueBuffers) &&
           run.archive.addTo(GST_BIN(run.pipeline), tee, queueBuffers / unsigned(options.every) + 4);
}

std::string describeFormat(GstElement *camera)
{
    GstPad *pad = gst_element_get_static_pad(camera, "src");
    GstCaps *caps = gst_pad_get_current_caps(pad);
    gst_object_unref(pad);
    if (!caps)
        return "no frames";
    const GstStructure *format = gst_caps_get_structure(caps, 0);
    gint width = 0, height = 0;
    gst_structure_get_int(format, "width", &width);
    gst_structure_get_int(format, "height", &height);
    const char *name = gst_structure_get_string(format, "format");
    const char *shape = gst_structure_get_string(format, "shape");
    const std::string text = name ? std::to_string(width) + "x" + std::to_string(height) + " " + name
                                  : gst_structure_get_name(format) + std::string(" ") + (shape ? shape : "");
    gst_caps_unref(caps);
    return text;
}

/** Says where in and out do not agree; nothing when every frame is accounted for. */
std::vector<std::string> imbalances(const Run &run, std::uint64_t produced)
{
    std::vector<std::string> wrong;
    const auto require = [&wrong](const std::string &where, std::uint64_t in, std::uint64_t out) {
        if (in != out)
            wrong.push_back(where + ": " + std::to_string(in) + " in, " + std::to_string(out) +
                            " accounted for");
    };
    const Counts source = Counts::of(run.camera);
    require("camera", statOf(run.camera, "frames-in"), produced + source.dropped);
    if (GstElement *recorder = run.archive.recorder) {
        require("recorder, frames that came", run.archive.arrived,
                statOf(recorder, "frames-in") + statOf(recorder, "skipped"));
        require("recorder", statOf(recorder, "frames-in"),
                statOf(recorder, "frames-archived") + Counts::of(recorder).dropped);
    }
    for (const Branch *branch : {&run.processing, &run.archive}) {
        if (branch->recorder) {
            require(branch->name, produced, branch->arrived);
            continue;
        }
        require(branch->name, produced, branch->arrived + branch->leftOut + Counts::of(branch->bin).dropped);
        if (branch->wrong > 0)
            wrong.push_back(branch->name + ": " + std::to_string(branch->wrong) +
                            " frames hold other pixels than their own");
        if (branch->disordered > 0)
            wrong.push_back(branch->name + ": " + std::to_string(branch->disordered) +
                            " frames out of order");
    }
    return wrong;
}

int report(Run &run, const Options &options, double seconds)
{
    const std::string format = describeFormat(run.camera);
    // After an error the elements run on: let them stand still before they are asked what they have.
    if (run.failed)
        gst_element_set_state(run.pipeline, GST_STATE_NULL);
    const std::uint64_t produced = statOf(run.camera, "frames-out");
    const Counts all = Counts::of(run.pipeline);
    // What was under way when it stopped is in no branch, and need not add up.
    std::vector<std::string> wrong = run.failed ? std::vector<std::string>{} : imbalances(run, produced);
    ReadBack onDisk;
    if (run.archive.recorder && !(run.failed && run.recording.empty())) {
        onDisk = ReadBack::of(run.recording, run.processing.verify);
        if (!onDisk.error.empty())
            wrong.push_back(onDisk.error);
        if (onDisk.wrong > 0 || onDisk.frames != statOf(run.archive.recorder, "frames-archived"))
            wrong.push_back("recording: " + std::to_string(onDisk.frames) + " frames, " +
                            std::to_string(onDisk.wrong) + " of them wrong");
    }
    const auto us = [&run](const char *field) { return double(statOf(run.camera, field)) / 1e3; };
    std::string reasons;
    for (const auto &[reason, count] : all.reasons) {
        if (count > 0)
            reasons += (reasons.empty() ? "" : ", ") + reason + " " + std::to_string(count);
    }

    std::printf("%s%s at %s frames/s, %.1f s\n", run.terminal ? "\r\033[K" : "", format.c_str(), options.rate,
                seconds);
    std::printf("  produced     %9" PRIu64 "\n", produced);
    std::printf("  processed    %9" PRIu64 "  every frame", run.processing.arrived.load());
    if (run.processing.verify)
        std::printf("; %" PRIu64 " stamps right, %" PRIu64 " wrong", run.processing.verified.load(),
                    run.processing.wrong.load());
    const std::uint64_t archived =
        run.archive.recorder ? statOf(run.archive.recorder, "frames-archived") : run.archive.arrived.load();
    std::printf("\n  archived     %9" PRIu64 "  every frame whose number is a multiple of %d", archived,
                options.every);
    if (run.archive.recorder)
        std::printf("; on disk: %" PRIu64 " right, %" PRIu64 " wrong", onDisk.right, onDisk.wrong);
    else if (run.archive.verify)
        std::printf("; %" PRIu64 " stamps right, %" PRIu64 " wrong", run.archive.verified.load(),
                    run.archive.wrong.load());
    std::printf("\n  dropped      %9" PRIu64 "%s%s\n", all.dropped, reasons.empty() ? "" : "  ",
                reasons.c_str());
    std::printf("  bytes copied %9" PRIu64 "\n", all.bytesCopied);
    std::printf("  late         %9" PRIu64
                "  delivered after their period, none left out for that (on-overrun=burst)\n",
                statOf(run.camera, "late"));
    std::printf("  pacing error  p50 %.2f us, p99 %.2f us, max %.2f us\n", us("pacing-p50"), us("pacing-p99"),
                us("pacing-max"));
    for (const std::string &sentence : wrong)
        std::printf("  WRONG         %s\n", sentence.c_str());
    if (run.failed)
        std::printf("  stopped by the error above: not accounted for\n");
    else if (wrong.empty())
        std::printf("  every frame is accounted for\n");
    if (!onDisk.numpy.empty())
        std::printf(
            "\nThe recording, %.1f MB in %s, opens in numpy:\n    %s -c \"import numpy as np; a = %s; "
            "print(a.shape, a.dtype)\"\n",
            double(onDisk.bytes) / 1e6, run.recording.c_str(), options.python ? options.python : "python3",
            onDisk.numpy.c_str());
    return wrong.empty() && !run.failed ? EXIT_SUCCESS : EXIT_FAILURE;
}

int usageError(const char *format, const char *value)
{
    std::fprintf(stderr, "dual-path: ");
    std::fprintf(stderr, format, value); // NOLINT(clang-diagnostic-format-nonliteral)
    std::fprintf(stderr, "\n");
    return 2;
}

} // namespace

int main(int argc, char **argv)
{
    Options options;
    const GOptionEntry entries[] = {
        {"caps", 0, 0, G_OPTION_ARG_STRING, &options.caps, "Format of the camera, without framerate", "CAPS"},
        {"location", 0, 0, G_OPTION_ARG_FILENAME, &options.location, "Frames from files, over and over",
         "PATH"},
        {"rate", 0, 0, G_OPTION_ARG_STRING, &options.rate, "Frames per second: 1000 or 30000/1001", "FPS"},
        {"seconds", 0, 0, G_OPTION_ARG_DOUBLE, &options.seconds, "How long", "S"},
        {"every", 0, 0, G_OPTION_ARG_INT, &options.every, "The archive branch gets every Nth frame", "N"},
        {"rt-priority", 0, 0, G_OPTION_ARG_INT, &options.rtPriority, "Of the camera's thread; 0: none", "P"},
        {"processing", 0, 0, G_OPTION_ARG_STRING, &options.processing, "Elements that get every frame",
         "DESC"},
        {"python", 0, 0, G_OPTION_ARG_STRING, &options.python,
         "An interpreter that has numpy, for the last line", "PATH"},
        {"archive", 0, 0, G_OPTION_ARG_STRING, &options.archive,
         "Elements that get every Nth frame; beginning with uringarchive: gets all, and chooses itself",
         "DESC"},
        {nullptr, 0, 0, G_OPTION_ARG_NONE, nullptr, nullptr, nullptr},
    };
    GError *error = nullptr;
    GOptionContext *context = g_option_context_new(nullptr);
    g_option_context_add_main_entries(context, entries, nullptr);
    g_option_context_add_group(context, gst_init_get_option_group());
    const bool parsed = g_option_context_parse(context, &argc, &argv, &error);
    g_option_context_free(context);
    if (!parsed)
        return usageError("%s", error->message);

    if (!options.rate)
        options.rate = g_strdup("1000");
    gint numerator = 0, denominator = 1;
    char rest = 0;
    const int read = std::sscanf(options.rate, "%d/%d%c", &numerator, &denominator, &rest);
    if (read < 1 || read > 2 ||
        (read == 1 && std::strspn(options.rate, "0123456789") != std::strlen(options.rate)) ||
        numerator <= 0 || denominator <= 0)
        return usageError("rate '%s' is no frame rate: give frames per second, such as 1000 or 30000/1001",
                          options.rate);
    const double frames = options.seconds * numerator / denominator;
    if (!(frames >= 1 && frames <= G_MAXINT))
        return usageError("that many seconds at %s frames/s are not between 1 and 2147483647 frames",
                          options.rate);
    if (options.every < 1)
        return usageError("every=%s: the archive gets every Nth frame, N at least 1",
                          std::to_string(options.every).c_str());
    const char *format = options.caps       ? options.caps
                         : options.location ? "video/x-raw;application/x-ndarray"
                                            : "video/x-raw,format=GRAY16_LE,width=640,height=480";
    GstCaps *caps = capsAt(format, numerator, denominator);
    if (!caps)
        return usageError("caps '%s' are no caps, such as video/x-raw,format=GRAY8,width=640,height=480",
                          format);

    Run run;
    run.processing.name = "processing";
    run.processing.end = options.processing ? options.processing : "fakesink sync=false";
    run.archive.name = "archive";
    run.archive.end = options.archive ? options.archive : "fakesink sync=false";
    run.archive.every = std::uint64_t(options.every);
    run.processing.verify = run.archive.verify = options.location == nullptr;
    // A twentieth of a second in each queue: what a consumer may be held up for before the camera feels it.
    // Both together stay below the slabs that the camera computes for its max-latency of a tenth.
    const auto queueBuffers = unsigned(CLAMP(numerator / denominator / 20, 4, 1000));
    if (!build(run, options, caps, gint(frames), queueBuffers))
        return EXIT_FAILURE;
    gst_caps_unref(caps);

    run.loop = g_main_loop_new(nullptr, FALSE);
    GstBus *bus = gst_element_get_bus(run.pipeline);
    gst_bus_add_watch(bus, onMessage, &run);
    g_unix_signal_add(SIGINT, onInterrupt, &run);
    g_unix_signal_add(SIGTERM, onInterrupt, &run);
    if (gst_element_set_state(run.pipeline, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE)
        g_main_loop_run(run.loop);
    else if (GstMessage *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR)) {
        onMessage(bus, message, &run); // the reason why it did not start
        gst_message_unref(message);
    }
    int status = EXIT_FAILURE;
    if (run.startedUs != 0)
        status = report(run, options, double(g_get_monotonic_time() - run.startedUs) / 1e6);
    gst_bus_remove_watch(bus);
    gst_object_unref(bus);
    gst_element_set_state(run.pipeline, GST_STATE_NULL);
    gst_object_unref(run.pipeline);
    g_main_loop_unref(run.loop);
    return status;
}
