// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/process/result_layout.h"

#include <utility>

namespace dmaslab {

ResultLayout::ResultLayout(const ProcessSettings &settings)
{
    // Larger numbers first: then nothing needs padding but the end.
    sequence = add("sequence", "<u8", 8);
    pts = add("pts", "<u8", 8);
    if (settings.statistics) {
        mean = add("mean", "<f8", 8);
        variance = add("variance", "<f8", 8);
        brightness = add("brightness", "<f8", 8);
        saturated = add("saturated", "<u8", 8);
    }
    if (settings.motion != 0)
        changed = add("changed", "<u8", 8);
    const std::vector<std::uint32_t> grid{settings.roi.rows, settings.roi.columns};
    if (settings.roiMode != RoiMode::None)
        sums = add("sums", "<u8", 8, grid);
    if (settings.roiMode == RoiMode::Centroid) {
        x = add("x", "<f4", 4, grid);
        y = add("y", "<f4", 4, grid);
    }
    if (settings.histogram)
        histogram = add("histogram", "<u4", 4, {kHistogramBins});
    if (settings.statistics) {
        min = add("min", "<u2", 2);
        max = add("max", "<u2", 2);
    }
    if (settings.window == WindowMode::Auto) {
        windowLow = add("window_low", "<u2", 2);
        windowHigh = add("window_high", "<u2", 2);
    }
    if (settings.roiMode == RoiMode::Occupancy)
        occupied = add("occupied", "|u1", 1, grid);
    if (bytes_ % 8 != 0)
        add("reserved", "|u1", 1, {std::uint32_t(8 - bytes_ % 8)});
}

std::size_t ResultLayout::add(std::string name, std::string dtype, std::size_t size,
                              std::vector<std::uint32_t> shape)
{
    std::size_t count = 1;
    for (const std::uint32_t axis : shape)
        count *= axis;
    const std::size_t offset = bytes_;
    bytes_ += count * size;
    fields_.push_back({std::move(name), std::move(dtype), std::move(shape), offset});
    return offset;
}

std::string ResultLayout::descr() const
{
    std::string text = "[";
    for (const Field &field : fields_) {
        text += text.size() == 1 ? "('" : ", ('";
        text += field.name + "', '" + field.dtype + "'";
        if (!field.shape.empty()) {
            text += ", (";
            for (const std::uint32_t axis : field.shape)
                text += std::to_string(axis) + (field.shape.size() == 1 ? ",)" : ", ");
            if (field.shape.size() > 1)
                text.replace(text.size() - 2, 2, ")");
        }
        text += ")";
    }
    return text + "]";
}

} // namespace dmaslab
