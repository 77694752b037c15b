// SPDX-License-Identifier: LGPL-2.1-or-later
// slabqueue in its surroundings: states, threads, messages, leaks.
#include <fstream>
#include <thread>

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "element_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

// Before main: gst_init reads it. What is set from outside is left alone.
[[maybe_unused]] const bool traced = g_setenv("GST_TRACERS", "leaks", FALSE);

ObjectPtr<GstElement> parse(const char *description)
{
    GError *error = nullptr;
    ObjectPtr<GstElement> pipeline(GST_ELEMENT(gst_object_ref_sink(gst_parse_launch(description, &error))));
    EXPECT_FALSE(error) << error->message;
    g_clear_error(&error);
    return pipeline;
}

MessagePtr runToEos(GstElement *pipeline)
{
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    const ObjectPtr<GstBus> bus(gst_element_get_bus(pipeline));
    return MessagePtr(gst_bus_timed_pop_filtered(bus.get(), 30 * GST_SECOND,
                                                 GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
}

/** What a thread looks like to the scheduler. */
struct Scheduling
{
    int policy = -1;
    int cpus = 0;
    bool operator==(const Scheduling &) const = default;
};

Scheduling mine()
{
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof(set), &set);
    return {sched_getscheduler(0), CPU_COUNT(&set)};
}

/** Runs `description` and asks its sink (named "sink") in which shape its thread is. */
Scheduling sinkThread(const char *description)
{
    const auto pipeline = parse(description);
    const ObjectPtr<GstElement> sink(gst_bin_get_by_name(GST_BIN(pipeline.get()), "sink"));
    std::atomic<bool> taken{false};
    struct Probe
    {
        Scheduling found;
        std::atomic<bool> &taken;
    } probe{{}, taken};
    const ObjectPtr<GstPad> pad(gst_element_get_static_pad(sink.get(), "sink"));
    gst_pad_add_probe(
        pad.get(), GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad *, GstPadProbeInfo *, gpointer data) {
            auto *found = static_cast<Probe *>(data);
            if (!found->taken)
                found->found = mine();
            found->taken = true;
            return GST_PAD_PROBE_OK;
        },
        &probe, nullptr);
    const auto message = runToEos(pipeline.get());
    EXPECT_TRUE(message && GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_EOS);
    gst_element_set_state(pipeline.get(), GST_STATE_NULL);
    return probe.found;
}

bool mayUseRealTime()
{
    const sched_param wanted{10};
    const sched_param normal{0};
    const bool may = sched_setscheduler(0, SCHED_FIFO, &wanted) == 0;
    if (may)
        sched_setscheduler(0, SCHED_OTHER, &normal);
    return may;
}

} // namespace

TEST(SlabQueueStates, UpAndDownThroughAllStatesAgainAndAgain)
{
    const auto pipeline = parse("fakesrc num-buffers=20 ! slabqueue ! fakesink");
    for (int round = 0; round < 30; ++round) {
        for (const GstState state : {GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_PAUSED,
                                     GST_STATE_READY, GST_STATE_NULL})
            ASSERT_NE(gst_element_set_state(pipeline.get(), state), GST_STATE_CHANGE_FAILURE);
    }
}

TEST(SlabQueueStates, EveryRunCountsFromZero)
{
    const auto pipeline = parse("fakesrc num-buffers=20 ! slabqueue name=q ! fakesink");
    const ObjectPtr<GstElement> queue(gst_bin_get_by_name(GST_BIN(pipeline.get()), "q"));
    for (int round = 0; round < 3; ++round) {
        const auto message = runToEos(pipeline.get());
        ASSERT_TRUE(message && GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_EOS);
        gst_element_set_state(pipeline.get(), GST_STATE_NULL);
        GstStructure *stats = nullptr;
        g_object_get(queue.get(), "stats", &stats, nullptr);
        guint64 out = 0;
        gst_structure_get_uint64(stats, "frames-out", &out);
        gst_structure_free(stats);
        EXPECT_EQ(out, 20u);
    }
}

TEST(SlabQueueStates, WorksAsTheBranchOfATee)
{
    const auto pipeline =
        parse("videotestsrc num-buffers=60 ! video/x-raw,width=32,height=32 ! tee name=t "
              "t. ! slabqueue max-held=3 ! fakesink t. ! slabqueue leaky=downstream ! fakesink "
              "t. ! slabqueue ! videoconvert ! fakesink");
    const auto message = runToEos(pipeline.get());
    EXPECT_TRUE(message && GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_EOS);
    gst_element_set_state(pipeline.get(), GST_STATE_NULL);
}

TEST(SlabQueueProperties, ALineWrittenForQueueWorks)
{
    const auto pipeline = parse("fakesrc num-buffers=5 ! slabqueue max-size-buffers=4 max-size-bytes=0 "
                                "max-size-time=0 leaky=no silent=true flush-on-eos=false ! fakesink");
    const auto message = runToEos(pipeline.get());
    EXPECT_TRUE(message && GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_EOS);
    gst_element_set_state(pipeline.get(), GST_STATE_NULL);
}

