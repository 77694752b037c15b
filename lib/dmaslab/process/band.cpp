// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/process/band.h"

#include <algorithm>
#include <cstring>

namespace dmaslab {

namespace {

constexpr std::size_t kNoRow = ~std::size_t{0};

Pixels8 bytesOf(const FramePlanes &planes, std::size_t first, std::size_t rows, std::size_t width)
{
    return {planes.out + std::ptrdiff_t(first) * planes.outStride, planes.outStride, width, rows};
}

} // namespace

Band::Band(const Plan &plan, std::size_t begin, std::size_t end)
    : plan_(plan), begin_(begin), end_(end), splitRow_(kNoRow)
{
    const std::size_t block = plan.chunkRows * plan.geometry.bin * plan.sourceColumns;
    // One place would do for steps that work pixel by pixel; those that move pixels need another.
    if (plan.moves.size() > 1 || (plan.moves.size() == 1 && !plan.writes)) {
        for (auto &scratch : scratch_)
            scratch.resize(block);
    }
    if (plan.settings.histogram)
        histogram.resize(ResultLayout::kHistogramBins);
    const RoiGrid &roi = plan.settings.roi;
    const bool inGrid = begin > roi.y && begin < roi.y + std::size_t{roi.height} * roi.rows;
    if (plan.settings.roiMode != RoiMode::None && inGrid && (begin - roi.y) % roi.height != 0) {
        splitRow_ = (begin - roi.y) / roi.height;
        if (plan.settings.roiMode == RoiMode::Centroid)
            splitMoments_.resize(roi.columns);
        else
            splitSums_.resize(roi.columns);
    }
}

void Band::run(const FrameWork &work)
{
    sums = {};
    changed = saturated = 0;
    std::fill(histogram.begin(), histogram.end(), 0u);
    std::fill(splitSums_.begin(), splitSums_.end(), std::uint64_t{0});
    std::fill(splitMoments_.begin(), splitMoments_.end(), RoiMoments{});
    for (std::size_t first = begin_; first < end_;) {
        const std::size_t last = plan_.chunkEnd(first, end_);
        chunk(work, first, last - first);
        first = last;
    }
}

std::pair<std::uint32_t, std::uint32_t> Band::sourceRows() const
{
    const PixelRect &part = plan_.geometry.source;
    const auto begin = std::uint32_t(begin_ * plan_.geometry.bin),
               end = std::uint32_t(end_ * plan_.geometry.bin);
    if (plan_.geometry.upsideDown)
        return {part.y + part.height - end, part.y + part.height - begin};
    return {part.y + begin, part.y + end};
}

void Band::mergeInto(const FrameWork &work) const
{
    if (splitRow_ == kNoRow)
        return;
    const std::size_t at = splitRow_ * plan_.settings.roi.columns;
    for (std::size_t i = 0; i < splitSums_.size(); ++i)
        work.roiSums[at + i] += splitSums_[i];
    for (std::size_t i = 0; i < splitMoments_.size(); ++i)
        work.roiMoments[at + i].add(splitMoments_[i]);
}

void Band::chunk(const FrameWork &work, std::size_t first, std::size_t rows)
{
    if (plan_.moves.empty() && plan_.input.packing == PixelPacking::Mono8) {
        measureBytes(work.planes, first, rows);
        return;
    }
    mutable_ = {};
    if (plan_.input.packing == PixelPacking::Mono16) {
        now_ = source<std::uint16_t>(work.planes, first, rows);
        countSaturated();
    }
    for (std::size_t step = 0; step < plan_.moves.size(); ++step)
        takeStep(work, first, rows, step);
    if (plan_.measureBefore == plan_.moves.size())
        measure(work, first, rows);
}

void Band::takeStep(const FrameWork &work, std::size_t first, std::size_t rows, std::size_t step)
{
    if (step == plan_.measureBefore)
        measure(work, first, rows);
    move(plan_.moves[step], step + 1 == plan_.moves.size(), work, first, rows);
    if (plan_.moves[step] == Move::Unpack)
        countSaturated();
    if (step == plan_.patchAfter && !plan_.tables.badPixels.empty())
        patch(work, first, rows * plan_.geometry.bin);
}

/** Pixels as the camera sent them, bad ones too. */
void Band::countSaturated()
{
    if (plan_.saturationOfSource)
        saturated += plan_.kernels.statistics.atLeast(now_, plan_.input.fullScale());
}

/** The source of output rows, from the first column of a group. */
template <typename T>
Rows<const T> Band::source(const FramePlanes &planes, std::size_t first, std::size_t rows) const
{
    const Geometry &geometry = plan_.geometry;
    const std::uint8_t *data = planes.in + std::ptrdiff_t(plan_.sourceRow(first)) * planes.inStride +
                               bytesOfPixels(plan_.input.packing, geometry.source.x - plan_.skippedColumns);
    return {reinterpret_cast<const T *>(data), plan_.sourceStride(planes.inStride), geometry.source.width,
            rows * geometry.bin};
}

/** Where a step writes: the frame that goes out if it is the last, a place in the cache if not. */
Pixels16 Band::target(bool last, const FrameWork &work, std::size_t first, std::size_t rows,
                      std::size_t width)
{
    if (last && plan_.writes)
        return {reinterpret_cast<std::uint16_t *>(work.planes.out +
                                                  std::ptrdiff_t(first) * work.planes.outStride),
                work.planes.outStride, width, rows};
    std::vector<std::uint16_t> &place = scratch_[nextScratch_];
    nextScratch_ ^= 1;
    return {place.data(), std::ptrdiff_t(width * sizeof(std::uint16_t)), width, rows};
}

void Band::move(Move step, bool last, const FrameWork &work, std::size_t first, std::size_t rows)
{
    const Geometry &geometry = plan_.geometry;
    const KernelSet &kernels = plan_.kernels;
    const Store store = last ? plan_.store : Store::Cached;
    const auto bytes = [&] { return bytesOf(work.planes, first, rows, geometry.width); };
    const auto place = [&](std::size_t rowCount, std::size_t width) {
        mutable_ = target(last, work, first, rowCount, width);
        return mutable_;
    };
    switch (step) {
    case Move::Unpack: {
        const auto packed = source<std::uint8_t>(work.planes, first, rows);
        kernels.unpack.of(plan_.input.packing)(packed, place(packed.rows, plan_.sourceColumns), store);
        mutable_.data += plan_.skippedColumns;
        mutable_.width -= plan_.skippedColumns;
        break;
    }
    case Move::Copy: {
        const Pixels16 to = place(now_.rows, now_.width);
        for (std::size_t y = 0; to.data != now_.data && y < now_.rows; ++y)
            std::memcpy(to.row(y), now_.row(y), now_.width * sizeof(std::uint16_t));
        break;
    }
    case Move::Calibrate:
        kernels.calibrate.calibrate(now_, place(now_.rows, now_.width), tablesFor(first, now_.rows), store);
        break;
    case Move::Bin:
        (geometry.bin == 2 ? kernels.bin.by2 : kernels.bin.by4)(now_, place(rows, geometry.width),
                                                                plan_.settings.binMode, store);
        break;
    case Move::Mirror:
        kernels.tone.mirror(now_, place(rows, geometry.width));
        break;
    case Move::ZeroBelow:
        kernels.tone.zeroBelow(now_, place(rows, geometry.width), plan_.settings.threshold, store);
        break;
    case Move::LookUp16:
        kernels.tone.lookUp16(now_, place(rows, geometry.width), plan_.tables.lut16.data(),
                              plan_.tables.lut16.size());
        break;
    // These end in bytes, and so end the way of a chunk.
    case Move::Window:
        kernels.tone.window(now_, bytes(), *work.window, store);
        return;
    case Move::Narrow:
        kernels.tone.narrow(now_, bytes(), store);
        return;
    case Move::LookUp8:
        kernels.tone.lookUp8(now_, bytes(), plan_.tables.lut8.data(), plan_.tables.lut8.size());
        return;
    }
    now_ = mutable_.asConst();
}

/** Dark and gain of the source's pixels. */
Calibration Band::tablesFor(std::size_t first, std::size_t rows) const
{
    Calibration tables = plan_.calibration;
    for (ConstPixels16 *table : {&tables.dark, &tables.gain}) {
        if (table->data)
            *table = {table->row(plan_.sourceRow(first)) + plan_.geometry.source.x,
                      plan_.sourceStride(table->stride), now_.width, rows};
    }
    return tables;
}

/** Bad pixels of source rows, which lie in `mutable_` in the order of the output. */
void Band::patch(const FrameWork &work, std::size_t first, std::size_t rows)
{
    const PixelRect &part = plan_.geometry.source;
    const BadPixels &bad = plan_.tables.badPixels;
    const std::ptrdiff_t direction = plan_.sourceStride(1);
    auto row = std::ptrdiff_t(plan_.sourceRow(first));
    for (std::size_t y = 0; y < rows; ++y, row += direction) {
        std::uint16_t *pixels = mutable_.row(y);
        for (std::size_t i = bad.firstOf(std::uint32_t(row)); i < bad.endOf(std::uint32_t(row)); ++i) {
            const std::size_t column = bad.entries()[i].pixel % plan_.input.width;
            if (column >= part.x && column < part.x + part.width)
                pixels[column - part.x] = work.replacements[i];
        }
    }
}

void Band::measureBytes(const FramePlanes &planes, std::size_t first, std::size_t rows)
{
    if (!plan_.settings.statistics)
        return;
    const std::uint8_t *data = planes.in + std::ptrdiff_t(first) * planes.inStride;
    plan_.kernels.statistics.sums8({data, planes.inStride, plan_.input.width, rows}, 255, sums);
}

void Band::measure(const FrameWork &work, std::size_t first, std::size_t rows)
{
    const ProcessSettings &settings = plan_.settings;
    const StatisticsKernels &statistics = plan_.kernels.statistics;
    if (settings.statistics)
        statistics.sums16(now_, std::uint16_t((1u << plan_.measuredBits) - 1), sums);
    if (settings.histogram)
        statistics.histogram(now_, plan_.measuredBits - 8, histogram);
    if (settings.motion != 0) {
        const Pixels16 before{work.before + first * plan_.geometry.width,
                              std::ptrdiff_t(plan_.geometry.width * sizeof(std::uint16_t)),
                              plan_.geometry.width, rows};
        changed += statistics.changed(now_, before, std::uint16_t(settings.motion));
    }
    if (work.autoWindow)
        work.autoWindow->look(now_, first);
    if (settings.roiMode != RoiMode::None)
        measureGrid(work, first, rows);
}

void Band::measureGrid(const FrameWork &work, std::size_t first, std::size_t rows)
{
    const RoiGrid &roi = plan_.settings.roi;
    const RoiRow columns{roi.x, roi.width, roi.columns};
    const std::size_t gridEnd = roi.y + std::size_t{roi.height} * roi.rows;
    const std::size_t end = std::min(first + rows, gridEnd);
    for (std::size_t y = std::max<std::size_t>(first, roi.y); y < end;) {
        const std::size_t row = (y - roi.y) / roi.height;
        const std::size_t firstRow = (y - roi.y) % roi.height;
        const std::size_t count = std::min(roi.height - firstRow, end - y);
        const ConstPixels16 part = now_.part(y - first, count);
        const bool split = row == splitRow_;
        if (plan_.settings.roiMode == RoiMode::Centroid)
            plan_.kernels.roi.moments(part, columns, firstRow, plan_.settings.roiThreshold,
                                      split ? splitMoments_.data() : work.roiMoments + row * roi.columns);
        else
            plan_.kernels.roi.sums(part, columns,
                                   split ? splitSums_.data() : work.roiSums + row * roi.columns);
        y += count;
    }
}

} // namespace dmaslab
