// SPDX-License-Identifier: LGPL-2.1-or-later
// A queue alone between two pads of our own.
//   element=queue|slabqueue buffers=N
//   what=latency   time from the push into it to the arrival behind it, at 1000 buffers/s
//   what=idle      what it costs while nothing comes
#include <atomic>

#include <dirent.h>

#include "bench/pipeline.h"

namespace {

constexpr std::int64_t kPeriodNs = 1'000'000;

class Rig
{
public:
    Rig(const std::string &element, guint buffers)
    {
        pipeline_ = gst_pipeline_new(nullptr);
        queue_ = gst_element_factory_make(element.c_str(), nullptr);
        if (!queue_)
            bench::giveUp("no element " + element);
        g_object_set(queue_, "max-size-buffers", buffers, "max-size-bytes", 0, "max-size-time", guint64(0),
                     nullptr);
        gst_bin_add(GST_BIN(pipeline_), queue_);
        in_ = gst_pad_new("in", GST_PAD_SRC);
        out_ = gst_pad_new("out", GST_PAD_SINK);
        g_object_set_data(G_OBJECT(out_), "rig", this);
        gst_pad_set_chain_function(out_, arrived);
        link(in_, gst_element_get_static_pad(queue_, "sink"));
        link(gst_element_get_static_pad(queue_, "src"), out_);
        gst_pad_set_active(out_, TRUE);
        gst_pad_set_active(in_, TRUE);
        gst_element_set_state(pipeline_, GST_STATE_PLAYING);
        gst_pad_push_event(in_, gst_event_new_stream_start("bench"));
        GstSegment segment;
        gst_segment_init(&segment, GST_FORMAT_TIME);
        gst_pad_push_event(in_, gst_event_new_segment(&segment));
    }
    ~Rig()
    {
        gst_element_set_state(pipeline_, GST_STATE_NULL);
        gst_pad_set_active(in_, FALSE);
        gst_pad_set_active(out_, FALSE);
        gst_object_unref(pipeline_);
        gst_object_unref(in_);
        gst_object_unref(out_);
    }
    Rig(const Rig &) = delete;
    Rig &operator=(const Rig &) = delete;

    void push()
    {
        GstBuffer *buffer = gst_buffer_new();
        GST_BUFFER_OFFSET(buffer) = guint64(bench::nowNs());
        gst_pad_push(in_, buffer);
    }
    std::vector<double> latencies; ///< µs; the streaming thread writes it
    std::atomic<std::size_t> arrivals{0};

private:
    static void link(GstPad *from, GstPad *to)
    {
        if (gst_pad_link_full(from, to, GST_PAD_LINK_CHECK_NOTHING) != GST_PAD_LINK_OK)
            bench::giveUp("pads do not link");
    }
    static GstFlowReturn arrived(GstPad *pad, GstObject *, GstBuffer *buffer)
    {
        const auto now = bench::nowNs();
        auto *rig = static_cast<Rig *>(g_object_get_data(G_OBJECT(pad), "rig"));
        rig->latencies.push_back(double(now - std::int64_t(GST_BUFFER_OFFSET(buffer))) / 1e3);
        gst_buffer_unref(buffer);
        rig->arrivals.fetch_add(1, std::memory_order_release);
        return GST_FLOW_OK;
    }

    GstElement *pipeline_ = nullptr, *queue_ = nullptr;
    GstPad *in_ = nullptr, *out_ = nullptr;
};

void sleepUntil(std::int64_t at)
{
    const timespec when{time_t(at / 1'000'000'000), long(at % 1'000'000'000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, nullptr) != 0)
        continue;
}

/** Sum over all threads of this process. */
double contextSwitches()
{
    double sum = 0;
    DIR *tasks = opendir("/proc/self/task");
    while (const dirent *task = tasks ? readdir(tasks) : nullptr) {
        std::FILE *status =
            std::fopen((std::string("/proc/self/task/") + task->d_name + "/status").c_str(), "r");
        char line[256];
        unsigned long count = 0;
        while (status && std::fgets(line, sizeof(line), status))
            if (std::sscanf(line, "voluntary_ctxt_switches: %lu", &count) == 1)
                sum += double(count);
        if (status)
            std::fclose(status);
    }
    if (tasks)
        closedir(tasks);
    return sum;
}

void latency(Rig &rig, std::size_t frames)
{
    constexpr std::size_t kWarmUp = 200;
    rig.latencies.reserve(frames + kWarmUp + 16);
    const auto cpu = bench::processCpuNs();
    const auto start = bench::nowNs();
    for (std::size_t i = 0; i < frames + kWarmUp; ++i) {
        sleepUntil(start + std::int64_t(i) * kPeriodNs);
        rig.push();
    }
    while (rig.arrivals.load(std::memory_order_acquire) < frames + kWarmUp)
        sleepUntil(bench::nowNs() + kPeriodNs);
    const double used = double(bench::processCpuNs() - cpu) / double(bench::nowNs() - start);
    std::vector<double> sorted(rig.latencies.begin() + kWarmUp, rig.latencies.end());
    std::sort(sorted.begin(), sorted.end());
    bench::Report()
        .add("p50_us", bench::quantile(sorted, 0.5))
        .add("p99_us", bench::quantile(sorted, 0.99))
        .add("p999_us", bench::quantile(sorted, 0.999))
        .add("max_us", sorted.back())
        .add("cpu_percent", 100 * used)
        .print();
}

void idle(Rig &rig, long seconds)
{
    for (int i = 0; i < 100; ++i)
        rig.push();
    while (rig.arrivals.load(std::memory_order_acquire) < 100)
        sleepUntil(bench::nowNs() + kPeriodNs);
    sleepUntil(bench::nowNs() + 100 * kPeriodNs); // it may look around a little before it sleeps
    const double switches = contextSwitches();
    const auto cpu = bench::processCpuNs();
    sleepUntil(bench::nowNs() + seconds * 1'000'000'000);
    const double used = double(bench::processCpuNs() - cpu) / 1e3;
    // One switch is this thread's own sleep.
    bench::Report()
        .add("switches_per_s", std::max(0.0, contextSwitches() - switches - 1) / double(seconds))
        .add("cpu_us_per_s", used / double(seconds))
        .print();
}

} // namespace

int main(int argc, char **argv)
{
    gst_init(nullptr, nullptr);
    const bench::Options options(argc, argv);
    Rig rig(options.text("element", "slabqueue"), guint(options.number("buffers", 8)));
    if (options.text("what") == "idle")
        idle(rig, options.number("seconds", 2));
    else
        latency(rig, std::size_t(options.number("seconds", 2) * 1000));
    return 0;
}
