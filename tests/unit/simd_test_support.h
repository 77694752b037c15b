// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dmaslab/simd/level.h"
#include "dmaslab/simd/rows.h"

namespace dmaslab::test {

enum class Content
{
    Zero,
    Max,
    Random,
    Dim,    ///< a few counts per pixel
    Bright, ///< near the top, where sums and products overflow first
};
inline constexpr Content kContents[] = {Content::Zero, Content::Max, Content::Random, Content::Dim,
                                        Content::Bright};

/** Rows with a gap between them, that begin at an odd place and end where the storage ends. */
template <typename T>
class Picture
{
public:
    Picture(std::size_t width, std::size_t rows, std::size_t gap = 0, std::size_t start = 0)
        : gap_(gap), start_(start), width_(width), rows_(rows),
          storage_(start + (rows == 0 ? 0 : (width + gap) * (rows - 1) + width))
    {
    }

    Picture &fill(Content content, std::uint32_t seed = 1)
    {
        std::mt19937 random(seed);
        const T top = std::numeric_limits<T>::max();
        for (T &value : storage_) {
            const auto any = std::uint32_t(random());
            switch (content) {
            case Content::Zero:
                value = 0;
                break;
            case Content::Max:
                value = top;
                break;
            case Content::Random:
                value = T(any);
                break;
            case Content::Dim:
                value = T(any % 9);
                break;
            case Content::Bright:
                value = T(top - any % 9);
                break;
            }
        }
        return *this;
    }

    [[nodiscard]] Rows<T> rows() { return {storage_.data() + start_, stride(), width_, rows_}; }
    [[nodiscard]] Rows<const T> rows() const { return {storage_.data() + start_, stride(), width_, rows_}; }
    [[nodiscard]] Rows<const T> constRows() const { return rows(); }
    /** Gaps included: whatever is written beside a row makes two pictures differ. */
    [[nodiscard]] const std::vector<T> &storage() const { return storage_; }
    bool operator==(const Picture &other) const { return storage_ == other.storage_; }

private:
    [[nodiscard]] std::ptrdiff_t stride() const { return std::ptrdiff_t((width_ + gap_) * sizeof(T)); }

    std::size_t gap_, start_, width_, rows_;
    std::vector<T> storage_;
};

struct Shape
{
    std::size_t width, rows, gap, start;
};

/** Around every vector's length, with and without gaps, at even and odd starts. */
inline std::vector<Shape> shapes()
{
    std::vector<Shape> all;
    for (const std::size_t width :
         {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 129, 300, 641})
        all.insert(all.end(), {{width, 1, 0, 0}, {width, 4, 0, 1}, {width, 5, 3, 0}});
    all.insert(all.end(), {{8192, 2, 0, 0}, {8191, 3, 5, 3}});
    return all;
}

/** Each level that this machine runs, but for the reference itself. */
inline void forEachLevel(const std::function<void(SimdLevel)> &check)
{
    for (const SimdLevel level : usableSimdLevels()) {
        if (level == SimdLevel::Scalar)
            continue;
        SCOPED_TRACE("level " + std::string(toString(level)));
        check(level);
    }
}

inline std::string text(const Shape &shape)
{
    return std::to_string(shape.width) + "x" + std::to_string(shape.rows) + " gap " +
           std::to_string(shape.gap) + " start " + std::to_string(shape.start);
}

} // namespace dmaslab::test
