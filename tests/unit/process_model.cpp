// SPDX-License-Identifier: LGPL-2.1-or-later
#include "process_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <set>

namespace dmaslab::test {

namespace {

std::uint32_t clamped(double value)
{
    return std::uint32_t(std::clamp(value, 0.0, 65535.0));
}

} // namespace

Numbers Model::calibrated(const Numbers &camera) const
{
    Numbers picture = camera;
    const std::set<std::pair<std::size_t, std::size_t>> bad(tables_.bad.begin(), tables_.bad.end());
    double sum = 0, least = 1e300;
    std::size_t count = 0;
    for (std::size_t i = 0; i < tables_.flat.size(); ++i) {
        if (bad.count({i / camera.width, i % camera.width}))
            continue;
        sum += tables_.flat[i];
        least = std::min(least, tables_.flat[i]);
        ++count;
    }
    // Gains are fixed point with as many places as the largest of them leaves in 16 bits.
    int places = 15;
    while (count != 0 && std::lround(sum / double(count) / least * std::exp2(places)) > 65535)
        --places;
    for (std::size_t i = 0; i < picture.values.size(); ++i) {
        double value = picture.values[i];
        if (!tables_.dark.empty())
            value = std::max(0.0, value - std::round(tables_.dark[i]));
        if (!tables_.flat.empty()) {
            const double gain =
                bad.count({i / camera.width, i % camera.width})
                    ? 0
                    : double(std::lround(sum / double(count) / tables_.flat[i] * std::exp2(places)));
            value = std::floor((value * gain + std::exp2(places - 1)) / std::exp2(places));
        }
        picture.values[i] = clamped(value);
    }
    return picture;
}

void Model::replaceBad(Numbers &picture) const
{
    const std::set<std::pair<std::size_t, std::size_t>> bad(tables_.bad.begin(), tables_.bad.end());
    const Numbers from = picture;
    for (const auto &[row, column] : bad) {
        const auto y = std::ptrdiff_t(row), x = std::ptrdiff_t(column);
        std::vector<std::uint32_t> good;
        for (std::ptrdiff_t far = 1; good.empty() && far < std::ptrdiff_t(from.width + from.height); ++far) {
            for (const auto &[dx, dy] :
                 {std::pair{-far, std::ptrdiff_t{0}}, std::pair{far, std::ptrdiff_t{0}},
                  std::pair{std::ptrdiff_t{0}, -far}, std::pair{std::ptrdiff_t{0}, far}}) {
                const std::ptrdiff_t nx = x + dx, ny = y + dy;
                if (nx < 0 || ny < 0 || nx >= std::ptrdiff_t(from.width) ||
                    ny >= std::ptrdiff_t(from.height) || bad.count({std::size_t(ny), std::size_t(nx)}))
                    continue;
                good.push_back(from.at(std::size_t(nx), std::size_t(ny)));
            }
        }
        std::uint64_t sum = 0;
        for (const std::uint32_t value : good)
            sum += value;
        picture.at(column, row) = std::uint32_t((sum + good.size() / 2) / good.size());
    }
}

void Model::run(const Numbers &camera)
{
    Numbers whole = calibrated(camera);
    replaceBad(whole);

    const PixelRect crop = settings_.crop.width != 0
                               ? settings_.crop
                               : PixelRect{0, 0, std::uint32_t(camera.width), std::uint32_t(camera.height)};
    Numbers cut{crop.width, crop.height, std::vector<std::uint32_t>(std::size_t{crop.width} * crop.height)};
    const bool mirrored = settings_.flip == Flip::Horizontal || settings_.flip == Flip::Both;
    const bool turned = settings_.flip == Flip::Vertical || settings_.flip == Flip::Both;
    for (std::size_t y = 0; y < cut.height; ++y) {
        for (std::size_t x = 0; x < cut.width; ++x)
            cut.at(mirrored ? cut.width - 1 - x : x, turned ? cut.height - 1 - y : y) =
                whole.at(crop.x + x, crop.y + y);
    }
    const std::size_t bin = settings_.bin;
    saturated = 0;
    for (std::size_t y = 0; y < cut.height / bin * bin; ++y) { // what fills no square does not count
        for (std::size_t x = 0; x < cut.width / bin * bin; ++x)
            saturated += camera.at(crop.x + (mirrored ? cut.width - 1 - x : x),
                                   crop.y + (turned ? cut.height - 1 - y : y)) >= (1u << cameraBits) - 1;
    }
    measured = {cut.width / bin, cut.height / bin, {}};
    measured.values.resize(measured.width * measured.height);
    for (std::size_t y = 0; y < measured.height; ++y) {
        for (std::size_t x = 0; x < measured.width; ++x) {
            double sum = 0;
            for (std::size_t dy = 0; dy < bin; ++dy) {
                for (std::size_t dx = 0; dx < bin; ++dx)
                    sum += cut.at(x * bin + dx, y * bin + dy);
            }
            const double pixels = double(bin * bin);
            const bool mean = settings_.binMode == BinMode::Mean && bin > 1;
            const std::uint32_t value = clamped(mean ? std::floor((sum + pixels / 2) / pixels) : sum);
            measured.at(x, y) = value < settings_.threshold ? 0 : value;
        }
    }
    changed = 0;
    for (std::size_t i = 0; before_ && i < measured.values.size(); ++i)
        changed +=
            std::abs(double(measured.values[i]) - double(before_->values[i])) > settings_.motion ? 1 : 0;
    before_ = measured;

    out = measured;
    for (std::uint32_t &value : out.values) {
        if (!tables_.lut.empty())
            value = tables_.lut[std::min<std::size_t>(value, tables_.lut.size() - 1)];
        else if (settings_.window == WindowMode::Fixed)
            value = ToneWindow(settings_.windowLow, settings_.windowHigh).level(std::uint16_t(value));
    }
}

std::vector<std::uint8_t> packed(const Numbers &picture, PixelPacking packing, std::size_t stride)
{
    std::vector<std::uint8_t> bytes(stride * (picture.height - 1) + bytesOfPixels(packing, picture.width), 0);
    const unsigned bits = bitsPerPixel(packing);
    for (std::size_t y = 0; y < picture.height; ++y) {
        std::uint8_t *row = bytes.data() + y * stride;
        for (std::size_t x = 0; x < picture.width; ++x) {
            const std::uint32_t value = picture.at(x, y);
            if (packing == PixelPacking::Mono12Packed) {
                row[x / 2 * 3 + (x % 2) * 2] = std::uint8_t(value >> 4);
                row[x / 2 * 3 + 1] |= std::uint8_t((value & 0xF) << (x % 2 * 4));
                continue;
            }
            for (unsigned bit = 0; bit < bits; ++bit) {
                const std::size_t at = x * bits + bit;
                row[at / 8] |= std::uint8_t((value >> bit & 1) << (at % 8));
            }
        }
    }
    return bytes;
}

Numbers unpacked(const std::vector<std::uint8_t> &bytes, const PictureFormat &format, std::size_t stride)
{
    Numbers picture{format.width, format.height,
                    std::vector<std::uint32_t>(std::size_t{format.width} * format.height)};
    for (std::size_t y = 0; y < picture.height; ++y) {
        for (std::size_t x = 0; x < picture.width; ++x) {
            const std::uint8_t *row = bytes.data() + y * stride;
            picture.at(x, y) = format.packing == PixelPacking::Mono8
                                   ? row[x]
                                   : std::uint32_t(row[2 * x] | std::uint32_t{row[2 * x + 1]} << 8);
        }
    }
    return picture;
}

void writeNpy(const std::string &path, const std::string &dtype, const std::vector<std::size_t> &shape,
              const std::vector<double> &values)
{
    std::string header = "{'descr': '" + dtype + "', 'fortran_order': False, 'shape': (";
    for (const std::size_t axis : shape)
        header += std::to_string(axis) + ",";
    header += "), }";
    header.resize((10 + header.size() + 64) / 64 * 64 - 10 - 1, ' ');
    header += '\n';
    std::ofstream file(path, std::ios::binary);
    const char start[] = {
        '\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, char(header.size() & 0xFF), char(header.size() >> 8)};
    file.write(start, sizeof start);
    file << header;
    const auto put = [&](auto value) { file.write(reinterpret_cast<const char *>(&value), sizeof value); };
    for (const double value : values) {
        if (dtype == "|u1" || dtype == "|b1")
            put(std::uint8_t(value));
        else if (dtype == "<u2")
            put(std::uint16_t(value));
        else if (dtype == "<f4")
            put(float(value));
        else
            put(std::int64_t(value)); // "<i8"
    }
}

} // namespace dmaslab::test
