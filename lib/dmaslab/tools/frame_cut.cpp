// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/tools/frame_cut.h"

#include <cstring>

#include "dmaslab/capture/frame_layout.h"

namespace dmaslab::tools {

namespace {

/** The items inside `crop` of an array of `shape`, in memory order. */
std::vector<RegularRuns> croppedRuns(const std::vector<std::uint64_t> &shape,
                                     const std::vector<std::uint64_t> &crop, std::uint64_t itemSize)
{
    // From the right, axes that are kept whole belong to the run.
    std::size_t axis = shape.size();
    std::uint64_t inner = itemSize;
    while (axis > 0 && crop[axis - 1] == shape[axis - 1])
        inner *= shape[--axis];
    if (axis == 0)
        return {};
    RegularRuns runs;
    runs.length = inner * crop[axis - 1];
    std::uint64_t stride = inner * shape[axis - 1];
    for (std::size_t outer = axis - 1; outer-- > 0;) {
        runs.axes.insert(runs.axes.begin(), {crop[outer], stride});
        stride *= shape[outer];
    }
    return {runs};
}

std::vector<RegularRuns> planeRuns(const std::vector<PlaneLayout> &planes)
{
    std::vector<RegularRuns> parts;
    for (const PlaneLayout &plane : planes) {
        if (plane.stride == plane.rowBytes)
            parts.push_back({plane.offset, plane.rowBytes * plane.rows, {}});
        else
            parts.push_back({plane.offset, plane.rowBytes, {{plane.rows, plane.stride}}});
    }
    return parts;
}

std::byte *copyRuns(std::byte *to, const std::byte *from, const RegularRuns &runs, std::size_t axis)
{
    if (axis == runs.axes.size()) {
        std::memcpy(to, from, runs.length);
        return to + runs.length;
    }
    for (std::uint64_t i = 0; i < runs.axes[axis].count; ++i)
        to = copyRuns(to, from + i * runs.axes[axis].stride, runs, axis + 1);
    return to;
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
    cut.dtype = format.fields.empty() ? format.dtype : format.fields;
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
        cut.parts = planeRuns(layout.planes);
        cut.shape = {layout.packedBytes() / item};
    } else {
        cut.parts = croppedRuns(format.shape, cut.shape, item);
    }
    for (const RegularRuns &part : cut.parts) {
        std::uint64_t kept = part.length;
        for (const RegularRuns::Axis &axis : part.axes)
            kept *= axis.count;
        cut.keptBytes += kept;
    }
    return cut;
}

std::span<const std::byte> FrameCut::apply(std::span<const std::byte> frame,
                                           std::vector<std::byte> &scratch) const
{
    if (parts.empty())
        return frame;
    scratch.resize(keptBytes);
    std::byte *to = scratch.data();
    for (const RegularRuns &part : parts)
        to = copyRuns(to, frame.data() + part.offset, part, 0);
    return scratch;
}

} // namespace dmaslab::tools
