// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dmaslab/error.h"
#include "dmaslab/export.h"

namespace dmaslab {

/** A pixel by its place in the row-by-row order of the input. */
using PixelIndex = std::uint32_t;

/**
 * Pixels that are replaced by the mean of the nearest good ones in their own row and column: those at the
 * least distance, up to four. So a dead row is filled from above and below and a dead column from the sides.
 */
class DMASLAB_EXPORT BadPixels
{
public:
    static constexpr std::size_t kMaxNeighbours = 4;

    struct Entry
    {
        PixelIndex pixel = 0;
        std::uint32_t neighbours = 0; ///< how many of them
        PixelIndex from[kMaxNeighbours] = {};
    };

    BadPixels() = default;
    /** @p bad in any order, repeats allowed. An error when a pixel has no good one in its row and column. */
    [[nodiscard]] static Result<BadPixels> make(std::vector<PixelIndex> bad, std::uint32_t width,
                                                std::uint32_t height);

    [[nodiscard]] bool empty() const { return entries_.empty(); }
    [[nodiscard]] std::span<const Entry> entries() const { return entries_; }
    /** Positions in entries() of those in one row. */
    [[nodiscard]] std::size_t firstOf(std::uint32_t row) const { return firstOfRow_[row]; }
    [[nodiscard]] std::size_t endOf(std::uint32_t row) const { return firstOfRow_[row + 1]; }
    [[nodiscard]] bool contains(PixelIndex pixel) const;

private:
    std::vector<Entry> entries_; ///< by pixel
    std::vector<std::uint32_t> firstOfRow_;
};

} // namespace dmaslab
