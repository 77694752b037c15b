// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dmaslab/error.h"
#include "dmaslab/export.h"

namespace dmaslab {

/** One plane of a picture as it lies in memory; rows may be wider than their pixels. */
struct PlaneLayout
{
    std::size_t offset = 0;   ///< of the first row, from the start of the frame
    std::size_t rowBytes = 0; ///< bytes of one row that are pixels
    std::size_t stride = 0;   ///< bytes from one row to the next
    std::size_t rows = 0;
};

/** A run of bytes inside a frame. */
struct ByteRange
{
    std::size_t offset = 0;
    std::size_t length = 0;
};

/** What a source fills: one frame as bytes in memory, planes one after the other, rows from top to bottom. */
struct DMASLAB_EXPORT FrameLayout
{
    std::size_t frameBytes = 0;      ///< the whole frame, padding included
    std::vector<PlaneLayout> planes; ///< empty: frameBytes of pixels without a gap
    unsigned sampleBytes = 1;        ///< 1 or 2: what patterns count in
    bool bigEndian = false;          ///< byte order of samples of more than one byte

    /** One plane without padding. */
    static FrameLayout packed(std::size_t rowBytes, std::size_t rows, unsigned sampleBytes = 1);
    /** One plane whose rows start `stride` bytes apart. */
    static FrameLayout padded(std::size_t rowBytes, std::size_t rows, std::size_t stride,
                              unsigned sampleBytes = 1);

    /** Rows inside their strides, planes in order and apart, all within frameBytes. */
    [[nodiscard]] Result<void> check() const;
    /** Bytes of pixels alone: what one frame takes in a file. */
    [[nodiscard]] std::size_t packedBytes() const;
    /** The pixels in order, neighbours joined: one range when nothing is padded. Needs a layout that checks.
     */
    [[nodiscard]] std::vector<ByteRange> pixelRanges() const;
    /** Everything in the frame that is no pixel. */
    [[nodiscard]] std::vector<ByteRange> paddingRanges() const;
};

} // namespace dmaslab
