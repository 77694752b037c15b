// SPDX-License-Identifier: LGPL-2.1-or-later
// Whole frames through FrameProcessor.
//   packing=mono12p|mono16 threads=N
#include "bench/simd_chain.h"
#include "bench/simd_frames.h"
#include "bench/simd_legs.h"
#include "dmaslab/process/processor.h"

namespace bench {

bool processorLeg(const std::string &what, const Options &options, Report &report)
{
    using namespace dmaslab;
    if (what != "chain")
        return false;
    const bool packed = options.text("packing", "mono12p") == "mono12p";
    const Frames frames(options, packed ? 1.5 : 2, 2);
    const std::size_t bytes = frames.pixels() * (packed ? 3 : 4) / 2;
    const Memory in(frames.count * bytes), out(frames.count * frames.pixels());
    fillPixels(in, packed ? 16 : 12);
    std::memset(out.data(), 1, out.bytes());

    const TableFolder folder;
    const ChainTables tables(frames.width, frames.height);
    ProcessSettings settings = tables.settings(folder);
    settings.threads = std::uint32_t(options.number("threads", 1));
    settings.simd = simdLevelFromString(options.text("simd", "auto")).value_or(SimdLevel::Auto);
    runUndisturbed();
    // Before this thread is pinned: those that help inherit where it may run.
    auto made = FrameProcessor::make({packed ? PixelPacking::Mono12p : PixelPacking::Mono16,
                                      std::uint32_t(frames.width), std::uint32_t(frames.height), 12},
                                     settings);
    if (!made)
        giveUp(made.error().message);
    pinTo(0);
    FrameProcessor &processor = **made;
    std::vector<std::uint64_t> record(processor.results().bytes() / 8 + 1);
    const auto results = std::as_writable_bytes(std::span(record));
    const double ns = leastNsPerFrame(options, frames.count, [&](std::size_t i) {
        processor.process({in.data() + i * bytes, std::ptrdiff_t(bytes / frames.height),
                           out.data() + i * frames.pixels(), std::ptrdiff_t(frames.width)},
                          results);
        keep(out);
    });
    reportFrames(report, ns, frames, double(bytes), 1);
    return true;
}

} // namespace bench
