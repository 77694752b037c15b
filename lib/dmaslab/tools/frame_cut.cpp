// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/tools/frame_cut.h"

#include <cstring>

namespace dmaslab::tools {

namespace {

/** The runs of items inside `crop` of an array of `shape`, in memory order. */
std::vector<ByteRange> croppedRuns(const std::vector<std::uint64_t> &shape,
                                   const std::vector<std::uint64_t> &crop, std::uint64_t itemSize)
{
    // From the right, axes that are kept whole belong to the run.
    std::size_t axis = shape.size();
    std::uint64_t inner = itemSize;
    while (axis > 0 && crop[axis - 1] == shape[axis - 1])
        inner *= shape[--axis];
    if (axis == 0)
        return {};
    std::vector<ByteRange> runs{{0, inner * crop[axis - 1]}};
    std::uint64_t stride = inner * shape[axis - 1];
    for (std::size_t outer = axis - 1; outer-- > 0;) {
        std::vector<ByteRange> more;
        more.reserve(runs.size() * crop[outer]);
        for (std::uint64_t i = 0; i < crop[outer]; ++i) {
            for (const ByteRange &run : runs)
                more.push_back({run.offset + i * stride, run.length});
        }
        runs = std::move(more);
        stride *= shape[outer];
    }
    return runs;
}

tl::unexpected<Error> impossible(const SeriesFormat &format)
{
    return fail(Errc::Format, "the manifest describes frames (" + format.caps +
                                  ") whose shape, crop and size " + "do not belong together");
}

} // namespace

Result<FrameCut> frameCut(const ManifestSeries &series)
{
    const SeriesFormat &format = series.format;
    FrameCut cut;
    cut.dtype = format.dtype;
    if (format.shape.empty())
        return cut;
    const std::uint64_t item = itemBytes(format.dtype);
    std::uint64_t bytes = item;
    for (const std::uint64_t axis : format.shape) {
        if (__builtin_mul_overflow(bytes, axis, &bytes))
            return impossible(format);
    }
    if (bytes == 0 || (format.frameBytes != 0 && bytes != format.frameBytes))
        return impossible(format);
    cut.frameBytes = bytes;
    cut.shape = format.crop.empty() ? format.shape : format.crop;
    if (cut.shape.size() != format.shape.size())
        return impossible(format);
    for (std::size_t axis = 0; axis < cut.shape.size(); ++axis) {
        if (cut.shape[axis] == 0 || cut.shape[axis] > format.shape[axis])
            return impossible(format);
    }
    if (format.shape.size() == 1 && !format.planes.empty()) {
        // Planes whose strides differ are no array; without their padding they are the format's usual bytes.
        FrameLayout layout;
        layout.frameBytes = bytes;
        layout.planes = format.planes;
        if (!layout.check())
            return impossible(format);
        cut.runs = layout.pixelRanges();
        cut.shape = {layout.packedBytes() / item};
    } else {
        cut.runs = croppedRuns(format.shape, cut.shape, item);
    }
    for (const ByteRange &run : cut.runs)
        cut.keptBytes += run.length;
    return cut;
}

std::span<const std::byte> FrameCut::apply(std::span<const std::byte> frame,
                                           std::vector<std::byte> &scratch) const
{
    if (runs.empty())
        return frame;
    scratch.resize(keptBytes);
    std::byte *to = scratch.data();
    for (const ByteRange &run : runs) {
        std::memcpy(to, frame.data() + run.offset, run.length);
        to += run.length;
    }
    return scratch;
}

} // namespace dmaslab::tools
