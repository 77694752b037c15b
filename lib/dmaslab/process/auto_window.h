// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dmaslab/simd/rows.h"
#include "dmaslab/simd/tone.h"

namespace dmaslab {

/**
 * The window of the next frame: from where the darkest to where the brightest half percent of this one ends.
 * Looks at some 4000 pixels of a regular grid, each at a place of its own, so that parts of a frame may be
 * looked at by several threads and the outcome is the same.
 */
class AutoWindow
{
public:
    AutoWindow(std::size_t width, std::size_t height, std::uint16_t fullScale);

    /** Rows of the picture from @p firstRow on. */
    void look(ConstPixels16 rows, std::size_t firstRow);
    /** After all rows: changes now(). */
    void next();
    [[nodiscard]] const ToneWindow &now() const { return window_; }

private:
    static constexpr std::size_t kPerSide = 64;

    std::size_t columnStep_, rowStep_, perRow_;
    std::vector<std::uint16_t> samples_, sorted_;
    ToneWindow window_;
};

} // namespace dmaslab
