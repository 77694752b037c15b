// SPDX-License-Identifier: LGPL-2.1-or-later
// One recording, from its first frame until everything is on the disk.
//   sink=…          the sink with its properties, but for its location; called sink0
//   file=NAME       what it writes to, in a directory of its own below scratch=DIR; multifilesink wants %06d
//   frames=N        640x480 GRAY16_LE, 614400 bytes
//   source=…        the source with its properties; between=… what stands before the sink ("queue !")
//   fps=N           of the caps
//   fsync=1         the files are made durable at the end, for sinks that do not do so
//   render=1        how long each call of the sink's chain function takes, and beside it what this machine
//   makes of
//                   reading 40 cache lines, each in another page of memory that was all touched before
//   dirty=1         a process fills the page cache with dirty pages meanwhile
//   watch=0         without the thread that looks for workers and without the idle baseline
//   keep=1          the recording stays; `location` says where
#include <optional>

#include "bench/disk_leg.h"
#include "bench/pipeline.h"

namespace {

constexpr double kFrameBytes = 640 * 480 * 2;

struct Start
{
    std::int64_t ns = 0;
    std::int64_t processCpu = 0;
    double systemCpu = 0;
};

GstPadProbeReturn onFirstBuffer(GstPad *, GstPadProbeInfo *, gpointer data)
{
    auto &start = *static_cast<Start *>(data);
    start.systemCpu = bench::systemCpuSeconds();
    start.processCpu = bench::processCpuNs();
    start.ns = bench::nowNs();
    return GST_PAD_PROBE_REMOVE;
}

/** Takes the place of a sink's chain function and times it. */
class ChainTimer
{
public:
    ChainTimer(GstElement *sink, std::size_t frames)
    {
        micros_.reserve(frames + 16);
        touches_.reserve(frames + 16);
        GstPad *pad = gst_element_get_static_pad(sink, "sink");
        original_ = GST_PAD_CHAINFUNC(pad);
        gst_pad_set_chain_function_full(pad, timed, this, nullptr);
        gst_object_unref(pad);
    }
    void report(bench::Report &report)
    {
        if (micros_.size() < 100)
            bench::giveUp("too few frames came");
        report.add("render_first_us", micros_.front());
        report.add("render_later_max_us", *std::max_element(micros_.begin() + 1, micros_.end()));
        quantiles(report, "render", micros_);
        quantiles(report, "touch", touches_);
    }

private:
    static void quantiles(bench::Report &report, const std::string &what, std::vector<double> &micros)
    {
        std::sort(micros.begin(), micros.end());
        report.add(what + "_p50_us", bench::quantile(micros, 0.5))
            .add(what + "_p99_us", bench::quantile(micros, 0.99))
            .add(what + "_p999_us", bench::quantile(micros, 0.999))
            .add(what + "_max_us", micros.back());
    }
    double touchMemory()
    {
        const auto before = bench::nowNs();
        for (int i = 0; i < 40; ++i) {
            place_ = place_ * 1664525 + 1013904223;
            ++memory_[(place_ >> 4) % memory_.size()];
        }
        return double(bench::nowNs() - before) / 1e3;
    }
    static GstFlowReturn timed(GstPad *pad, GstObject *parent, GstBuffer *buffer)
    {
        auto &self = *static_cast<ChainTimer *>(pad->chaindata);
        const auto before = bench::nowNs();
        const GstFlowReturn flow = self.original_(pad, parent, buffer);
        self.micros_.push_back(double(bench::nowNs() - before) / 1e3);
        self.touches_.push_back(self.touchMemory());
        return flow;
    }

    GstPadChainFunction original_ = nullptr;
    std::vector<double> micros_, touches_;
    std::vector<char> memory_ = std::vector<char>(std::size_t{16} << 20, 1);
    std::uint32_t place_ = 1;
};

std::string textOf(GstElement *element, const char *field)
{
    std::string text;
    GstStructure *stats = nullptr;
    g_object_get(element, "stats", &stats, nullptr);
    if (const char *found = stats ? gst_structure_get_string(stats, field) : nullptr)
        text = found;
    if (stats)
        gst_structure_free(stats);
    return text;
}

} // namespace

int main(int argc, char **argv)
{
    const bench::Options options(argc, argv);
    const auto frames = std::size_t(options.number("frames", 1000));
    const bool watched = options.number("watch", 1) != 0;
    const bench::ScratchDirectory scratch(options.text("scratch", "."), options.number("keep", 0) != 0);
    sync(); // nobody pays for what was dirty before
    const double idle = watched ? bench::idleCpuRate(1'000'000'000) : 0;
    std::optional<bench::DirtyWriter> dirt;
    if (options.number("dirty", 0) != 0)
        dirt.emplace(scratch.path() + "/dirty");

    gst_init(nullptr, nullptr);
    const std::string location = scratch.path() + "/" + options.text("file", "recording");
    bench::Report report;
    {
        bench::Pipeline pipeline(
            options.text("source", "dmaslabsrc backend=test pattern=prefilled pacing=off") +
            " name=src num-buffers=" + std::to_string(frames) +
            " ! video/x-raw,format=GRAY16_LE,width=640,height=480,framerate=" +
            std::to_string(options.number("fps", 1000)) + "/1 ! " + options.text("between") + " " +
            options.text("sink", "uringarchive") + " name=sink0");
        GstElement *source = pipeline.element("src"), *sink = pipeline.element("sink0");
        const bool writes = g_object_class_find_property(G_OBJECT_GET_CLASS(sink), "location");
        if (writes)
            g_object_set(sink, "location", location.c_str(), nullptr);
        std::optional<ChainTimer> timer;
        if (options.number("render", 0) != 0)
            timer.emplace(sink, frames);
        Start start;
        GstPad *pad = gst_element_get_static_pad(source, "src");
        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, onFirstBuffer, &start, nullptr);
        gst_object_unref(pad);
        const bench::WorkerWatch workers(watched);

        pipeline.runToEnd();
        if (options.number("fsync", 0) != 0)
            scratch.makeDurable();
        const double seconds = double(bench::nowNs() - start.ns) / 1e9;
        const double process = double(bench::processCpuNs() - start.processCpu) / 1e9;
        // Beside a machine that others keep busy nobody can tell what of its time was ours.
        const bool quiet = idle < 0.25 * double(std::thread::hardware_concurrency());
        const double system =
            quiet ? bench::systemCpuSeconds() - start.systemCpu - idle * seconds : std::nan("");

        const bool ours = g_object_class_find_property(G_OBJECT_GET_CLASS(sink), "max-held");
        const double arrived = bench::Pipeline::statOf(sink, ours ? "frames-archived" : "rendered");
        const double gb = arrived * kFrameBytes / 1e9;
        report.add("seconds", seconds)
            .add("gb", gb)
            .add("gb_per_s", gb / seconds)
            .add("cpu_process_s_per_gb", process / gb)
            .add("cpu_system_s_per_gb", system / gb)
            .add("idle_cpu", idle)
            .add("missing", double(frames) - arrived)
            .add("dropped", pipeline.sumOfStats("dropped"))
            .add("bytes_copied", pipeline.sumOfStats("bytes-copied"))
            .add("workers", workers.most());
        if (timer)
            timer->report(report);
        if (ours)
            report.add("io", textOf(sink, "io"));
        if (writes && scratch.bytes() < arrived * kFrameBytes)
            bench::giveUp(location + " has less than the frames that arrived");
    }
    report.add("location", location).print();
    return 0;
}
