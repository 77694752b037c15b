// SPDX-License-Identifier: LGPL-2.1-or-later
// A whole job at its frame rate, judged by counters.
//   pipeline=… frames=N fps=N       the source is called src, the sinks sink0, sink1, …
//   latency=1   also the time from the source's pad to sink0, and what an element called proc says of its own
// With liballoc_count.so preloaded, heap allocations are counted from the first second on.
#include <atomic>
#include <dlfcn.h>
#include <optional>

#include "bench/alloc_count.h"
#include "bench/pipeline.h"

namespace {

class Allocations
{
public:
    Allocations()
        : start_(reinterpret_cast<AllocCountStart>(dlsym(RTLD_DEFAULT, "alloc_count_start"))),
          read_(reinterpret_cast<AllocCountRead>(dlsym(RTLD_DEFAULT, "alloc_count_read")))
    {
    }
    void start() const
    {
        if (start_)
            start_();
    }
    [[nodiscard]] AllocCounts read() const { return read_ ? read_() : AllocCounts{}; }
    [[nodiscard]] bool counted() const { return read_ != nullptr; }

private:
    AllocCountStart start_;
    AllocCountRead read_;
};

struct Window
{
    std::size_t from = 0, until = 0, seen = 0;
    Allocations allocations;
    AllocCounts counts{};
};

GstPadProbeReturn watchWindow(GstPad *, GstPadProbeInfo *, gpointer data)
{
    auto &window = *static_cast<Window *>(data);
    if (window.seen == window.from)
        window.allocations.start();
    else if (window.seen == window.until)
        window.counts = window.allocations.read();
    ++window.seen;
    return GST_PAD_PROBE_OK;
}

/** From the source's pad to another, by the frames' numbers. */
class Latency
{
public:
    Latency(GstElement *source, GstElement *sink, std::size_t frames) : left_(frames + 16), us_()
    {
        us_.reserve(frames + 16);
        watch(source, "src", leaves);
        watch(sink, "sink", arrives);
    }
    void addTo(bench::Report &report)
    {
        std::sort(us_.begin(), us_.end());
        report.add("arrival_p50_us", bench::quantile(us_, 0.5))
            .add("arrival_p99_us", bench::quantile(us_, 0.99));
    }

private:
    void watch(GstElement *element, const char *name, GstPadProbeCallback callback)
    {
        GstPad *pad = gst_element_get_static_pad(element, name);
        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, callback, this, nullptr);
        gst_object_unref(pad);
    }
    static GstPadProbeReturn leaves(GstPad *, GstPadProbeInfo *info, gpointer self)
    {
        auto &latency = *static_cast<Latency *>(self);
        const guint64 number = GST_BUFFER_OFFSET(GST_PAD_PROBE_INFO_BUFFER(info));
        if (number < latency.left_.size())
            latency.left_[number].store(bench::nowNs(), std::memory_order_relaxed); // the queue orders it
        return GST_PAD_PROBE_OK;
    }
    static GstPadProbeReturn arrives(GstPad *, GstPadProbeInfo *info, gpointer self)
    {
        auto &latency = *static_cast<Latency *>(self);
        const guint64 number = GST_BUFFER_OFFSET(GST_PAD_PROBE_INFO_BUFFER(info));
        if (number < latency.left_.size())
            latency.us_.push_back(
                double(bench::nowNs() - latency.left_[number].load(std::memory_order_relaxed)) / 1e3);
        return GST_PAD_PROBE_OK;
    }

    std::vector<std::atomic<std::int64_t>> left_;
    std::vector<double> us_;
};

} // namespace

int main(int argc, char **argv)
{
    gst_init(nullptr, nullptr);
    const bench::Options options(argc, argv);
    const auto frames = std::size_t(options.number("frames", 1000));
    const auto fps = std::size_t(options.number("fps", 1000));
    bench::Pipeline pipeline(options.text("pipeline"));
    GstElement *source = pipeline.element("src");
    bench::SourceWatch watch(source, frames, std::min(fps, frames / 2));
    Window window;
    window.from = std::min(fps, frames / 2);
    window.until = frames - 10; // what ends a stream may allocate
    GstPad *pad = gst_element_get_static_pad(source, "src");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, watchWindow, &window, nullptr);
    gst_object_unref(pad);

    std::optional<Latency> latency;
    if (options.number("latency", 0) != 0)
        latency.emplace(source, pipeline.element("sink0"), 2 * frames);

    const auto cpu = bench::processCpuNs();
    const auto took = pipeline.runToEnd();
    const double used = double(bench::processCpuNs() - cpu) / double(took);
    const double counted = double(window.until - window.from);
    bench::Report report;
    report.add("seconds", double(took) / 1e9)
        .add("dropped", pipeline.sumOfStats("dropped"))
        .add("source_dropped", bench::Pipeline::statOf(source, "dropped"))
        .add("bytes_copied", pipeline.sumOfStats("bytes-copied"))
        .add("frames_out", bench::Pipeline::statOf(source, "frames-out"))
        .add("rendered0", bench::Pipeline::statOf(pipeline.element("sink0"), "rendered"))
        .add("source_cpu_percent", 100 * watch.cpu())
        .add("process_cpu_percent", 100 * used);
    for (const char *reason : {"overrun", "starved", "queue", "slow-consumer", "device", "error", "flush"})
        report.add(std::string("dropped_") + reason,
                   pipeline.sumOfStats((std::string("dropped-") + reason).c_str()));
    if (window.allocations.counted())
        report.add("allocations_ours_per_frame", double(window.counts.ours) / counted)
            .add("allocations_all_per_frame", double(window.counts.all) / counted);
    if (latency) {
        latency->addTo(report);
        GstElement *proc = pipeline.element("proc");
        report.add("processing_p50_us", bench::Pipeline::statOf(proc, "processing-p50") / 1e3)
            .add("processing_p99_us", bench::Pipeline::statOf(proc, "processing-p99") / 1e3);
    }
    report.print();
    return 0;
}
