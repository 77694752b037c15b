// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/process/tables.h"

#include <cmath>
#include <new>

#include "dmaslab/process/table_file.h"

namespace dmaslab {

namespace {

constexpr double kMaxGain = 128; ///< what a 16-bit factor of at least 8 bits behind the point can hold

/** The name of a table in errors, and the place of one of its numbers. */
struct Source
{
    std::string property, path;

    [[nodiscard]] std::string text() const { return property + "=\"" + path + "\""; }
    [[nodiscard]] tl::unexpected<Error> refuse(const std::string &why) const
    {
        return fail(Errc::InvalidArgument, text() + ": " + why);
    }
};

std::string place(std::size_t pixel, std::uint32_t width)
{
    return "[" + std::to_string(pixel / width) + ", " + std::to_string(pixel % width) + "]";
}

std::string number(double value)
{
    if (std::isnan(value))
        return "NaN";
    std::string text = std::to_string(value);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.')
        text.pop_back();
    return text;
}

bool isPicture(const NumberTable &table, const PictureFormat &input)
{
    return table.shape.size() == 2 && table.shape[0] == input.height && table.shape[1] == input.width;
}

/** A table with one number per pixel of the input. */
Result<NumberTable> readPicture(const Source &source, const PictureFormat &input)
{
    auto table = readNumberTable(source.property, source.path);
    if (!table)
        return table;
    if (!isPicture(*table, input))
        return source.refuse("has the shape " + shapeText(table->shape) + ", the picture has (" +
                             std::to_string(input.height) + ", " + std::to_string(input.width) +
                             "); save a table of the size the camera sends, before crop and bin");
    return table;
}

Result<std::vector<std::uint16_t>> loadDark(const Source &source, const PictureFormat &input)
{
    const auto table = readPicture(source, input);
    if (!table)
        return tl::unexpected(table.error());
    std::vector<std::uint16_t> dark(table->values.size());
    for (std::size_t i = 0; i < dark.size(); ++i) {
        const double value = table->values[i];
        if (!(value >= 0 && value <= 65535))
            return source.refuse(place(i, input.width) + " is " + number(value) +
                                 "; a dark picture has values from 0 to 65535");
        dark[i] = std::uint16_t(std::lround(value));
    }
    return dark;
}

/** Gains from a picture of something evenly lit: mean / value. Bad pixels have no say. */
tl::expected<void, Error> loadFlat(const Source &source, const PictureFormat &input, ProcessTables &tables)
{
    const auto table = readPicture(source, input);
    if (!table)
        return tl::unexpected(table.error());
    const auto &flat = table->values;
    double sum = 0;
    double least = 0;
    std::size_t count = 0;
    std::size_t darkest = 0;
    for (std::size_t i = 0; i < flat.size(); ++i) {
        if (tables.badPixels.contains(PixelIndex(i)))
            continue;
        if (!(flat[i] > 0 && std::isfinite(flat[i])))
            return source.refuse(
                place(i, input.width) + " is " + number(flat[i]) +
                ", which no gain can make even; put the pixel into bad-pixels, or record the flat "
                "field with more light");
        sum += flat[i];
        if (count++ == 0 || flat[i] < least) {
            least = flat[i];
            darkest = i;
        }
    }
    const double mean = sum / double(count); // make() of bad pixels sees to it that there are others
    const double highest = mean / least;
    if (!(highest < kMaxGain))
        return source.refuse(place(darkest, input.width) + " is " + number(least) + ", less than 1/" +
                             number(kMaxGain) + " of the mean " + number(mean) +
                             "; put the pixel into bad-pixels");
    tables.gainShift = 15;
    while (std::lround(std::ldexp(highest, int(tables.gainShift))) > 0xFFFF)
        --tables.gainShift;
    tables.gain.resize(flat.size());
    for (std::size_t i = 0; i < flat.size(); ++i) {
        const bool bad = tables.badPixels.contains(PixelIndex(i));
        tables.gain[i] =
            bad ? 0 : std::uint16_t(std::lround(std::ldexp(mean / flat[i], int(tables.gainShift))));
    }
    return {};
}

Result<BadPixels> loadBadPixels(const Source &source, const PictureFormat &input)
{
    const auto table = readNumberTable(source.property, source.path);
    if (!table)
        return tl::unexpected(table.error());
    std::vector<PixelIndex> bad;
    const auto &values = table->values;
    if (isPicture(*table, input) && (table->dtype.kind == 'b' || table->dtype.size == 1)) {
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (values[i] != 0)
                bad.push_back(PixelIndex(i));
        }
    } else if (table->shape.size() == 2 && table->shape[1] == 2) {
        const std::uint64_t pixels = std::uint64_t{input.width} * input.height;
        if (table->shape[0] > pixels)
            return source.refuse("lists " + std::to_string(table->shape[0]) +
                                 " pixels of a picture that has " + std::to_string(pixels) +
                                 "; is it the list of another camera?");
        for (std::size_t i = 0; i + 1 < values.size(); i += 2) {
            const double row = values[i], column = values[i + 1];
            if (!(row >= 0 && row < input.height && column >= 0 && column < input.width) ||
                row != std::floor(row) || column != std::floor(column))
                return source.refuse("entry " + std::to_string(i / 2) + " is (" + number(row) + ", " +
                                     number(column) + "), no row and column of a picture of " +
                                     std::to_string(input.height) + " rows and " +
                                     std::to_string(input.width) + " columns");
            bad.push_back(PixelIndex(row) * input.width + PixelIndex(column));
        }
    } else {
        return source.refuse(
            "has the shape " + shapeText(table->shape) +
            "; save a list of (row, column) as np.argwhere() gives it, or a mask of the picture's "
            "size as bool");
    }
    auto made = BadPixels::make(std::move(bad), input.width, input.height);
    if (!made)
        return source.refuse(made.error().message);
    return made;
}

tl::expected<void, Error> loadLut(const Source &source, const PictureFormat &input, ProcessTables &tables)
{
    const auto table = readNumberTable(source.property, source.path);
    if (!table)
        return tl::unexpected(table.error());
    const bool bytes = table->dtype.kind == 'u' && table->dtype.size == 1;
    const bool words = table->dtype.kind == 'u' && table->dtype.size == 2;
    const std::size_t needed = std::size_t{1} << input.significantBits;
    if ((!bytes && !words) || table->shape.size() != 1 ||
        (table->values.size() != needed && table->values.size() != 65536))
        return source.refuse("is " + table->dtype.text() + " of shape " + shapeText(table->shape) +
                             "; a table has one dimension of " + std::to_string(needed) +
                             " entries (or 65536), uint8 for an 8-bit picture or uint16");
    if (bytes)
        tables.lut8.assign(table->values.begin(), table->values.end());
    else
        tables.lut16.assign(table->values.begin(), table->values.end());
    return {};
}

Result<std::vector<ReferenceOffset>> loadReference(const Source &source, const RoiGrid &roi)
{
    const auto table = readNumberTable(source.property, source.path);
    if (!table)
        return tl::unexpected(table.error());
    if (table->shape != std::vector<std::uint64_t>{roi.rows, roi.columns, 2})
        return source.refuse("has the shape " + shapeText(table->shape) + ", the grid needs (" +
                             std::to_string(roi.rows) + ", " + std::to_string(roi.columns) +
                             ", 2): x and y from the centre of each rectangle, in pixels");
    std::vector<ReferenceOffset> offsets(roi.count());
    for (std::size_t i = 0; i < offsets.size(); ++i) {
        const double x = table->values[2 * i], y = table->values[2 * i + 1];
        if (!std::isfinite(x) || !std::isfinite(y))
            return source.refuse("rectangle " + place(i, roi.columns) + " has " + number(x) + ", " +
                                 number(y) + "; give numbers");
        offsets[i] = {float(x), float(y)};
    }
    return offsets;
}

/** `loaded` into `to`, or its error out. */
template <typename T>
tl::expected<void, Error> assign(Result<T> loaded, T &to)
{
    if (!loaded)
        return tl::unexpected(loaded.error());
    to = std::move(*loaded);
    return {};
}

} // namespace

