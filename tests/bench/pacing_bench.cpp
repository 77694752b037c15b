// SPDX-License-Identifier: LGPL-2.1-or-later
// How exactly a live source keeps its grid: the time at which each buffer passes the source pad
// (CLOCK_MONOTONIC) minus base time + PTS.
//   source=…        the element with its properties; 64x64 GRAY16_LE frames
//   fps=N seconds=N
//   unprivileged=1  give up root and every real-time right first
#include <grp.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/pipeline.h"

namespace {

void dropRights()
{
    const rlimit none{0, 0};
    setrlimit(RLIMIT_RTPRIO, &none);
    constexpr unsigned nobody = 65534;
    if (geteuid() == 0 && (setgroups(0, nullptr) != 0 || setgid(nobody) != 0 || setuid(nobody) != 0))
        bench::giveUp("cannot give up root");
}

} // namespace

int main(int argc, char **argv)
{
    gst_init(nullptr, nullptr);
    const bench::Options options(argc, argv);
    const long fps = options.number("fps", 1000);
    const std::size_t frames = std::size_t(fps * options.number("seconds", 2));
    const std::size_t warmUp = std::size_t(fps) / 2;
    const std::string source = options.text("source", "videotestsrc is-live=true");
    bench::Pipeline pipeline(source + " name=src num-buffers=" + std::to_string(frames + warmUp) +
                             " ! video/x-raw,format=GRAY16_LE,width=64,height=64,framerate=" +
                             std::to_string(fps) + "/1 ! fakesink name=sink sync=false");
    if (options.number("unprivileged", 0) != 0)
        dropRights(); // after the plugins were found, which may lie where only their owner can read
    bench::SourceWatch watch(pipeline.element("src"), frames, warmUp);
    const bool ours = source.rfind("dmaslabsrc", 0) == 0;
    pipeline.runToEnd();

    const auto &times = watch.times();
    const auto &stamps = watch.stamps();
    if (times.size() < 100)
        bench::giveUp("too few frames came");
    std::vector<double> errors;
    for (std::size_t i = 0; i < times.size(); ++i)
        errors.push_back((double(times[i]) - double(watch.baseTime() + stamps[i])) / 1e3);
    // How far the end of the stream is behind its start; medians, or one late frame at either end would
    // decide.
    const double period = 1e9 / double(fps);
    const std::size_t edge = std::min<std::size_t>(200, errors.size() / 4);
    std::vector<double> first(errors.begin(), errors.begin() + long(edge));
    std::vector<double> last(errors.end() - long(edge), errors.end());
    std::sort(first.begin(), first.end());
    std::sort(last.begin(), last.end());
    const double drift = (bench::quantile(last, 0.5) - bench::quantile(first, 0.5)) * 1e3 / period;
    const double byStamp = std::round(double(stamps.back() - stamps.front()) / period);
    std::sort(errors.begin(), errors.end());
    const double middle = bench::quantile(errors, 0.5);
    std::vector<double> spread; // about the grid that fits best: a constant delay is no jitter
    for (const double error : errors)
        spread.push_back(std::abs(error - middle));
    std::sort(spread.begin(), spread.end());
    bench::Report()
        .add("p50_us", middle)
        .add("p99_us", bench::quantile(errors, 0.99))
        .add("p999_us", bench::quantile(errors, 0.999))
        .add("max_us", errors.back())
        .add("least_us", errors.front())
        .add("fit_p50_us", bench::quantile(spread, 0.5))
        .add("fit_p99_us", bench::quantile(spread, 0.99))
        .add("cpu_percent", 100 * watch.cpu())
        .add("drift_frames", std::round(drift))
        .add("missed_frames", byStamp - double(times.size() - 1))
        .add("dropped", ours ? pipeline.sumOfStats("dropped") : 0)
        .print();
    return 0;
}
