// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "dmaslab/process/auto_window.h"
#include "dmaslab/process/plan.h"

namespace dmaslab {

/** A frame where it lies. */
struct FramePlanes
{
    const std::uint8_t *in = nullptr;
    std::ptrdiff_t inStride = 0;
    std::uint8_t *out = nullptr; ///< null when no pixels are wanted
    std::ptrdiff_t outStride = 0;
};

/** What all bands of a frame share; each writes only what belongs to its own rows. */
struct FrameWork
{
    FramePlanes planes;
    const ToneWindow *window = nullptr;
    AutoWindow *autoWindow = nullptr;
    const std::uint16_t *replacements = nullptr; ///< for each entry of the bad pixels
    std::uint16_t *before = nullptr;             ///< the picture that motion compares with
    std::uint64_t *roiSums = nullptr;            ///< one per rectangle, or
    RoiMoments *roiMoments = nullptr;
};

/**
 * Some rows of the output and all that leads to them. A band takes its rows in chunks that stay in the cache
 * from the first step to the last, so that memory is crossed once however many steps there are.
 */
class DMASLAB_EXPORT Band
{
public:
    Band(const Plan &plan, std::size_t begin, std::size_t end);

    void run(const FrameWork &work);

    /** The rows of the input that it reads, from the first to before the last. */
    [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> sourceRows() const;

    /** Of the last run. */
    PixelSums sums;
    std::vector<std::uint32_t> histogram;
    std::uint64_t changed = 0;
    std::uint64_t saturated = 0; ///< where the source tells
    /** What rows of a rectangle that begins in the band above add to it; added by mergeInto(). */
    void mergeInto(const FrameWork &work) const;

private:
    void chunk(const FrameWork &work, std::size_t first, std::size_t rows);
    void takeStep(const FrameWork &work, std::size_t first, std::size_t rows, std::size_t step);
    void countSaturated();
    template <typename T>
    [[nodiscard]] Rows<const T> source(const FramePlanes &planes, std::size_t first, std::size_t rows) const;
    void move(Move step, bool last, const FrameWork &work, std::size_t first, std::size_t rows);
    [[nodiscard]] Pixels16 target(bool last, const FrameWork &work, std::size_t first, std::size_t rows,
                                  std::size_t width);
    [[nodiscard]] Calibration tablesFor(std::size_t first, std::size_t rows) const;
    void patch(const FrameWork &work, std::size_t first, std::size_t rows);
    void measure(const FrameWork &work, std::size_t first, std::size_t rows);
    void measureGrid(const FrameWork &work, std::size_t first, std::size_t rows);
    void measureBytes(const FramePlanes &planes, std::size_t first, std::size_t rows);

    const Plan &plan_;
    const std::size_t begin_, end_;
    std::vector<std::uint16_t> scratch_[2];
    unsigned nextScratch_ = 0;
    ConstPixels16 now_;    ///< the pixels as far as the steps have come
    Pixels16 mutable_;     ///< the same where we may write them; data is null where we may not
    std::size_t splitRow_; ///< a row of the grid that the band above has begun, or none
    std::vector<std::uint64_t> splitSums_;
    std::vector<RoiMoments> splitMoments_;
};

} // namespace dmaslab
