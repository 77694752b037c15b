// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/process/formats.h"

#include <algorithm>
#include <bit>
#include <string>

namespace dmaslab {

namespace {

std::string text(const PixelRect &rect)
{
    return std::to_string(rect.x) + "," + std::to_string(rect.y) + "," + std::to_string(rect.width) + "," +
           std::to_string(rect.height);
}

std::string sizeText(std::uint32_t width, std::uint32_t height)
{
    return std::to_string(width) + "x" + std::to_string(height);
}

bool isWhole(const PixelRect &crop, const PictureFormat &input)
{
    return crop.width == 0 ||
           (crop.x == 0 && crop.y == 0 && crop.width == input.width && crop.height == input.height);
}

tl::expected<void, Error> checkGrid(const RoiGrid &roi, const Geometry &geometry)
{
    if (roi.width == 0 || roi.height == 0 || roi.columns == 0 || roi.rows == 0)
        return fail(Errc::InvalidArgument,
                    "roi-width=" + std::to_string(roi.width) + " roi-height=" + std::to_string(roi.height) +
                        " roi-columns=" + std::to_string(roi.columns) +
                        " roi-rows=" + std::to_string(roi.rows) +
                        ": a grid needs at least one rectangle of at least one pixel; set all four above 0");
    const std::uint64_t right = roi.x + std::uint64_t{roi.width} * roi.columns;
    const std::uint64_t bottom = roi.y + std::uint64_t{roi.height} * roi.rows;
    if (right > geometry.width || bottom > geometry.height)
        return fail(Errc::InvalidArgument,
                    "the ROI grid reaches to " + std::to_string(right) + "," + std::to_string(bottom) +
                        ", the picture (after crop and bin) only to " + std::to_string(geometry.width) + "," +
                        std::to_string(geometry.height) +
                        "; move it by roi-x and roi-y or make it smaller by roi-columns and roi-rows");
    return {};
}

} // namespace

Result<Geometry> geometryOf(const PictureFormat &input, const ProcessSettings &settings)
{
    Geometry geometry;
    PixelRect crop = settings.crop;
    if (crop.width == 0)
        crop = {0, 0, input.width, input.height};
    if (crop.height == 0 || std::uint64_t{crop.x} + crop.width > input.width ||
        std::uint64_t{crop.y} + crop.height > input.height)
        return fail(Errc::InvalidArgument,
                    "crop=\"" + text(settings.crop) + "\" is not inside the picture of " +
                        sizeText(input.width, input.height) + " pixels; give x,y,width,height within it");
    const std::uint32_t bin = std::max(settings.bin, 1u);
    geometry.bin = bin;
    geometry.mirrored = settings.flip == Flip::Horizontal || settings.flip == Flip::Both;
    geometry.upsideDown = settings.flip == Flip::Vertical || settings.flip == Flip::Both;
    geometry.width = crop.width / bin;
    geometry.height = crop.height / bin;
    if (geometry.width == 0 || geometry.height == 0)
        return fail(Errc::InvalidArgument, "bin=" + std::to_string(bin) + " leaves nothing of " +
                                               sizeText(crop.width, crop.height) +
                                               " pixels; take a smaller bin or a larger crop");
    // Flip comes before bin: columns and rows that fill no square are the last ones of the flipped picture.
    const std::uint32_t extraColumns = crop.width % bin;
    const std::uint32_t extraRows = crop.height % bin;
    geometry.source = {crop.x + (geometry.mirrored ? extraColumns : 0),
                       crop.y + (geometry.upsideDown ? extraRows : 0), crop.width - extraColumns,
                       crop.height - extraRows};
    if (settings.roiMode != RoiMode::None) {
        if (const auto fits = checkGrid(settings.roi, geometry); !fits)
            return tl::unexpected(fits.error());
    }
    return geometry;
}

bool changesPixels(const PictureFormat &input, const ProcessSettings &settings)
{
    const bool packed = input.packing != PixelPacking::Mono16 && input.packing != PixelPacking::Mono8;
    return (settings.unpack && packed) || !settings.dark.empty() || !settings.flat.empty() ||
           !settings.badPixels.empty() || !settings.lut.empty() || !isWhole(settings.crop, input) ||
           settings.flip != Flip::None || settings.bin > 1 || settings.threshold != 0 ||
           settings.window != WindowMode::None;
}

PictureFormat outputOf(const PictureFormat &input, const ProcessSettings &settings, const Geometry &geometry,
                       bool lut8)
{
    PictureFormat output = input;
    if (!changesPixels(input, settings))
        return output;
    output.width = geometry.width;
    output.height = geometry.height;
    const bool narrow = settings.window != WindowMode::None || (!settings.lut.empty() && lut8);
    if (narrow || (input.packing == PixelPacking::Mono8 && settings.lut.empty())) {
        output.packing = PixelPacking::Mono8;
        output.significantBits = 8;
        return output;
    }
    output.packing = PixelPacking::Mono16;
    if (!settings.lut.empty() || !settings.flat.empty())
        output.significantBits = 16; // a table or a gain may give any value
    else if (geometry.bin > 1 && settings.binMode == BinMode::Sum)
        output.significantBits =
            std::min(16u, input.significantBits + 2 * unsigned(std::countr_zero(geometry.bin)));
    return output;
}

} // namespace dmaslab
