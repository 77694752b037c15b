// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace dmaslab {

/** A rectangle of pixels where it lies; copies of it are the same pixels. */
template <typename T>
struct Rows
{
    T *data = nullptr;
    std::ptrdiff_t stride = 0; ///< bytes from one row to the next; negative: upside down
    std::size_t width = 0;     ///< in elements
    std::size_t rows = 0;

    [[nodiscard]] T *row(std::size_t y) const
    {
        using Byte = std::conditional_t<std::is_const_v<T>, const unsigned char, unsigned char>;
        return reinterpret_cast<T *>(reinterpret_cast<Byte *>(data) + std::ptrdiff_t(y) * stride);
    }
    [[nodiscard]] Rows part(std::size_t first, std::size_t count) const
    {
        return {row(first), stride, width, count};
    }
    [[nodiscard]] Rows<const T> asConst() const { return {data, stride, width, rows}; }
    /** Rows follow each other without a gap, so that a loop may take them as one. */
    [[nodiscard]] bool isDense() const { return stride == std::ptrdiff_t(width * sizeof(T)); }
};

using Pixels8 = Rows<std::uint8_t>;
using Pixels16 = Rows<std::uint16_t>;
using ConstPixels8 = Rows<const std::uint8_t>;
using ConstPixels16 = Rows<const std::uint16_t>;

/** Whether what a kernel writes will be read soon. */
enum class Store : std::uint8_t
{
    Cached,
    Streaming, ///< past the caches: for output that is larger than they are
};

} // namespace dmaslab