TEST(SlabQueueProperties, NoLimitIsTakenAsALargeOneLoudly)
{
    ElementBench bench("slabqueue max-size-buffers=0");
    bench.start();
    const auto message = bench.popMessage(GST_MESSAGE_WARNING);
    ASSERT_TRUE(message);
    GError *error = nullptr;
    gst_message_parse_warning(message.get(), &error, nullptr);
    const ErrorPtr guard(error);
    EXPECT_NE(std::string(error->message).find("max-size-buffers=0"), std::string::npos);
    EXPECT_NE(std::string(error->message).find("200"), std::string::npos);
}

TEST(SlabQueueProperties, LimitsItDoesNotHaveAreRefusedLoudly)
{
    ElementBench bench("slabqueue max-size-time=1000000000");
    bench.start();
    const auto message = bench.popMessage(GST_MESSAGE_WARNING);
    ASSERT_TRUE(message);
    GError *error = nullptr;
    gst_message_parse_warning(message.get(), &error, nullptr);
    const ErrorPtr guard(error);
    EXPECT_NE(std::string(error->message).find("max-size-time=1000000000"), std::string::npos);
}

TEST(SlabQueueProperties, ASizeChangedWhilePlayingWarnsAndCountsFromTheNextStart)
{
    ElementBench bench("slabqueue max-size-buffers=2");
    bench.start();
    g_object_set(bench.element(), "max-size-buffers", 9, nullptr);
    EXPECT_EQ(bench.countMessages(GST_MESSAGE_WARNING), 1);
    bench.shut();
    bench.push(0);
    bench.waitBlocked();
    bench.push(1);
    bench.push(2);
    bench.stop();
    bench.clearLog();
    bench.start();
    bench.shut();
    bench.push(0);
    bench.waitBlocked();
    for (int i = 1; i <= 9; ++i)
        bench.push(i);
    EXPECT_EQ(bench.stat("queue-level"), 9u);
}

TEST(SlabQueueStats, ArePostedAtEosAndAtStop)
{
    const auto pipeline = parse("fakesrc num-buffers=7 ! slabqueue name=q ! fakesink");
    const ObjectPtr<GstBus> bus(gst_element_get_bus(pipeline.get()));
    const auto message = runToEos(pipeline.get());
    ASSERT_TRUE(message);
    gst_element_set_state(pipeline.get(), GST_STATE_READY);
    gst_element_set_state(pipeline.get(), GST_STATE_PAUSED);
    gst_element_get_state(pipeline.get(), nullptr, nullptr, GST_CLOCK_TIME_NONE);
    std::vector<guint64> out;
    // runToEos has thrown away what came before EOS: only what came at stop is left.
    while (const MessagePtr element{gst_bus_pop_filtered(bus.get(), GST_MESSAGE_ELEMENT)}) {
        const GstStructure *stats = gst_message_get_structure(element.get());
        if (!gst_structure_has_name(stats, "dmaslab-stats"))
            continue;
        EXPECT_STREQ(gst_structure_get_string(stats, "element"), "q");
        out.push_back(0);
        gst_structure_get_uint64(stats, "frames-out", &out.back());
    }
    EXPECT_EQ(out, (std::vector<guint64>{7}));
    gst_element_set_state(pipeline.get(), GST_STATE_NULL);
}

TEST(SlabQueueStats, TheMessageAtEosComesBeforeEos)
{
    ElementBench bench("slabqueue");
    bench.start();
    bench.push(0);
    gst_pad_add_probe(
        bench.sink(), GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
        [](GstPad *, GstPadProbeInfo *info, gpointer data) {
            if (GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_EOS) {
                EXPECT_TRUE(static_cast<ElementBench *>(data)->popMessage(GST_MESSAGE_ELEMENT));
            }
            return GST_PAD_PROBE_OK;
        },
        &bench, nullptr);
    bench.pushEvent(gst_event_new_eos());
    bench.waitForLog("eos");
}

TEST(SlabQueueStats, ATimerReportsWhileTheSinkIsStalled)
{
    ElementBench bench("slabqueue stats-interval=1");
    bench.start();
    bench.shut();
    bench.push(0);
    bench.waitBlocked();
    for (int i = 0; i < 3; ++i) {
        const MessagePtr message(
            gst_bus_timed_pop_filtered(bench.bus(), 30 * GST_SECOND, GST_MESSAGE_ELEMENT));
        EXPECT_TRUE(message);
    }
}

