// SPDX-License-Identifier: LGPL-2.1-or-later
// dmaslabsrc through all states, again and again: nothing is left behind.
#include <filesystem>
#include <fstream>

#include <sched.h>

#include "../unit/capture_test_files.h"
#include "source_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

const std::string kSmall = "video/x-raw,format=GRAY8,width=32,height=8,framerate=500/1";

std::size_t openFiles()
{
    const std::filesystem::directory_iterator files("/proc/self/fd");
    return std::size_t(std::distance(begin(files), end(files)));
}

/** Mappings of arenas that this process still has. */
std::size_t arenaMappings()
{
    std::ifstream maps("/proc/self/maps");
    std::size_t found = 0;
    for (std::string line; std::getline(maps, line);)
        found += line.find("memfd:") != line.npos || line.find("dmabuf") != line.npos;
    return found;
}

void walk(GstElement *pipeline, std::initializer_list<GstState> states)
{
    for (const GstState state : states) {
        ASSERT_NE(gst_element_set_state(pipeline, state), GST_STATE_CHANGE_FAILURE);
        ASSERT_NE(gst_element_get_state(pipeline, nullptr, nullptr, 30 * GST_SECOND),
                  GST_STATE_CHANGE_FAILURE);
    }
}

void walkUpAndDown(GstElement *pipeline, int rounds)
{
    for (int round = 0; round < rounds; ++round) {
        walk(pipeline, {GST_STATE_READY, GST_STATE_NULL});
        walk(pipeline,
             {GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_NULL});
        walk(pipeline, {GST_STATE_PLAYING, GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_READY});
        walk(pipeline, {GST_STATE_PLAYING, GST_STATE_NULL});
    }
}

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

/** In which shape the streaming thread reaches a sink right behind the source. */
Scheduling streamingThread(const std::string &source)
{
    const auto pipeline =
        launch("pipeline. ( " + source + " ! fakesink name=sink sync=false signal-handoffs=true )");
    const ObjectPtr<GstElement> sink(gst_bin_get_by_name(GST_BIN(pipeline.get()), "sink"));
    Scheduling found;
    g_signal_connect(sink.get(), "handoff",
                     G_CALLBACK(+[](GstElement *, GstBuffer *, GstPad *, gpointer data) {
                         *static_cast<Scheduling *>(data) = mine();
                     }),
                     &found);
    const MessagePtr end = runToEnd(pipeline.get());
    EXPECT_TRUE(end && GST_MESSAGE_TYPE(end.get()) == GST_MESSAGE_EOS) << textOf(end.get());
    gst_element_set_state(pipeline.get(), GST_STATE_NULL);
    return found;
}

/** GStreamer lets go of buses and threads late: waits for it. Fewer is fine, the warm-up's were late as well.
 */
void expectNoMoreOpenFilesThan(std::size_t files)
{
    const gint64 patience = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
    while (openFiles() > files && g_get_monotonic_time() < patience)
        g_usleep(1000);
    EXPECT_LE(openFiles(), files);
}

} // namespace

TEST(DmaSlabSrcLife, LeavesNoFileAndNoMappingBehind)
{
    {
        const auto warmUp =
            launch("pipeline. ( dmaslabsrc backend=test ! " + kSmall + " ! fakesink sync=false )");
        walkUpAndDown(warmUp.get(), 1);
    }
    const std::size_t files = openFiles();
    const std::size_t mappings = arenaMappings();
    {
        const auto pipeline =
            launch("pipeline. ( dmaslabsrc backend=test ! " + kSmall + " ! fakesink sync=false )");
        walkUpAndDown(pipeline.get(), 10);
        gst_element_set_state(pipeline.get(), GST_STATE_NULL);
        EXPECT_EQ(arenaMappings(), mappings);
    }
    expectNoMoreOpenFilesThan(files);
}

