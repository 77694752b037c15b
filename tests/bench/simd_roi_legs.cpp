// SPDX-License-Identifier: LGPL-2.1-or-later
// Grids of rectangles, by the kernel, by FrameProcessor and by plain loops.
//   side=N columns=N rows=N x=N y=N   the grid; loop=gcc|gcc-native|clang|clang-native
#include <vector>

#include "bench/simd_frames.h"
#include "bench/simd_legs.h"
#include "bench/simd_machine.h"
#include "bench/simd_plain.h"
#include "dmaslab/process/processor.h"
#include "dmaslab/simd/roi.h"

namespace bench {

namespace {

using namespace dmaslab;

using PlainSums = void (*)(const std::uint16_t *, std::size_t, std::size_t, std::size_t, std::uint64_t *);

PlainSums plainSums(const std::string &loop)
{
    if (loop == "gcc-native")
        return plain_gcc_native::roiSums10;
#ifdef DMASLAB_PLAIN_CLANG
    if (loop == "clang")
        return plain_clang::roiSums10;
    if (loop == "clang-native")
        return plain_clang_native::roiSums10;
#endif
    if (loop != "gcc")
        giveUp("there is no plain loop by " + loop);
    return plain_gcc::roiSums10;
}

class Grid
{
public:
    Grid(const Options &options, Report &report)
        : options_(options), report_(report), frames_(options), memory_(frames_.count * frames_.pixels() * 2)
    {
        const auto number = [&](const char *key, long fallback) {
            return std::uint32_t(options.number(key, fallback));
        };
        grid_.width = grid_.height = number("side", 10);
        grid_.columns = number("columns", 20);
        grid_.rows = number("rows", 20);
        grid_.x = number("x", 50);
        grid_.y = number("y", 50);
        fillPixels(memory_, 12);
        const auto level = simdLevelFromString(options.text("simd", "auto"));
        level_ = level.value_or(SimdLevel::Auto);
        pinTo(0);
    }

    void sums()
    {
        std::vector<std::uint64_t> sums(grid_.count());
        const auto &kernel = roiKernels(level_);
        measure([&](std::size_t i) {
            std::fill(sums.begin(), sums.end(), std::uint64_t{0});
            for (std::uint32_t row = 0; row < grid_.rows; ++row)
                kernel.sums(
                    frames_.of16(memory_, i).asConst().part(grid_.y + row * grid_.height, grid_.height),
                    {grid_.x, grid_.width, grid_.columns}, sums.data() + row * grid_.columns);
            keep(sums);
        });
    }
    void moments()
    {
        std::vector<RoiMoments> moments(grid_.count());
        const auto &kernel = roiKernels(level_);
        measure([&](std::size_t i) {
            std::fill(moments.begin(), moments.end(), RoiMoments{});
            for (std::uint32_t row = 0; row < grid_.rows; ++row)
                kernel.moments(
                    frames_.of16(memory_, i).asConst().part(grid_.y + row * grid_.height, grid_.height),
                    {grid_.x, grid_.width, grid_.columns}, 0, 100, moments.data() + row * grid_.columns);
            keep(moments);
        });
    }
    void plain()
    {
        std::vector<std::uint64_t> sums(grid_.count());
        const PlainSums loop = plainSums(options_.text("loop", "gcc"));
        measure([&](std::size_t i) {
            loop(corner(i), frames_.width, grid_.columns, grid_.rows, sums.data());
            keep(sums);
        });
    }
    void read()
    {
        measure([&](std::size_t i) {
            keep(readRows(corner(i), grid_.width * grid_.columns * 2, frames_.width * 2,
                          grid_.height * grid_.rows));
        });
    }
    /** All that simdproc does but the element itself. */
    void frame(RoiMode mode)
    {
        ProcessSettings settings;
        settings.roiMode = mode;
        settings.roi = grid_;
        settings.roiThreshold = mode == RoiMode::Centroid ? 100 : 0;
        settings.simd = level_;
        auto made = FrameProcessor::make(
            {PixelPacking::Mono16, std::uint32_t(frames_.width), std::uint32_t(frames_.height), 12},
            settings);
        if (!made)
            giveUp(made.error().message);
        FrameProcessor &processor = **made;
        std::vector<std::uint64_t> record(processor.results().bytes() / 8 + 1);
        const auto bytes = std::as_writable_bytes(std::span(record));
        measure([&](std::size_t i) {
            const auto *in = reinterpret_cast<const std::uint8_t *>(frames_.of16(memory_, i).data);
            processor.process({in, std::ptrdiff_t(frames_.width * 2), nullptr, 0}, bytes);
            keep(record);
        });
    }

private:
    [[nodiscard]] const std::uint16_t *corner(std::size_t frame) const
    {
        return frames_.of16(memory_, frame).row(grid_.y) + grid_.x;
    }
    template <typename Frame>
    void measure(Frame &&frame)
    {
        const double ns = leastNsPerFrame(options_, frames_.count, frame);
        // What is read of a frame, and what there is of it.
        const std::size_t pixels = grid_.count() * grid_.width * grid_.height;
        report_.add("frame_gb_per_s", double(frames_.pixels() * 2) / ns);
        reportFrames(report_, ns, frames_, double(pixels * 2), 1);
    }

    const Options &options_;
    Report &report_;
    Frames frames_;
    Memory memory_;
    RoiGrid grid_;
    SimdLevel level_;
};

} // namespace

bool roiLeg(const std::string &what, const Options &options, Report &report)
{
    if (what.rfind("roi-", 0) != 0)
        return false;
    runUndisturbed();
    Grid grid(options, report);
    if (what == "roi-sums")
        grid.sums();
    else if (what == "roi-moments")
        grid.moments();
    else if (what == "roi-plain")
        grid.plain();
    else if (what == "roi-read")
        grid.read();
    else if (what == "roi-occupancy")
        grid.frame(RoiMode::Occupancy);
    else if (what == "roi-centroid")
        grid.frame(RoiMode::Centroid);
    else
        return false;
    return true;
}

} // namespace bench