Calibration ProcessTables::calibration(const PictureFormat &input) const
{
    const auto rows = [&input](const std::vector<std::uint16_t> &table) {
        return table.empty()
                   ? ConstPixels16{}
                   : ConstPixels16{table.data(), std::ptrdiff_t(input.width * sizeof(std::uint16_t)),
                                   input.width, input.height};
    };
    return {rows(dark), rows(gain), gainShift};
}

Result<ProcessTables> loadTables(const PictureFormat &input, const ProcessSettings &settings)
try {
    ProcessTables tables;
    tl::expected<void, Error> loaded;
    // Bad pixels first: what they say about the flat field's darkest pixels is then no error.
    if (!settings.badPixels.empty())
        loaded = assign(loadBadPixels({"bad-pixels", settings.badPixels}, input), tables.badPixels);
    if (loaded && !settings.dark.empty())
        loaded = assign(loadDark({"dark", settings.dark}, input), tables.dark);
    if (loaded && !settings.flat.empty())
        loaded = loadFlat({"flat", settings.flat}, input, tables);
    if (loaded && !settings.lut.empty())
        loaded = loadLut({"lut", settings.lut}, input, tables);
    if (loaded && !settings.reference.empty())
        loaded = assign(loadReference({"reference", settings.reference}, settings.roi), tables.reference);
    if (!loaded)
        return tl::unexpected(loaded.error());
    return tables;
} catch (const std::bad_alloc &) {
    return failNoMemory("npy: no memory");
}

} // namespace dmaslab
