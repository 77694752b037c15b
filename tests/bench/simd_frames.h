// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames for the pixel kernels, either one that stays in the caches or so many in turn that none is there
// when its turn comes again.
//   width=N height=N place=cache|dram
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>

#include <sys/mman.h>

#include "bench/harness.h"
#include "dmaslab/simd/rows.h"

namespace bench {

/**
 * Anonymous memory in 2 MiB pages where the kernel gives them: all sides have the same pages, and where small
 * arrays lie in the caches does not depend on the page that each part of them was given.
 */
class Memory
{
public:
    explicit Memory(std::size_t bytes)
        : bytes_(bytes), mapped_((bytes + kHugePage - 1) / kHugePage * kHugePage + kHugePage)
    {
        map_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map_ == MAP_FAILED)
            giveUp("no memory for the frames");
        madvise(map_, mapped_, MADV_HUGEPAGE);
        const auto address = reinterpret_cast<std::uintptr_t>(map_);
        data_ = static_cast<std::uint8_t *>(map_) + (kHugePage - address % kHugePage) % kHugePage;
    }
    ~Memory() { munmap(map_, mapped_); }
    Memory(const Memory &) = delete;
    Memory &operator=(const Memory &) = delete;

    [[nodiscard]] std::uint8_t *data() const { return data_; }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

private:
    static constexpr std::size_t kHugePage = std::size_t{2} << 20;

    std::size_t bytes_, mapped_;
    void *map_;
    std::uint8_t *data_;
};

inline std::size_t lastLevelCacheBytes()
{
    std::size_t largest = std::size_t{32} << 20; // where the system does not tell
    for (int index = 0; index < 8; ++index) {
        std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/size");
        std::size_t size = 0;
        char unit = 0;
        if (file >> size >> unit)
            largest = std::max(largest, size << (unit == 'M' ? 20 : 10));
    }
    return largest;
}

inline std::size_t availableBytes()
{
    std::ifstream file("/proc/meminfo");
    std::string name, unit;
    for (std::size_t kib = 0; file >> name >> kib; std::getline(file, unit)) {
        if (name == "MemAvailable:")
            return kib << 10;
    }
    return std::size_t{1} << 30;
}

/** Frames of the size that the options name, taken in turn. */
struct Frames
{
    std::size_t width, height, count;

    /** @p bytesPerPixel of the smallest of the arrays that are walked, @p arrays of which are needed. */
    explicit Frames(const Options &options, double bytesPerPixel = 2, unsigned arrays = 1)
        : width(std::size_t(options.number("width", 640))),
          height(std::size_t(options.number("height", 480))), count(1)
    {
        if (options.text("place", "cache") != "dram")
            return;
        const double frame = double(width * height) * bytesPerPixel;
        const double wanted = 1.25 * double(lastLevelCacheBytes());
        const double most = 0.6 * double(availableBytes()) / (2 / bytesPerPixel * arrays);
        count = std::size_t(std::max(1.0, std::ceil(std::min(wanted, most) / frame)));
    }

    [[nodiscard]] std::size_t pixels() const { return width * height; }
    [[nodiscard]] dmaslab::Pixels16 of16(const Memory &memory, std::size_t index) const
    {
        auto *data = reinterpret_cast<std::uint16_t *>(memory.data()) + index * pixels();
        return {data, std::ptrdiff_t(width * 2), width, height};
    }
    [[nodiscard]] dmaslab::Pixels8 of8(const Memory &memory, std::size_t index) const
    {
        return {memory.data() + index * pixels(), std::ptrdiff_t(width), width, height};
    }
    /** 12-bit pixels, two in three bytes. */
    [[nodiscard]] dmaslab::Pixels8 packed(const Memory &memory, std::size_t index) const
    {
        const std::size_t row = width * 3 / 2;
        return {memory.data() + index * row * height, std::ptrdiff_t(row), row, height};
    }
};

/** Values that no branch predictor learns: `bits` of each 16-bit word. */
inline void fillPixels(const Memory &memory, unsigned bits)
{
    auto *words = reinterpret_cast<std::uint64_t *>(memory.data());
    const std::uint64_t mask = 0x0001000100010001 * ((1u << bits) - 1);
    std::uint64_t state = 0x9E3779B97F4A7C15;
    for (std::size_t i = 0; i < memory.bytes() / 8; ++i) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        words[i] = state & mask;
    }
}

/** The result of a loop that would otherwise not be needed. */
template <typename T>
inline void keep(const T &value)
{
    asm volatile("" : : "g"(&value) : "memory");
}

/**
 * Least ns per frame of many repetitions, each of which takes every frame in turn at least once.
 * `frame(index)` does one.
 */
template <typename Frame>
double leastNsPerFrame(const Options &options, std::size_t frames, Frame &&frame)
{
    const auto run = [&](std::size_t passes) {
        const auto start = nowNs();
        for (std::size_t pass = 0; pass < passes; ++pass) {
            for (std::size_t index = 0; index < frames; ++index)
                frame(index);
        }
        return nowNs() - start;
    };
    const int repetitions = int(options.number("repetitions", 15));
    const std::int64_t shortest = options.number("least-ms", 10) * 1'000'000;
    std::size_t passes = 1;
    std::int64_t took = run(passes);
    while (took < shortest) {
        passes = std::max(passes + 1,
                          std::size_t(double(passes) * std::min(8.0, 1.3 * double(shortest) / double(took))));
        took = run(passes);
    }
    double least = double(took);
    for (int i = 0; i < repetitions; ++i)
        least = std::min(least, double(run(passes)));
    return least / double(passes * frames);
}

/** @p bytes: of a frame as it comes. @p moved: bytes that cross the memory bus for each of them. */
inline void reportFrames(Report &report, double ns, const Frames &frames, double bytes, double moved)
{
    report.add("us_per_frame", ns / 1e3)
        .add("kfps", 1e6 / ns)
        .add("gb_per_s", bytes / ns)
        .add("moved_gb_per_s", moved * bytes / ns)
        .add("frames_in_turn", double(frames.count))
        .add("mb_in_turn", double(frames.count) * bytes / 1e6);
}

} // namespace bench
