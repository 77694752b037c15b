// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/process/plan.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace dmaslab {

namespace {

/** Of a block between two steps: it and another like it stay in the first-level cache of any CPU since 2010.
 */
constexpr std::size_t kBlockBytes = 12 * 1024;
/** Rows of a grid are kept whole up to this size of a block; beyond, adding them up in parts is cheaper. */
constexpr std::size_t kGridBlockBytes = 32 * 1024;
/** A picture that is larger will have left the second-level cache before anybody reads its first row. */
constexpr std::size_t kStreamingBytes = std::size_t{4} << 20;

/** How many bits the pixels that are measured have; they have not been cut to a format's size yet. */
unsigned measuredBitsOf(const PictureFormat &input, const ProcessSettings &settings)
{
    if (!settings.flat.empty())
        return 16; // a gain may give any value
    const bool sums = settings.bin > 1 && settings.binMode == BinMode::Sum;
    return std::min(16u, input.significantBits + (sums ? 2 * unsigned(std::countr_zero(settings.bin)) : 0));
}

} // namespace

Plan::Plan(const PictureFormat &inputFormat, const ProcessSettings &wanted, const Geometry &where,
           ProcessTables loaded)
    : input(inputFormat), output(outputOf(inputFormat, wanted, where, !loaded.lut8.empty())),
      settings(wanted), geometry(where), tables(std::move(loaded)), calibration(tables.calibration(input)),
      kernels(wanted.simd), results(wanted),
      writes(changesPixels(inputFormat, wanted) || output != inputFormat)
{
    measuredBits = measuredBitsOf(input, settings);
    const bool calibrates = !tables.dark.empty() || !tables.gain.empty();
    saturationOfSource = settings.statistics && (calibrates || !tables.badPixels.empty() ||
                                                 geometry.bin > 1 || settings.threshold != 0);
    const bool samePlaces = output.width == input.width && output.height == input.height &&
                            !geometry.upsideDown && !geometry.mirrored;
    inPlace = writes && samePlaces && output.packing == input.packing;
    skippedColumns = geometry.source.x % pixelsPerGroup(input.packing);
    sourceColumns = skippedColumns + geometry.source.width;
    planMoves();
    planChunks();
}

void Plan::planMoves()
{
    const bool packed = input.packing != PixelPacking::Mono16;
    const bool calibrates = !tables.dark.empty() || !tables.gain.empty();
    const bool needs16 =
        writes || settings.histogram || settings.motion != 0 || settings.roiMode != RoiMode::None;
    if (packed && (needs16 || (settings.statistics && input.packing != PixelPacking::Mono8)))
        moves.push_back(Move::Unpack);
    else if (!packed && !calibrates && !tables.badPixels.empty())
        moves.push_back(Move::Copy); // the frame itself may be somebody else's, too
    if (calibrates)
        moves.push_back(Move::Calibrate);
    patchAfter = moves.empty() ? 0 : moves.size() - 1;
    if (geometry.bin > 1)
        moves.push_back(Move::Bin);
    if (geometry.mirrored)
        moves.push_back(Move::Mirror);
    if (settings.threshold != 0)
        moves.push_back(Move::ZeroBelow);
    measureBefore = moves.size();
    if (!tables.lut16.empty())
        moves.push_back(Move::LookUp16);
    if (!tables.lut8.empty())
        moves.push_back(Move::LookUp8);
    else if (settings.window != WindowMode::None)
        moves.push_back(Move::Window);
    else if (writes && output.packing == PixelPacking::Mono8)
        moves.push_back(Move::Narrow);
    // Only other rows or columns than the input's; unpacked ones may begin before those that are wanted.
    if (writes && (moves.empty() || (moves.size() == 1 && moves[0] == Move::Unpack && skippedColumns != 0))) {
        moves.push_back(Move::Copy);
        measureBefore = moves.size();
    }
}

void Plan::planChunks()
{
    const std::size_t bytesPerPixel = output.packing == PixelPacking::Mono8 ? 1 : 2;
    const bool readAgain = settings.measures() && measureBefore == moves.size();
    const bool large = output.height * std::size_t{output.width} * bytesPerPixel > kStreamingBytes;
    store = large && !readAgain ? Store::Streaming : Store::Cached;

    const unsigned measures = unsigned(settings.statistics) + unsigned(settings.histogram) +
                              unsigned(settings.motion != 0) + unsigned(settings.roiMode != RoiMode::None);
    const std::size_t rowBytes = sourceColumns * sizeof(std::uint16_t) * geometry.bin;
    if (moves.size() + measures <= 1) { // nothing comes after that could find the block in the cache
        chunkRows = output.height;
        return;
    }
    chunkRows = std::max<std::size_t>(1, (moves.empty() ? kGridBlockBytes : kBlockBytes) / rowBytes);
    if (settings.roiMode != RoiMode::None && rowBytes * settings.roi.height <= kGridBlockBytes)
        chunkRows = std::max<std::size_t>(chunkRows, settings.roi.height);
}

std::size_t Plan::chunkEnd(std::size_t first, std::size_t end) const
{
    const std::size_t last = std::min(end, first + chunkRows);
    if (settings.roiMode == RoiMode::None || last == end || last <= settings.roi.y)
        return last;
    const std::size_t line =
        settings.roi.y + (last - settings.roi.y) / settings.roi.height * settings.roi.height;
    return line > first ? line : last;
}

} // namespace dmaslab
