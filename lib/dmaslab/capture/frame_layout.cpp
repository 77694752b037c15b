// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/capture/frame_layout.h"

#include <string>

namespace dmaslab {

namespace {

std::string describe(std::size_t index, const PlaneLayout &plane)
{
    return "plane " + std::to_string(index) + " (offset " + std::to_string(plane.offset) + ", " +
           std::to_string(plane.rows) + " rows of " + std::to_string(plane.rowBytes) + " bytes, stride " +
           std::to_string(plane.stride) + ")";
}

/** First byte behind the last pixel; false when that cannot be counted. */
bool planeEnd(const PlaneLayout &plane, std::size_t &end)
{
    std::size_t lastRow = 0;
    return !__builtin_mul_overflow(plane.rows - 1, plane.stride, &lastRow) &&
           !__builtin_add_overflow(plane.offset, lastRow, &end) &&
           !__builtin_add_overflow(end, plane.rowBytes, &end);
}

} // namespace

FrameLayout FrameLayout::packed(std::size_t rowBytes, std::size_t rows, unsigned sampleBytes)
{
    return padded(rowBytes, rows, rowBytes, sampleBytes);
}

FrameLayout FrameLayout::padded(std::size_t rowBytes, std::size_t rows, std::size_t stride,
                                unsigned sampleBytes)
{
    FrameLayout layout;
    layout.frameBytes = stride * rows;
    layout.planes.push_back({0, rowBytes, stride, rows});
    layout.sampleBytes = sampleBytes;
    return layout;
}

Result<void> FrameLayout::check() const
{
    if (frameBytes == 0)
        return fail(Errc::InvalidArgument, "a frame of 0 bytes; give a width and a height above 0");
    if (sampleBytes != 1 && sampleBytes != 2)
        return fail(Errc::InvalidArgument,
                    "samples of " + std::to_string(sampleBytes) + " bytes; patterns know 1 and 2");
    std::size_t end = 0;
    for (std::size_t i = 0; i < planes.size(); i++) {
        const PlaneLayout &plane = planes[i];
        if (plane.rows == 0 || plane.rowBytes == 0)
            return fail(Errc::InvalidArgument, describe(i, plane) + " is empty; leave it out");
        if (plane.stride < plane.rowBytes)
            return fail(Errc::InvalidArgument,
                        describe(i, plane) + ": the stride must not be less than a row");
        if (plane.offset < end)
            return fail(Errc::InvalidArgument, describe(i, plane) +
                                                   " overlaps the plane before it, which ends at byte " +
                                                   std::to_string(end));
        if (!planeEnd(plane, end) || end > frameBytes)
            return fail(Errc::InvalidArgument, describe(i, plane) + " does not fit into a frame of " +
                                                   std::to_string(frameBytes) + " bytes");
    }
    return {};
}

std::size_t FrameLayout::packedBytes() const
{
    if (planes.empty())
        return frameBytes;
    std::size_t bytes = 0;
    for (const PlaneLayout &plane : planes)
        bytes += plane.rowBytes * plane.rows;
    return bytes;
}

std::vector<ByteRange> FrameLayout::pixelRanges() const
{
    std::vector<ByteRange> ranges;
    if (planes.empty())
        ranges.push_back({0, frameBytes});
    for (const PlaneLayout &plane : planes) {
        for (std::size_t row = 0; row < plane.rows; row++) {
            const std::size_t offset = plane.offset + row * plane.stride;
            if (!ranges.empty() && ranges.back().offset + ranges.back().length == offset)
                ranges.back().length += plane.rowBytes;
            else
                ranges.push_back({offset, plane.rowBytes});
        }
    }
    return ranges;
}

std::vector<ByteRange> FrameLayout::paddingRanges() const
{
    std::vector<ByteRange> gaps;
    std::size_t at = 0;
    for (const ByteRange &pixels : pixelRanges()) {
        if (pixels.offset > at)
            gaps.push_back({at, pixels.offset - at});
        at = pixels.offset + pixels.length;
    }
    if (at < frameBytes)
        gaps.push_back({at, frameBytes - at});
    return gaps;
}

} // namespace dmaslab
