// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/process/bad_pixels.h"

#include <algorithm>
#include <string>

namespace dmaslab {

namespace {

class Map
{
public:
    Map(std::span<const PixelIndex> bad, std::uint32_t width, std::uint32_t height)
        : width_(width), height_(height), bad_(std::size_t{width} * height)
    {
        for (const PixelIndex pixel : bad)
            bad_[pixel] = true;
    }

    /** The nearest good pixels of the row and the column. */
    void findNeighbours(BadPixels::Entry &entry) const
    {
        const std::uint32_t x = entry.pixel % width_;
        const std::uint32_t y = entry.pixel / width_;
        const std::uint32_t furthest = std::max(width_, height_);
        for (std::uint32_t distance = 1; distance < furthest && entry.neighbours == 0; ++distance) {
            take(entry, x >= distance, entry.pixel - distance);
            take(entry, width_ - x > distance, entry.pixel + distance);
            take(entry, y >= distance, entry.pixel - distance * width_);
            take(entry, height_ - y > distance, entry.pixel + distance * width_);
        }
    }

private:
    void take(BadPixels::Entry &entry, bool exists, PixelIndex neighbour) const
    {
        if (exists && !bad_[neighbour])
            entry.from[entry.neighbours++] = neighbour;
    }

    std::uint32_t width_, height_;
    std::vector<bool> bad_;
};

} // namespace

Result<BadPixels> BadPixels::make(std::vector<PixelIndex> bad, std::uint32_t width, std::uint32_t height)
{
    std::sort(bad.begin(), bad.end());
    bad.erase(std::unique(bad.begin(), bad.end()), bad.end());
    BadPixels made;
    if (bad.empty())
        return made;
    const Map map(bad, width, height);
    made.entries_.reserve(bad.size());
    made.firstOfRow_.assign(std::size_t{height} + 1, 0);
    for (const PixelIndex pixel : bad) {
        Entry entry{pixel, 0, {}};
        map.findNeighbours(entry);
        if (entry.neighbours == 0)
            return fail(Errc::InvalidArgument,
                        "pixel (" + std::to_string(pixel / width) + ", " + std::to_string(pixel % width) +
                            ") has no good pixel in its row and column to be replaced from; "
                            "take pixels off the list, or crop them away");
        made.entries_.push_back(entry);
        ++made.firstOfRow_[pixel / width + 1];
    }
    for (std::size_t row = 0; row < height; ++row)
        made.firstOfRow_[row + 1] += made.firstOfRow_[row];
    return made;
}

bool BadPixels::contains(PixelIndex pixel) const
{
    const auto found =
        std::lower_bound(entries_.begin(), entries_.end(), pixel,
                         [](const Entry &entry, PixelIndex wanted) { return entry.pixel < wanted; });
    return found != entries_.end() && found->pixel == pixel;
}

} // namespace dmaslab