TEST(DmaSlabSrcLife, UnpacedTheSame)
{
    const std::size_t mappings = arenaMappings();
    const auto pipeline =
        launch("pipeline. ( dmaslabsrc backend=test pacing=off ! " + kSmall + " ! fakesink sync=false )");
    walkUpAndDown(pipeline.get(), 10);
    gst_element_set_state(pipeline.get(), GST_STATE_NULL);
    EXPECT_EQ(arenaMappings(), mappings);
}

TEST(DmaSlabSrcLife, FilesTheSame)
{
    const TempDir dir;
    for (unsigned i = 0; i < 6; ++i)
        (void)dir.write("frame" + std::to_string(i) + ".npy", npy2d(6, 8, i));
    const std::string line = "pipeline. ( dmaslabsrc loop=true location=" + dir.path() +
                             " ! video/x-raw,framerate=500/1 ! fakesink sync=false )";
    walkUpAndDown(launch(line).get(), 1);
    const std::size_t files = openFiles();
    const std::size_t mappings = arenaMappings();
    {
        const auto pipeline = launch(line);
        walkUpAndDown(pipeline.get(), 10);
        gst_element_set_state(pipeline.get(), GST_STATE_NULL);
        EXPECT_EQ(arenaMappings(), mappings);
    }
    expectNoMoreOpenFilesThan(files);
}

TEST(DmaSlabSrcLife, StopsAtOnceInEveryMomentOfAStarvedRun)
{
    for (int round = 0; round < 20; ++round) {
        SourceBench bench("backend=test slabs=2 pacing=off");
        bench.keep(true);
        bench.play();
        if (round % 2)
            bench.waitForFrames(2);
        bench.stop();
        bench.expectConservation();
    }
}

TEST(DmaSlabSrcLife, TheLeaksTracerFindsNothing)
{
    const CharPtr launcher(g_find_program_in_path("gst-launch-1.0"));
    if (!launcher)
        GTEST_SKIP() << "gst-launch-1.0 is not installed (gstreamer1.0-tools)";
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "the program has no sanitizer runtime";
#endif
    const std::string command = "env GST_TRACERS=leaks GST_DEBUG=GST_TRACER:7 GST_DEBUG_NO_COLOR=1 " +
                                std::string(launcher.get()) + " dmaslabsrc backend=test num-buffers=50 ! " +
                                kSmall +
                                " ! tee name=t t. ! queue ! fakesink t. ! queue ! videorate ! fakesink";
    gchar *out = nullptr, *err = nullptr;
    gint status = -1;
    ASSERT_TRUE(g_spawn_command_line_sync(command.c_str(), &out, &err, &status, nullptr));
    const CharPtr outGuard(out), errGuard(err);
    EXPECT_EQ(status, 0) << err;
    const std::string log(err);
    const char *const leak = "object-alive, type-name=(string)Gst";
    EXPECT_NE(log.find("object-alive"), std::string::npos) << "the tracer did not run";
    EXPECT_EQ(log.find(leak), std::string::npos) << log.substr(log.find(leak), 2000);
}

TEST(DmaSlabSrcLife, AThreadPinnedForUsLeavesUnpinned)
{
    const Scheduling before = streamingThread("fakesrc num-buffers=2");
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof(set), &set);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &set))
        ++cpu;
    EXPECT_EQ(
        streamingThread("dmaslabsrc backend=test num-buffers=2 cpu=" + std::to_string(cpu) + " ! " + kSmall)
            .cpus,
        1);
    EXPECT_EQ(streamingThread("fakesrc num-buffers=2"), before);
}

TEST(DmaSlabSrcLife, TwoSourcesInOnePipelineDoNotMeet)
{
    const auto pipeline = launch("pipeline. ( dmaslabsrc backend=test num-buffers=50 ! " + kSmall +
                                 " ! fakesink dmaslabsrc backend=test pattern=noise num-buffers=50 ! " +
                                 kSmall + " ! fakesink )");
    const MessagePtr end = runToEnd(pipeline.get());
    EXPECT_TRUE(end && GST_MESSAGE_TYPE(end.get()) == GST_MESSAGE_EOS) << textOf(end.get());
    gst_element_set_state(pipeline.get(), GST_STATE_NULL);
}
