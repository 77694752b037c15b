// SPDX-License-Identifier: LGPL-2.1-or-later
// How fast a graph runs when nothing paces it.
//   pipeline=… frames=N      N is what the source's num-buffers says; sinks are called sink0, sink1, …
#include "bench/pipeline.h"

namespace {

/** What a base sink has seen. */
double rendered(GstElement *sink)
{
    return bench::Pipeline::statOf(sink, "rendered");
}

} // namespace

int main(int argc, char **argv)
{
    gst_init(nullptr, nullptr);
    const bench::Options options(argc, argv);
    const double frames = double(options.number("frames", 1));
    bench::Pipeline pipeline(options.text("pipeline"));
    const long sinks = options.number("sinks", 1);
    pipeline.set(GST_STATE_READY);
    const auto cpu = bench::processCpuNs();
    const auto took = pipeline.runToEnd();
    const auto used = bench::processCpuNs() - cpu;
    double missing = 0;
    for (long i = 0; i < sinks; ++i)
        missing += frames - rendered(pipeline.element(("sink" + std::to_string(i)).c_str()));
    bench::Report()
        .add("frames_per_s", frames * 1e9 / double(took))
        .add("cpu_us_per_frame", double(used) / 1e3 / frames)
        .add("missing", missing)
        .print();
    return 0;
}
