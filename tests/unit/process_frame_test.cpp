// SPDX-License-Identifier: LGPL-2.1-or-later
// Whole frames through the bands, against a model that knows nothing of bands, vectors and threads.
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <random>

#include "process_model.h"

namespace dmaslab::test {

namespace {

class TemporaryDirectory
{
public:
    TemporaryDirectory()
    {
        std::string name = (std::filesystem::temp_directory_path() / "dmaslab-process-XXXXXX").string();
        path_ = mkdtemp(name.data());
    }
    ~TemporaryDirectory()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string file(const std::string &name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

/** Draws settings, tables and frames from one seed. */
class Case
{
public:
    Case(unsigned seed, const TemporaryDirectory &directory) : random_(seed), directory_(directory)
    {
        constexpr PixelPacking kPackings[] = {PixelPacking::Mono8, PixelPacking::Mono10p,
                                              PixelPacking::Mono12p, PixelPacking::Mono12Packed,
                                              PixelPacking::Mono16};
        format.packing = kPackings[below(5)];
        format.width = 4 + below(below(4) == 0 ? 700 : 90);
        format.height = 4 + below(60);
        format.significantBits =
            format.packing == PixelPacking::Mono16 ? 8 + below(9) : bitsPerPixel(format.packing);
        drawSettings();
        drawTables();
        drawGrid();
    }

    [[nodiscard]] Numbers frame()
    {
        Numbers picture{format.width, format.height, {}};
        picture.values.resize(std::size_t{format.width} * format.height);
        const std::uint32_t top = format.fullScale();
        const unsigned kind = below(4);
        for (std::uint32_t &value : picture.values)
            value = kind == 0 ? below(5) : kind == 1 ? top - below(3) : below(top + 1);
        return picture;
    }
    [[nodiscard]] unsigned below(unsigned limit) { return limit == 0 ? 0 : unsigned(random_() % limit); }

    PictureFormat format;
    ProcessSettings settings;
    Model::Tables tables;

private:
    void drawSettings()
    {
        if (below(3) == 0) {
            const std::uint32_t width = 4 + below(format.width - 3), height = 4 + below(format.height - 3);
            settings.crop = {below(format.width - width + 1), below(format.height - height + 1), width,
                             height};
        }
        settings.flip = static_cast<Flip>(below(3) == 0 ? below(4) : 0);
        settings.bin = below(3) == 0 ? 2u << below(2) : 1;
        settings.binMode = below(2) ? BinMode::Sum : BinMode::Mean;
        settings.threshold = std::uint16_t(below(3) == 0 ? below(300) : 0);
        if (below(3) == 0) {
            settings.window = WindowMode::Fixed;
            settings.windowLow = std::uint16_t(below(1000));
            settings.windowHigh = std::uint16_t(settings.windowLow + 1 + below(3000));
        }
        settings.statistics = below(2);
        settings.histogram = below(3) == 0;
        settings.motion = below(3) == 0 ? 1 + below(200) : 0;
        settings.unpack = true;
    }

    void drawTables()
    {
        const std::size_t pixels = std::size_t{format.width} * format.height;
        const std::vector<std::size_t> shape{format.height, format.width};
        if (below(3) == 0) {
            for (std::size_t i = 0; i < pixels; ++i)
                tables.dark.push_back(below(40));
            writeNpy(settings.dark = directory_.file("dark.npy"), below(2) ? "|u1" : "<f4", shape,
                     tables.dark);
        }
        if (below(3) == 0) {
            std::vector<double> list;
            for (unsigned i = 0, count = 1 + below(8); i < count; ++i) {
                tables.bad.emplace_back(below(format.height), below(format.width));
                list.insert(list.end(), {double(tables.bad.back().first), double(tables.bad.back().second)});
            }
            writeNpy(settings.badPixels = directory_.file("bad.npy"), "<i8", {tables.bad.size(), 2}, list);
        }
        if (below(3) == 0) {
            const unsigned spread = below(2) ? 50 : 900;
            for (std::size_t i = 0; i < pixels; ++i)
                tables.flat.push_back(1000 - below(spread));
            for (const auto &[row, column] : tables.bad)
                tables.flat[row * format.width + column] = 0; // no error: its own value does not count
            writeNpy(settings.flat = directory_.file("flat.npy"), "<u2", shape, tables.flat);
        }
        if (settings.window == WindowMode::None && below(4) == 0) {
            std::vector<double> values;
            const bool bytes = below(2);
            for (std::size_t i = 0; i < std::size_t{1} << format.significantBits; ++i) {
                tables.lut.push_back(below(bytes ? 256 : 65536));
                values.push_back(tables.lut.back());
            }
            writeNpy(settings.lut = directory_.file("lut.npy"), bytes ? "|u1" : "<u2", {values.size()},
                     values);
        }
    }

    void drawGrid()
    {
        const std::uint32_t width = (settings.crop.width ? settings.crop.width : format.width) / settings.bin;
        const std::uint32_t height =
            (settings.crop.height ? settings.crop.height : format.height) / settings.bin;
        if (below(2) == 0 || width == 0 || height == 0)
            return;
        settings.roiMode = static_cast<RoiMode>(1 + below(3));
        settings.roi.width = 1 + below(std::min(width, 20u));
        settings.roi.height = 1 + below(height);
        settings.roi.columns = 1 + below(width / settings.roi.width);
        settings.roi.rows = 1 + below(height / settings.roi.height);
        settings.roi.x = below(width - settings.roi.width * settings.roi.columns + 1);
        settings.roi.y = below(height - settings.roi.height * settings.roi.rows + 1);
        settings.roiThreshold = std::uint16_t(below(2) ? below(20) : 0);
    }

    std::mt19937 random_;
    const TemporaryDirectory &directory_;
};

template <typename T>
T get(const std::vector<std::byte> &record, std::size_t offset)
{
    T value;
    std::memcpy(&value, record.data() + offset, sizeof value);
    return value;
}

void expectStatistics(const std::vector<std::byte> &record, const ResultLayout &layout, const Model &model)
{
    double sum = 0, squares = 0;
    std::uint32_t least = 65535, most = 0;
    for (const std::uint32_t value : model.measured.values) {
        sum += value;
        squares += double(value) * value;
        least = std::min(least, value);
        most = std::max(most, value);
    }
    const double count = double(model.measured.values.size());
    EXPECT_EQ(get<std::uint16_t>(record, layout.min), least);
    EXPECT_EQ(get<std::uint16_t>(record, layout.max), most);
    EXPECT_DOUBLE_EQ(get<double>(record, layout.mean), sum / count);
    EXPECT_NEAR(get<double>(record, layout.variance), squares / count - sum / count * sum / count,
                1e-3 + squares * 1e-12);
    EXPECT_EQ(get<std::uint64_t>(record, layout.saturated), model.saturated);
}

void expectGrid(const std::vector<std::byte> &record, const FrameProcessor &processor,
                const ProcessSettings &settings, const Model &model)
{
    const ResultLayout &layout = processor.results();
    const RoiGrid &roi = settings.roi;
    for (std::size_t i = 0; i < roi.count(); ++i) {
        const std::size_t x0 = roi.x + i % roi.columns * roi.width, y0 = roi.y + i / roi.columns * roi.height;
        std::uint64_t light = 0, mx = 0, my = 0;
        const std::uint32_t dark = settings.roiMode == RoiMode::Centroid ? settings.roiThreshold : 0;
        for (std::size_t y = 0; y < roi.height; ++y) {
            for (std::size_t x = 0; x < roi.width; ++x) {
                const std::uint32_t value = model.measured.at(x0 + x, y0 + y);
                const std::uint64_t above = value > dark ? value - dark : 0;
                light += above;
                mx += above * x;
                my += above * y;
            }
        }
        ASSERT_EQ(get<std::uint64_t>(record, layout.sums + 8 * i), light) << "rectangle " << i;
        if (settings.roiMode == RoiMode::Occupancy) {
            ASSERT_EQ(get<std::uint8_t>(record, layout.occupied + i),
                      light >= processor.occupancy().counts ? 1 : 0);
        }
        if (settings.roiMode != RoiMode::Centroid)
            continue;
        if (light == 0) {
            ASSERT_TRUE(std::isnan(get<float>(record, layout.x + 4 * i)));
            continue;
        }
        ASSERT_NEAR(get<float>(record, layout.x + 4 * i), double(mx) / double(light) - (roi.width - 1) / 2.0,
                    1e-4);
        ASSERT_NEAR(get<float>(record, layout.y + 4 * i), double(my) / double(light) - (roi.height - 1) / 2.0,
                    1e-4);
    }
}

/** Three frames one after the other, in place where that is possible and in another place as well. */
void expectLikeTheModel(Case &drawn, std::uint32_t threads, SimdLevel level)
{
    ProcessSettings settings = drawn.settings;
    settings.threads = threads;
    settings.simd = level;
    auto made = FrameProcessor::make(drawn.format, settings);
    if (!made && settings.bin > 1)
        return; // nothing left of a small crop
    ASSERT_TRUE(made) << made.error().message;
    FrameProcessor &processor = **made;
    Model model(settings, drawn.tables);
    model.cameraBits = drawn.format.significantBits;
    std::vector<std::byte> record(processor.results().bytes());
    const PictureFormat &output = processor.output();
    const std::size_t inStride = (bytesOfPixels(drawn.format.packing, drawn.format.width) + 7) / 2 * 2;
    const std::size_t outStride = bytesOfPixels(output.packing, output.width) + 6;
    for (int i = 0; i < 3; ++i) {
        const Numbers camera = drawn.frame();
        std::vector<std::uint8_t> in = packed(camera, drawn.format.packing, inStride);
        const std::vector<std::uint8_t> untouched = in;
        const bool inPlace = processor.worksInPlace() && i == 1;
        std::vector<std::uint8_t> out(outStride * (output.height - 1) +
                                      bytesOfPixels(output.packing, output.width));
        processor.process({in.data(), std::ptrdiff_t(inStride),
                           !processor.changesPixels() ? nullptr
                           : inPlace                  ? in.data()
                                                      : out.data(),
                           std::ptrdiff_t(inPlace ? inStride : outStride)},
                          record);
        model.run(camera);
        if (!inPlace) {
            ASSERT_EQ(in, untouched);
        }
        if (processor.changesPixels()) {
            ASSERT_EQ(output.width, model.out.width);
            ASSERT_EQ(output.height, model.out.height);
            Numbers expected = model.out;
            if (output.packing == PixelPacking::Mono8) {
                for (std::uint32_t &value : expected.values)
                    value = std::min(value, 255u);
            }
            const Numbers found = unpacked(inPlace ? in : out, output, inPlace ? inStride : outStride);
            ASSERT_EQ(found.values, expected.values);
        }
        if (settings.motion != 0) {
            ASSERT_EQ(get<std::uint64_t>(record, processor.results().changed), model.changed);
        }
        if (settings.statistics)
            expectStatistics(record, processor.results(), model);
        if (settings.roiMode != RoiMode::None)
            expectGrid(record, processor, settings, model);
    }
}

} // namespace

TEST(ProcessFrame, LikeTheModelWhateverIsAskedFor)
{
    const TemporaryDirectory directory;
    const bool soak = std::getenv("DMASLAB_SOAK") != nullptr;
    for (unsigned seed = 0; seed < (soak ? 20000u : 600u); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Case drawn(seed, directory);
        const auto &levels = usableSimdLevels();
        expectLikeTheModel(drawn, 1 + seed % 4, levels[seed / 4 % levels.size()]);
        if (HasFatalFailure())
            return;
    }
}

TEST(ProcessFrame, AnyNumberOfThreadsGivesTheSame)
{
    const TemporaryDirectory directory;
    for (unsigned seed = 1000; seed < 1060; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::vector<std::byte> records[3];
        std::vector<std::uint8_t> pictures[3];
        for (unsigned i = 0; i < 3; ++i) {
            Case drawn(seed, directory); // draws the same frames each time
            drawn.settings.threads = 1u << i;
            const auto made = FrameProcessor::make(drawn.format, drawn.settings);
            if (!made)
                break;
            const std::size_t stride = (bytesOfPixels(drawn.format.packing, drawn.format.width) + 1) / 2 * 2;
            const std::vector<std::uint8_t> in = packed(drawn.frame(), drawn.format.packing, stride);
            records[i].resize((*made)->results().bytes());
            pictures[i].resize(std::size_t{2} * drawn.format.width * drawn.format.height);
            (*made)->process({in.data(), std::ptrdiff_t(stride),
                              (*made)->changesPixels() ? pictures[i].data() : nullptr,
                              std::ptrdiff_t(2 * drawn.format.width)},
                             records[i]);
        }
        EXPECT_EQ(records[0], records[1]);
        EXPECT_EQ(records[0], records[2]);
        EXPECT_EQ(pictures[0], pictures[1]);
        EXPECT_EQ(pictures[0], pictures[2]);
    }
}

TEST(ProcessFrame, AnAutomaticWindowFollowsTheFrameBefore)
{
    ProcessSettings settings;
    settings.window = WindowMode::Auto;
    const auto made = FrameProcessor::make({PixelPacking::Mono16, 100, 100, 12}, settings);
    ASSERT_TRUE(made) << made.error().message;
    std::vector<std::uint16_t> in(10000);
    for (std::size_t i = 0; i < in.size(); ++i)
        in[i] = std::uint16_t(1000 + i / 100); // 1000 to 1099, one value per row
    std::vector<std::uint8_t> out(10000);
    std::vector<std::byte> record((*made)->results().bytes());
    const FramePlanes planes{reinterpret_cast<const std::uint8_t *>(in.data()), 200, out.data(), 100};
    (*made)->process(planes, record);
    EXPECT_EQ(get<std::uint16_t>(record, (*made)->results().windowLow), 0);
    EXPECT_EQ(get<std::uint16_t>(record, (*made)->results().windowHigh), 4095);
    (*made)->process(planes, record);
    EXPECT_EQ(get<std::uint16_t>(record, (*made)->results().windowLow), 1000);
    EXPECT_NEAR(get<std::uint16_t>(record, (*made)->results().windowHigh), 1098, 1);
    EXPECT_EQ(out.front(), 0);
    EXPECT_EQ(out.back(), 255);
}

TEST(ProcessFrame, AnAutomaticWindowNeedsNoRecord)
{
    ProcessSettings settings;
    settings.window = WindowMode::Auto;
    auto made = FrameProcessor::make({PixelPacking::Mono16, 4, 2, 16}, settings);
    ASSERT_TRUE(made) << made.error().message;
    const std::uint16_t in[8] = {0, 0, 0, 0, 65535, 65535, 65535, 65535};
    std::uint8_t out[8] = {};
    (*made)->process({reinterpret_cast<const std::uint8_t *>(in), 8, out, 4}, {});
    EXPECT_EQ(out[0], 0);
    EXPECT_EQ(out[7], 255);
}

} // namespace dmaslab::test
