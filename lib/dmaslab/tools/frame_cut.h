// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dmaslab/archive/manifest.h"
#include "dmaslab/error.h"

namespace dmaslab::tools {

/**
 * Runs of the same length at regular distances. A manifest may describe more of them than memory could list,
 * so they are counted out while they are copied.
 */
struct RegularRuns
{
    struct Axis
    {
        std::uint64_t count = 1;
        std::uint64_t stride = 0; ///< bytes
    };
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::vector<Axis> axes; ///< the outermost first
};

/** The part of a frame that is picture, without the padding of rows: what an export keeps. */
struct FrameCut
{
    std::string dtype;                ///< or a list of fields, of which the last axis of the shape is one
    std::vector<std::uint64_t> shape; ///< of what is kept; empty: frames of different lengths, kept whole
    std::uint64_t frameBytes = 0;     ///< of the frame as recorded; 0: any
    std::uint64_t keptBytes = 0;      ///< 0: all
    std::vector<RegularRuns> parts;   ///< in order; empty: the whole frame

    [[nodiscard]] bool fits(std::uint64_t length) const { return frameBytes == 0 || frameBytes == length; }
    /** `frame` without its padding; `scratch` holds it where something had to be left out. */
    [[nodiscard]] std::span<const std::byte> apply(std::span<const std::byte> frame,
                                                   std::vector<std::byte> &scratch) const;
    [[nodiscard]] bool sameArray(const FrameCut &other) const
    {
        return dtype == other.dtype && shape == other.shape;
    }
};

[[nodiscard]] Result<FrameCut> frameCut(const ManifestSeries &series);

} // namespace dmaslab::tools
