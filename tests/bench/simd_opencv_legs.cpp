// SPDX-License-Identifier: LGPL-2.1-or-later
// The chain of simd_chain.h as one writes it with OpenCV: a call per step, each over the whole picture.
//   what=opencv-chain packing=mono12p|mono16 gain=float|integer
#include "bench/simd_legs.h"

#ifdef DMASLAB_OPENCV

#include <numeric>

#include <opencv2/core.hpp>

#include "bench/simd_chain.h"
#include "bench/simd_frames.h"
#include "bench/simd_plain.h"

namespace bench {

namespace {

class OpencvChain
{
public:
    OpencvChain(const ChainTables &tables, bool integer)
        : bad_(tables.bad), dark_(int(tables.height), int(tables.width), CV_16U), integer_(integer)
    {
        std::memcpy(dark_.data, tables.dark.data(), tables.dark.size() * 2);
        const double mean =
            std::accumulate(tables.flat.begin(), tables.flat.end(), 0.0) / double(tables.flat.size());
        gain_.create(dark_.size(), integer ? CV_16U : CV_32F);
        for (std::size_t i = 0; i < tables.flat.size(); ++i) {
            const double gain = mean / double(tables.flat[i]);
            if (integer)
                reinterpret_cast<std::uint16_t *>(gain_.data)[i] = std::uint16_t(gain * 32768);
            else
                reinterpret_cast<float *>(gain_.data)[i] = float(gain);
        }
        unpacked_.create(dark_.size(), CV_16U);
    }

    void process(const std::uint8_t *in, bool packed, std::uint8_t *out)
    {
        cv::Mat raw(dark_.size(), CV_16U, const_cast<std::uint8_t *>(in));
        if (packed) { // OpenCV knows no packed pixels: a loop, as everybody has one
            plain_gcc::unpack12p(in, reinterpret_cast<std::uint16_t *>(unpacked_.data), unpacked_.total());
            raw = unpacked_;
        }
        cv::subtract(raw, dark_, light_);
        cv::multiply(light_, gain_, even_, integer_ ? 1.0 / 32768 : 1.0, CV_16U);
        replaceBad();
        cv::meanStdDev(even_, mean_, deviation_);
        cv::minMaxIdx(even_, &least_, &most_);
        cv::compare(even_, 65535, full_, cv::CMP_GE);
        saturated_ = cv::countNonZero(full_);
        cv::Mat bytes(dark_.size(), CV_8U, out);
        const double scale = 255.0 / (ChainTables::kHigh - ChainTables::kLow);
        even_.convertTo(bytes, CV_8U, scale, -ChainTables::kLow * scale);
    }

private:
    /** The mean of the four neighbours; fewer at an edge would change nothing in the time. */
    void replaceBad()
    {
        auto *pixels = reinterpret_cast<std::uint16_t *>(even_.data);
        const auto width = std::uint32_t(even_.cols);
        for (const std::uint32_t place : bad_) {
            if (place < width || place + width >= even_.total())
                continue;
            const unsigned sum = unsigned{pixels[place - 1]} + pixels[place + 1] + pixels[place - width] +
                                 pixels[place + width];
            pixels[place] = std::uint16_t((sum + 2) / 4);
        }
    }

    std::vector<std::uint32_t> bad_;
    cv::Mat dark_, gain_, unpacked_, light_, even_, full_;
    bool integer_;
    cv::Scalar mean_, deviation_;
    double least_ = 0, most_ = 0;
    int saturated_ = 0;
};

} // namespace

bool opencvLeg(const std::string &what, const Options &options, Report &report)
{
    if (what != "opencv-chain")
        return false;
    cv::setNumThreads(1);
    const bool packed = options.text("packing", "mono12p") == "mono12p";
    const Frames frames(options, packed ? 1.5 : 2, 2);
    const std::size_t bytes = frames.pixels() * (packed ? 3 : 4) / 2;
    const Memory in(frames.count * bytes), out(frames.count * frames.pixels());
    fillPixels(in, packed ? 16 : 12);
    std::memset(out.data(), 1, out.bytes());
    OpencvChain chain(ChainTables(frames.width, frames.height), options.text("gain", "float") == "integer");
    runUndisturbed();
    pinTo(0);
    const double ns = leastNsPerFrame(options, frames.count, [&](std::size_t i) {
        chain.process(in.data() + i * bytes, packed, out.data() + i * frames.pixels());
    });
    reportFrames(report, ns, frames, double(bytes), 1);
    return true;
}

} // namespace bench

#else

namespace bench {

bool opencvLeg(const std::string &, const Options &, Report &)
{
    return false;
}

} // namespace bench

#endif
