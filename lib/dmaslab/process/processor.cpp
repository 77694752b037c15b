// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/process/processor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

namespace dmaslab {

namespace {

constexpr std::uint32_t kLeastRows = 8; ///< of a band: below, handing it over costs more than it

template <typename T>
void put(std::byte *record, std::size_t offset, T value)
{
    std::memcpy(record + offset, &value, sizeof(T));
}

/** One pixel as the camera sent it. */
std::uint16_t pixelOf(const FramePlanes &planes, PixelPacking packing, std::size_t x, std::size_t y)
{
    const std::uint8_t *row = planes.in + std::ptrdiff_t(y) * planes.inStride;
    if (packing == PixelPacking::Mono16)
        return reinterpret_cast<const std::uint16_t *>(row)[x];
    return packedPixel(packing, row, x);
}

tl::expected<void, Error> checkSettings(const ProcessSettings &settings)
{
    if (settings.bin != 1 && settings.bin != 2 && settings.bin != 4)
        return fail(Errc::InvalidArgument, "bin=" + std::to_string(settings.bin) + ": give 1, 2 or 4");
    if (settings.window == WindowMode::Fixed && settings.windowHigh <= settings.windowLow)
        return fail(Errc::InvalidArgument, "window=\"" + std::to_string(settings.windowLow) + "," +
                                               std::to_string(settings.windowHigh) +
                                               "\": the second value must be above the first");
    if (settings.window != WindowMode::None && !settings.lut.empty())
        return fail(Errc::InvalidArgument, "window and lut both make the output's values; set one of them");
    if (settings.motion > 0xFFFF)
        return fail(Errc::InvalidArgument, "motion=" + std::to_string(settings.motion) +
                                               ": pixels have 16 bits; give at most 65535");
    if (!settings.reference.empty() && settings.roiMode != RoiMode::Centroid)
        return fail(Errc::InvalidArgument,
                    "reference is about centres of gravity; set roi-mode=centroid too");
    return {};
}

} // namespace

Result<std::unique_ptr<FrameProcessor>> FrameProcessor::make(const PictureFormat &input,
                                                             const ProcessSettings &settings)
try {
    if (const auto checked = checkSettings(settings); !checked)
        return tl::unexpected(checked.error());
    const auto geometry = geometryOf(input, settings);
    if (!geometry)
        return tl::unexpected(geometry.error());
    OccupancyThreshold occupancy;
    if (settings.roiMode == RoiMode::Occupancy) {
        const auto found =
            occupancyThreshold(settings.lambdaOccupied, settings.lambdaEmpty, settings.fpTarget);
        if (!found)
            return tl::unexpected(found.error());
        occupancy = *found;
    }
    auto tables = loadTables(input, settings);
    if (!tables)
        return tl::unexpected(tables.error());
    auto plan = std::make_unique<const Plan>(input, settings, *geometry, std::move(*tables));
    std::unique_ptr<BandTeam> team;
    const std::uint32_t threads = std::min(settings.threads, std::max(1u, plan->output.height / kLeastRows));
    if (threads > 1) {
        auto started = BandTeam::start(threads);
        if (!started)
            return tl::unexpected(started.error());
        team = std::move(*started);
    }
    return std::unique_ptr<FrameProcessor>(new FrameProcessor(std::move(plan), occupancy, std::move(team)));
} catch (const std::bad_alloc &) {
    return failNoMemory("proc: no memory");
}

FrameProcessor::FrameProcessor(std::unique_ptr<const Plan> plan, OccupancyThreshold occupancy,
                               std::unique_ptr<BandTeam> team)
    : plan_(std::move(plan)), occupancy_(occupancy), team_(std::move(team)),
      window_(plan_->settings.windowLow, plan_->settings.windowHigh),
      replacements_(plan_->tables.badPixels.entries().size())
{
    const ProcessSettings &settings = plan_->settings;
    const std::size_t rows = plan_->geometry.height;
    const std::size_t count = team_ ? team_->size() : 1;
    bands_.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        bands_.emplace_back(*plan_, rows * i / count, rows * (i + 1) / count);
    if (settings.window == WindowMode::Auto)
        autoWindow_ = std::make_unique<AutoWindow>(plan_->geometry.width, rows,
                                                   std::uint16_t((1u << plan_->measuredBits) - 1));
    if (settings.motion != 0)
        before_.resize(rows * plan_->geometry.width);
    if (settings.roiMode == RoiMode::Centroid)
        moments_.resize(settings.roi.count());
    else if (settings.roiMode != RoiMode::None)
        sums_.resize(settings.roi.count());
}

void FrameProcessor::process(const FramePlanes &planes, std::span<std::byte> record)
{
    std::fill(sums_.begin(), sums_.end(), std::uint64_t{0});
    std::fill(moments_.begin(), moments_.end(), RoiMoments{});
    const ToneWindow window = autoWindow_ ? autoWindow_->now() : window_;
    const FrameWork work{planes,         &window,      autoWindow_.get(), replacements_.data(),
                         before_.data(), sums_.data(), moments_.data()};
    // In place, a neighbour in another band might no longer be what the camera sent: all of them first.
    const bool apart = !replacements_.empty() && team_ && planes.out == planes.in;
    if (apart)
        team_->run([&](unsigned index) { replaceBadPixels(planes, bands_[index]); });
    auto runBand = [&](unsigned index) {
        if (!replacements_.empty() && !apart)
            replaceBadPixels(planes, bands_[index]);
        bands_[index].run(work);
    };
    if (team_)
        team_->run(runBand);
    else
        runBand(0);
    for (const Band &band : bands_)
        band.mergeInto(work);
    if (autoWindow_)
        autoWindow_->next();
    if (!record.empty())
        fill(record, window);
    isFirst_ = false;
}

/** Of the rows that a band reads, before it writes. */
void FrameProcessor::replaceBadPixels(const FramePlanes &planes, const Band &band)
{
    const ProcessTables &tables = plan_->tables;
    const auto width = std::int64_t(plan_->input.width);
    const auto one = std::uint16_t(1u << tables.gainShift);
    const auto [firstRow, endRow] = band.sourceRows();
    for (std::uint32_t y = firstRow; y < endRow; ++y) {
        for (std::size_t i = tables.badPixels.firstOf(y); i < tables.badPixels.endOf(y); ++i) {
            const BadPixels::Entry &entry = tables.badPixels.entries()[i];
            const std::int64_t x = entry.pixel - y * width;
            std::uint32_t sum = 0;
            for (std::uint32_t k = 0; k < entry.neighbours; ++k) {
                const PixelIndex from = entry.from[k];
                // In the same row, or some rows away in the same column: no division in the usual cases.
                const std::int64_t away = std::int64_t(from) - entry.pixel;
                const bool inRow = away < width && away > -width;
                const std::int64_t rows = inRow ? 0 : away == width ? 1 : away == -width ? -1 : away / width;
                const std::uint16_t raw = pixelOf(planes, plan_->input.packing,
                                                  std::size_t(inRow ? x + away : x), std::size_t(y + rows));
                sum += calibrated(raw, tables.dark.empty() ? std::uint16_t{0} : tables.dark[from],
                                  tables.gain.empty() ? one : tables.gain[from], tables.gainShift);
            }
            const std::uint32_t count = entry.neighbours;
            // By 4 mostly, and by a number that the compiler knows.
            replacements_[i] = std::uint16_t(count == 4 ? (sum + 2) / 4 : (sum + count / 2) / count);
        }
    }
}

void FrameProcessor::fill(std::span<std::byte> record, const ToneWindow &window)
{
    const ResultLayout &layout = plan_->results;
    std::byte *const to = record.data();
    if (layout.mean != ResultLayout::kAbsent)
        fillStatistics(to);
    if (layout.changed != ResultLayout::kAbsent) {
        std::uint64_t changed = 0;
        for (const Band &band : bands_)
            changed += band.changed;
        put(to, layout.changed, isFirst_ ? std::uint64_t{0} : changed);
    }
    if (layout.histogram != ResultLayout::kAbsent) {
        for (std::size_t bin = 0; bin < ResultLayout::kHistogramBins; ++bin) {
            std::uint32_t count = 0;
            for (const Band &band : bands_)
                count += band.histogram[bin];
            put(to, layout.histogram + bin * sizeof(count), count);
        }
    }
    if (layout.windowLow != ResultLayout::kAbsent) {
        put(to, layout.windowLow, window.low());
        put(to, layout.windowHigh, std::uint16_t(window.low() + window.range()));
    }
    if (layout.sums != ResultLayout::kAbsent)
        fillGrid(to);
}

void FrameProcessor::fillStatistics(std::byte *record)
{
    const ResultLayout &layout = plan_->results;
    PixelSums sums;
    std::uint64_t saturated = 0;
    for (const Band &band : bands_) {
        sums.add(band.sums);
        saturated += band.saturated;
    }
    put(record, layout.min, sums.min);
    put(record, layout.max, sums.max);
    put(record, layout.mean, sums.mean());
    put(record, layout.variance, sums.variance());
    put(record, layout.brightness, sums.mean() / double((1u << plan_->measuredBits) - 1));
    put(record, layout.saturated, plan_->saturationOfSource ? saturated : sums.saturated);
}

void FrameProcessor::fillGrid(std::byte *record)
{
    const ResultLayout &layout = plan_->results;
    if (plan_->settings.roiMode != RoiMode::Centroid) {
        std::memcpy(record + layout.sums, sums_.data(), sums_.size() * sizeof(sums_[0]));
        if (layout.occupied == ResultLayout::kAbsent)
            return;
        // By values of its own: a byte that is written may be anything, also what the loop runs on.
        const std::uint64_t *const sums = sums_.data();
        const std::uint64_t counts = occupancy_.counts;
        auto *const occupied = reinterpret_cast<std::uint8_t *>(record + layout.occupied);
        for (std::size_t i = 0, count = sums_.size(); i < count; ++i)
            occupied[i] = std::uint8_t(sums[i] >= counts);
        return;
    }
    const RoiGrid &roi = plan_->settings.roi;
    const auto &reference = plan_->tables.reference;
    const double centreX = (roi.width - 1) / 2.0, centreY = (roi.height - 1) / 2.0;
    for (std::size_t i = 0; i < moments_.size(); ++i) {
        const RoiMoments &light = moments_[i];
        const ReferenceOffset expected = reference.empty() ? ReferenceOffset{} : reference[i];
        float x = std::numeric_limits<float>::quiet_NaN(), y = x; // no light, no centre
        if (light.sum != 0) {
            const double scale = 1.0 / double(light.sum);
            x = float(double(light.x) * scale - centreX - expected.x);
            y = float(double(light.y) * scale - centreY - expected.y);
        }
        put(record, layout.sums + i * 8, light.sum);
        put(record, layout.x + i * 4, x);
        put(record, layout.y + i * 4, y);
    }
}

} // namespace dmaslab
