// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/process/auto_window.h"

#include <algorithm>

namespace dmaslab {

namespace {

std::size_t steps(std::size_t length, std::size_t step)
{
    return (length + step - 1) / step;
}

} // namespace

AutoWindow::AutoWindow(std::size_t width, std::size_t height, std::uint16_t fullScale)
    : columnStep_(steps(width, kPerSide)), rowStep_(steps(height, kPerSide)),
      perRow_(steps(width, columnStep_)), samples_(perRow_ * steps(height, rowStep_)),
      sorted_(samples_.size()), window_(0, fullScale)
{
}

void AutoWindow::look(ConstPixels16 rows, std::size_t firstRow)
{
    for (std::size_t y = steps(firstRow, rowStep_) * rowStep_; y < firstRow + rows.rows; y += rowStep_) {
        const std::uint16_t *pixels = rows.row(y - firstRow);
        std::uint16_t *sample = samples_.data() + y / rowStep_ * perRow_;
        for (std::size_t x = 0; x < rows.width; x += columnStep_)
            *sample++ = pixels[x];
    }
}

void AutoWindow::next()
{
    sorted_ = samples_;
    const auto low = sorted_.begin() + std::ptrdiff_t(sorted_.size() / 200);
    const auto high = sorted_.end() - 1 - std::ptrdiff_t(sorted_.size() / 200);
    std::nth_element(sorted_.begin(), low, sorted_.end());
    const std::uint16_t lowest = *low;
    std::nth_element(low, high, sorted_.end());
    window_ = ToneWindow(lowest, *high);
}

} // namespace dmaslab
