// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dmaslab/process/formats.h"
#include "dmaslab/process/result_layout.h"
#include "dmaslab/process/tables.h"
#include "dmaslab/simd/roi.h"
#include "dmaslab/simd/statistics.h"
#include "dmaslab/simd/tone.h"

namespace dmaslab {

/** A step that carries a block of pixels from one place to another; the others work where the block lies. */
enum class Move : std::uint8_t
{
    Unpack,
    Copy,
    Calibrate,
    Bin,
    Mirror,
    ZeroBelow,
    LookUp16,
    Window,
    Narrow,
    LookUp8,
};

/** The kernels of one level. */
struct KernelSet
{
    explicit KernelSet(SimdLevel level)
        : level(bestSimdLevel(level)), unpack(unpackKernels(level)), calibrate(calibrateKernels(level)),
          bin(binKernels(level)), tone(toneKernels(level)), statistics(statisticsKernels(level)),
          roi(roiKernels(level))
    {
    }

    SimdLevel level;
    const UnpackKernels &unpack;
    const CalibrateKernels &calibrate;
    const BinKernels &bin;
    const ToneKernels &tone;
    const StatisticsKernels &statistics;
    const RoiKernels &roi;
};

/** All that is decided before the first frame. */
struct Plan
{
    /** Settings that have been checked against the input, and tables that fit it. */
    Plan(const PictureFormat &input, const ProcessSettings &settings, const Geometry &geometry,
         ProcessTables tables);

    PictureFormat input, output;
    ProcessSettings settings;
    Geometry geometry;
    ProcessTables tables;
    Calibration calibration;
    KernelSet kernels;
    ResultLayout results;

    bool writes;  ///< pixels come out that are not the input's
    bool inPlace; ///< and may be written where the input lies
    std::vector<Move> moves;
    std::size_t measureBefore = 0; ///< which move: up to there pixels are what results are about
    std::size_t patchAfter = 0;    ///< which move leaves pixels among which bad ones can be replaced
    unsigned measuredBits;
    bool saturationOfSource;    ///< the pixels that are measured no longer tell whether the sensor was full
    Store store;                ///< of the last move
    std::size_t skippedColumns; ///< from where a group of packed pixels begins to the first that is wanted
    std::size_t sourceColumns;  ///< what is unpacked of a row
    std::size_t chunkRows;      ///< of output

    /** Input rows that become output rows, in the order of the output: the stride goes up if that is upside
     * down. */
    [[nodiscard]] std::size_t sourceRow(std::size_t outputRow) const
    {
        const std::size_t row = outputRow * geometry.bin;
        return geometry.upsideDown ? geometry.source.y + geometry.source.height - 1 - row
                                   : geometry.source.y + row;
    }
    [[nodiscard]] std::ptrdiff_t sourceStride(std::ptrdiff_t stride) const
    {
        return geometry.upsideDown ? -stride : stride;
    }

    /** Where the chunk that begins at an output row ends: small enough for the caches, and with the grid. */
    [[nodiscard]] std::size_t chunkEnd(std::size_t first, std::size_t end) const;

private:
    void planMoves();
    void planChunks();
};

} // namespace dmaslab
