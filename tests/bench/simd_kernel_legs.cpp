// SPDX-License-Identifier: LGPL-2.1-or-later
// Kernels that take whole pictures, and the bounds and peers of each.
//   store=streaming   what the kernel writes goes past the caches (where it can)
#include <functional>
#include <map>

#include <gst/video/video.h>

#include "bench/simd_frames.h"
#include "bench/simd_legs.h"
#include "bench/simd_machine.h"
#include "bench/simd_plain.h"
#include "dmaslab/simd/bin.h"
#include "dmaslab/simd/calibrate.h"
#include "dmaslab/simd/statistics.h"
#include "dmaslab/simd/tone.h"
#include "dmaslab/simd/unpack.h"

namespace bench {

namespace {

using namespace dmaslab;

struct Setting
{
    const Options &options;
    Report &report;
    SimdLevel level;
    Store store;

    /** One measurement of a loop over frames whose input has `bytes` per frame. */
    template <typename Frame>
    void measure(const Frames &frames, double bytes, double moved, Frame &&frame) const
    {
        pinTo(0);
        const double ns = leastNsPerFrame(options, frames.count, frame);
        reportFrames(report, ns, frames, bytes, moved);
    }
};

constexpr ToneWindow kWindow(1000, 60000);

/** From a frame of 16-bit pixels to as many bytes elsewhere; a copy moves the lines it overwrites, too. */
template <typename Copy>
void copying(const Setting &set, double moved, Copy &&copy)
{
    const Frames frames(set.options, 2, 2);
    const std::size_t bytes = frames.pixels() * 2;
    const Memory from(frames.count * bytes), to(frames.count * bytes);
    fillPixels(from, 16);
    std::memset(to.data(), 1, to.bytes());
    set.measure(frames, double(bytes), moved, [&](std::size_t i) {
        copy(to.data() + i * bytes, from.data() + i * bytes, bytes);
        keep(to);
    });
}

/** What only looks at a frame. */
template <typename Look>
void looking(const Setting &set, Look &&look)
{
    const Frames frames(set.options);
    const Memory from(frames.count * frames.pixels() * 2);
    fillPixels(from, 16);
    set.measure(frames, double(frames.pixels() * 2), 1,
                [&](std::size_t i) { look(frames.of16(from, i).asConst()); });
}

template <typename Work>
void toBytes(const Setting &set, double moved, Work &&work)
{
    const Frames frames(set.options, 2, 2);
    const Memory from(frames.count * frames.pixels() * 2), to(frames.count * frames.pixels());
    fillPixels(from, 16);
    std::memset(to.data(), 1, to.bytes());
    set.measure(frames, double(frames.pixels() * 2), moved, [&](std::size_t i) {
        work(frames.of16(from, i).asConst(), frames.of8(to, i));
        keep(to);
    });
}

/** In place. With tables=turn each frame has tables of its own, which then come from where the frames do. */
void calibrate(const Setting &set)
{
    const bool turn = set.options.text("tables") == "turn";
    const Frames frames(set.options, 2, turn ? 3 : 1);
    const std::size_t tables = turn ? frames.count : 1;
    const Memory pixels(frames.count * frames.pixels() * 2);
    const Memory dark(tables * frames.pixels() * 2), gain(tables * frames.pixels() * 2);
    fillPixels(pixels, 16);
    fillPixels(dark, 6);
    fillPixels(gain, 15);
    const auto &kernel = calibrateKernels(set.level);
    set.measure(frames, double(frames.pixels() * 2), turn ? 4 : 2, [&](std::size_t i) {
        const std::size_t table = turn ? i : 0;
        const Calibration calibration{frames.of16(dark, table).asConst(), frames.of16(gain, table).asConst(),
                                      15};
        kernel.calibrate(frames.of16(pixels, i).asConst(), frames.of16(pixels, i), calibration, set.store);
    });
}

/** In place: what comes in leaves as 0 where it is low. */
void threshold(const Setting &set)
{
    const Frames frames(set.options);
    const Memory pixels(frames.count * frames.pixels() * 2);
    fillPixels(pixels, 16);
    const auto &kernel = toneKernels(set.level);
    set.measure(frames, double(frames.pixels() * 2), 2, [&](std::size_t i) {
        kernel.zeroBelow(frames.of16(pixels, i).asConst(), frames.of16(pixels, i), 1000, set.store);
    });
}

void bin2(const Setting &set)
{
    const Frames frames(set.options, 2, 2);
    const std::size_t pixels = frames.pixels() / 4;
    const Memory from(frames.count * frames.pixels() * 2), to(frames.count * pixels * 2);
    fillPixels(from, 12);
    std::memset(to.data(), 1, to.bytes());
    const auto &kernel = binKernels(set.level);
    set.measure(frames, double(frames.pixels() * 2), set.store == Store::Streaming ? 1.25 : 1.5,
                [&](std::size_t i) {
                    auto *out = reinterpret_cast<std::uint16_t *>(to.data()) + i * pixels;
                    kernel.by2(frames.of16(from, i).asConst(),
                               {out, std::ptrdiff_t(frames.width), frames.width / 2, frames.height / 2},
                               BinMode::Mean, set.store);
                });
}

template <typename Work>
void unpacking(const Setting &set, Work &&work)
{
    const Frames frames(set.options, 1.5, 2);
    const std::size_t bytes = frames.pixels() * 3 / 2;
    const Memory from(frames.count * bytes), to(frames.count * frames.pixels() * 2);
    fillPixels(from, 16);
    std::memset(to.data(), 1, to.bytes());
    set.measure(frames, double(bytes), set.store == Store::Streaming ? 2 + 1.0 / 3 : 1 + 8.0 / 3,
                [&](std::size_t i) {
                    work(frames.packed(from, i).asConst(), frames.of16(to, i));
                    keep(to);
                });
}

/** The converter inside videoconvert, without the element around it. */
void videoconvert(const Setting &set)
{
    gst_init(nullptr, nullptr);
    const Frames frames(set.options, 2, 2);
    const auto info = [&](GstVideoFormat format) {
        GstVideoInfo made;
        gst_video_info_set_format(&made, format, guint(frames.width), guint(frames.height));
        return made;
    };
    GstVideoInfo in = info(GST_VIDEO_FORMAT_GRAY16_LE), out = info(GST_VIDEO_FORMAT_GRAY8);
    GstVideoConverter *converter = gst_video_converter_new(&in, &out, nullptr);
    const Memory from(frames.count * in.size), to(frames.count * out.size);
    fillPixels(from, 16);
    std::memset(to.data(), 1, to.bytes());
    std::vector<std::pair<GstVideoFrame, GstVideoFrame>> mapped(frames.count);
    const auto map = [](GstVideoInfo &of, std::uint8_t *data, GstVideoFrame &frame, GstMapFlags flags) {
        GstBuffer *buffer =
            gst_buffer_new_wrapped_full(GstMemoryFlags(0), data, of.size, 0, of.size, nullptr, nullptr);
        if (!gst_video_frame_map(&frame, &of, buffer, flags))
            giveUp("a frame cannot be mapped");
    };
    for (std::size_t i = 0; i < frames.count; ++i) {
        map(in, from.data() + i * in.size, mapped[i].first, GST_MAP_READ);
        map(out, to.data() + i * out.size, mapped[i].second, GST_MAP_WRITE);
    }
    set.measure(frames, double(in.size), 2, [&](std::size_t i) {
        gst_video_converter_frame(converter, &mapped[i].first, &mapped[i].second);
    });
}

const std::map<std::string, std::function<void(const Setting &)>> &legs()
{
    static const std::map<std::string, std::function<void(const Setting &)>> all{
        {"memcpy", [](const Setting &set) { copying(set, 3, std::memcpy); }},
        {"ntcopy", [](const Setting &set) { copying(set, 2, copyStreaming); }},
        {"read",
         [](const Setting &set) {
             looking(set, [](ConstPixels16 in) { keep(readRows(in.data, in.width * in.rows * 2, 0, 1)); });
         }},
        {"statistics",
         [](const Setting &set) {
             const auto &kernel = statisticsKernels(set.level);
             looking(set, [&](ConstPixels16 in) {
                 PixelSums sums;
                 kernel.sums16(in, 65535, sums);
                 keep(sums);
             });
         }},
        {"window",
         [](const Setting &set) {
             const auto &kernel = toneKernels(set.level);
             toBytes(set, set.store == Store::Streaming ? 1.5 : 2,
                     [&](ConstPixels16 in, Pixels8 out) { kernel.window(in, out, kWindow, set.store); });
         }},
        {"window-plain",
         [](const Setting &set) {
             toBytes(set, 2, [](ConstPixels16 in, Pixels8 out) {
                 plain_gcc::window(in.data, out.data, in.width * in.rows, 1000, 60000);
             });
         }},
        {"mono12p",
         [](const Setting &set) {
             const auto kernel = unpackKernels(set.level).mono12p;
             unpacking(set, [&](ConstPixels8 in, Pixels16 out) { kernel(in, out, set.store); });
         }},
        {"mono12p-plain",
         [](const Setting &set) {
             unpacking(set, [](ConstPixels8 in, Pixels16 out) {
                 plain_gcc::unpack12p(in.data, out.data, out.width * out.rows);
             });
         }},
        {"calibrate", calibrate},
        {"threshold", threshold},
        {"bin2", bin2},
        {"videoconvert", videoconvert},
    };
    return all;
}

} // namespace

bool kernelLeg(const std::string &what, const Options &options, Report &report)
{
    const auto found = legs().find(what);
    if (found == legs().end())
        return false;
    runUndisturbed();
    const auto level = simdLevelFromString(options.text("simd", "auto"));
    found->second({options, report, level.value_or(SimdLevel::Auto),
                   options.text("store") == "streaming" ? Store::Streaming : Store::Cached});
    return true;
}

} // namespace bench