TEST(SlabQueueIdle, AnIdleQueueSleepsAndStaysAsleep)
{
    // The thread of the queue gives up its core once and is not scheduled again while nothing comes.
    ElementBench bench("slabqueue");
    bench.start();
    std::atomic<pid_t> thread{0};
    gst_pad_add_probe(
        bench.sink(), GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad *, GstPadProbeInfo *, gpointer at) {
            *static_cast<std::atomic<pid_t> *>(at) = pid_t(syscall(SYS_gettid));
            return GST_PAD_PROBE_OK;
        },
        &thread, nullptr);
    bench.push(0);
    bench.waitForLog("b0");
    const auto switches = [&] {
        std::ifstream status("/proc/self/task/" + std::to_string(thread) + "/status");
        std::string line;
        long count = 0;
        while (std::getline(status, line)) {
            if (line.find("ctxt_switches") != std::string::npos)
                count += std::stol(line.substr(line.find(':') + 1));
        }
        return count;
    };
    const auto asleep = [&] {
        std::ifstream stat("/proc/self/task/" + std::to_string(thread) + "/stat");
        std::string line;
        std::getline(stat, line);
        return line.substr(line.rfind(')') + 2, 1) == "S";
    };
    ASSERT_TRUE(bench.waitUntil(asleep));
    const long before = switches();
    g_usleep(300000);
    EXPECT_EQ(switches(), before);
    EXPECT_TRUE(asleep());
}

TEST(SlabQueuePlacement, TheThreadRunsWhereItIsToldTo)
{
    const auto found = sinkThread("fakesrc num-buffers=5 ! slabqueue cpu=0 ! fakesink name=sink");
    EXPECT_EQ(found.cpus, 1);
}

TEST(SlabQueuePlacement, TheThreadRunsAtRealTimePriorityIfItMay)
{
    if (!mayUseRealTime())
        GTEST_SKIP() << "no right to SCHED_FIFO here: needs CAP_SYS_NICE or RLIMIT_RTPRIO";
    const auto found = sinkThread("fakesrc num-buffers=5 ! slabqueue rt-priority=10 ! fakesink name=sink");
    EXPECT_EQ(found.policy & ~SCHED_RESET_ON_FORK, SCHED_FIFO);
}

TEST(SlabQueuePlacement, APipelineStartedAfterOursRunsUnpinnedAtNormalPriority)
{
    const auto before = mine();
    const char *priority = mayUseRealTime() ? "rt-priority=10" : "rt-priority=0";
    for (int round = 0; round < 20; ++round) {
        sinkThread(
            (std::string("fakesrc num-buffers=5 ! slabqueue cpu=0 ") + priority + " ! fakesink name=sink")
                .c_str());
        // The same pool of threads serves this one.
        ASSERT_EQ(sinkThread("fakesrc num-buffers=5 ! queue ! fakesink name=sink"), before);
    }
}

TEST(SlabQueuePlacement, ACpuThatDoesNotExistIsAnErrorThatNamesIt)
{
    ElementBench bench("slabqueue cpu=100000");
    EXPECT_EQ(gst_element_set_state(bench.element(), GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
    const auto message = bench.popMessage(GST_MESSAGE_ERROR);
    ASSERT_TRUE(message);
    GError *error = nullptr;
    gst_message_parse_error(message.get(), &error, nullptr);
    const ErrorPtr guard(error);
    EXPECT_NE(std::string(error->message).find("100000"), std::string::npos) << error->message;
}

TEST(SlabQueueLeaks, NothingIsLeftAfterStreamsOfEveryKind)
{
    GstTracer *tracer = nullptr;
    for (const char *options :
         {"", "leaky=upstream", "leaky=downstream", "max-held=2", "flush-on-eos=true"}) {
        const auto pipeline = parse(
            (std::string(
                 "fakesrc num-buffers=300 sizetype=fixed ! tee name=t t. ! slabqueue max-size-buffers=2 ") +
             options + " ! fakesink t. ! fakesink")
                .c_str());
        const auto message = runToEos(pipeline.get());
        EXPECT_TRUE(message && GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_EOS) << options;
        gst_element_set_state(pipeline.get(), GST_STATE_NULL);
    }
    // The tracer takes references of what it lists: no thread may be on its way out with the last one of a
    // task.
    gst_task_cleanup_all();
    GList *tracers = gst_tracing_get_active_tracers();
    for (GList *at = tracers; at; at = at->next) {
        if (g_str_has_prefix(G_OBJECT_TYPE_NAME(at->data), "GstLeaks"))
            tracer = GST_TRACER(at->data);
    }
    if (!tracer) {
        g_list_free_full(tracers, gst_object_unref);
        GTEST_SKIP() << "no leaks tracer: needs GST_TRACERS=leaks and GStreamer's coretracers plugin";
    }
    GstStructure *live = nullptr;
    g_signal_emit_by_name(tracer, "get-live-objects", &live);
    const GValue *objects = live ? gst_structure_get_value(live, "live-objects-list") : nullptr;
    for (guint i = 0; objects && i < gst_value_list_get_size(objects); ++i) {
        const GValue *object = gst_value_list_get_value(objects, i);
        const CharPtr text(g_strdup_value_contents(object));
        EXPECT_EQ(std::string(text.get()).find("GstBuffer,"), std::string::npos) << text.get();
        EXPECT_EQ(std::string(text.get()).find("GstSlabQueue"), std::string::npos) << text.get();
    }
    if (live)
        gst_structure_free(live);
    g_list_free_full(tracers, gst_object_unref);
}
