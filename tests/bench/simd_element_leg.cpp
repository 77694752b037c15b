// SPDX-License-Identifier: LGPL-2.1-or-later
// What the element costs around the kernel: a pipeline with simdproc, the same without, and the kernel alone,
// in turn; the least of each.
//   what=element width=N height=N frames=N
#include <algorithm>
#include <limits>

#include "bench/pipeline.h"
#include "bench/simd_frames.h"
#include "bench/simd_legs.h"
#include "dmaslab/simd/statistics.h"

namespace bench {

namespace {

double nsPerFrame(const std::string &element, const Frames &frames, long count)
{
    const Pipeline pipeline(
        "dmaslabsrc backend=test pattern=prefilled pacing=off slabs=8 num-buffers=" + std::to_string(count) +
        " ! video/x-raw,format=GRAY16_LE,framerate=1000/1,width=" + std::to_string(frames.width) +
        ",height=" + std::to_string(frames.height) + " ! " + element + "fakesink sync=false");
    pipeline.set(GST_STATE_PAUSED);
    return double(pipeline.runToEnd()) / double(count);
}

} // namespace

bool elementLeg(const std::string &what, const Options &options, Report &report)
{
    if (what != "element")
        return false;
    gst_init(nullptr, nullptr);
    runUndisturbed();
    pinTo(0); // the source's thread inherits it
    const Frames frames(options);
    // As many frames as the pipeline has slabs, so that the kernel finds them no nearer than there.
    constexpr std::size_t kSlabs = 8;
    const Memory pixels(kSlabs * frames.pixels() * 2);
    fillPixels(pixels, 16);
    const auto &kernel = dmaslab::statisticsKernels(dmaslab::SimdLevel::Auto);
    const long count = options.number("frames", 20000);
    double with = std::numeric_limits<double>::max(), without = with, bare = with;
    for (long i = 0; i < options.number("repetitions", 15); ++i) {
        without = std::min(without, nsPerFrame("", frames, count));
        with = std::min(with, nsPerFrame("simdproc statistics=true ! ", frames, count));
        bare = std::min(bare, leastNsPerFrame(options, kSlabs, [&](std::size_t slab) {
                            dmaslab::PixelSums sums;
                            kernel.sums16(frames.of16(pixels, slab).asConst(), 65535, sums);
                            keep(sums);
                        }));
    }
    report.add("with_us", with / 1e3)
        .add("without_us", without / 1e3)
        .add("kernel_us", bare / 1e3)
        .add("overhead_us", (with - without - bare) / 1e3);
    return true;
}

} // namespace bench
