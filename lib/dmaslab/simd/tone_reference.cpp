// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/simd/references.h"

#include <algorithm>

namespace dmaslab {

namespace {

template <typename Out, typename Map>
void mapPixels(const ConstPixels16 &in, Rows<Out> out, Map &&map)
{
    for (std::size_t y = 0; y < out.rows; ++y) {
        for (std::size_t x = 0; x < out.width; ++x)
            out.row(y)[x] = map(in.row(y)[x]);
    }
}

void zeroBelow(const ConstPixels16 &in, const Pixels16 &out, std::uint16_t level, Store)
{
    mapPixels(in, out, [level](std::uint16_t value) { return value < level ? std::uint16_t{0} : value; });
}

void window(const ConstPixels16 &in, const Pixels8 &out, const ToneWindow &window, Store)
{
    mapPixels(in, out, [&window](std::uint16_t value) { return window.level(value); });
}

void narrow(const ConstPixels16 &in, const Pixels8 &out, Store)
{
    mapPixels(in, out, [](std::uint16_t value) { return std::uint8_t(std::min<std::uint16_t>(value, 255)); });
}

template <typename Out>
void lookUp(const ConstPixels16 &in, const Rows<Out> &out, const Out *table, std::size_t entries)
{
    mapPixels(in, out, [table, last = entries - 1](std::uint16_t value) {
        return table[std::min<std::size_t>(value, last)];
    });
}

void mirror(const ConstPixels16 &in, const Pixels16 &out)
{
    for (std::size_t y = 0; y < out.rows; ++y)
        std::reverse_copy(in.row(y), in.row(y) + out.width, out.row(y));
}

} // namespace

constinit const ToneKernels toneReference{
    zeroBelow, window, narrow, lookUp<std::uint8_t>, lookUp<std::uint16_t>, mirror,
};

} // namespace dmaslab
