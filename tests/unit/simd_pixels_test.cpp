// SPDX-License-Identifier: LGPL-2.1-or-later
// Kernels that turn pixels into pixels: every level gives the bits of the reference, and the reference those
// of numbers worked out by hand.
#include <gtest/gtest.h>

#include "dmaslab/simd/bin.h"
#include "dmaslab/simd/calibrate.h"
#include "dmaslab/simd/tone.h"
#include "dmaslab/simd/unpack.h"
#include "simd_test_support.h"

namespace dmaslab::test {

namespace {

/** Runs `apply(level, out)` at each level and compares with the reference's, gaps included. */
template <typename Out>
void expectLikeReference(const Shape &shape, const std::function<void(SimdLevel, Rows<Out>)> &apply)
{
    SCOPED_TRACE(text(shape));
    Picture<Out> expected(shape.width, shape.rows, shape.gap, shape.start);
    expected.fill(Content::Random, 7);
    const Picture<Out> blank = expected;
    apply(SimdLevel::Scalar, expected.rows());
    forEachLevel([&](SimdLevel level) {
        Picture<Out> out = blank;
        apply(level, out.rows());
        ASSERT_EQ(out.storage(), expected.storage());
    });
}

using Picture16 = Picture<std::uint16_t>;

} // namespace

TEST(SimdUnpack, EveryLevelLikeTheReference)
{
    for (const PixelPacking packing :
         {PixelPacking::Mono8, PixelPacking::Mono10p, PixelPacking::Mono12p, PixelPacking::Mono12Packed}) {
        for (const Shape &shape : shapes()) {
            for (const Store store : {Store::Cached, Store::Streaming}) {
                Picture<std::uint8_t> packed(bytesOfPixels(packing, shape.width), shape.rows, shape.gap,
                                             shape.start);
                packed.fill(Content::Random);
                expectLikeReference<std::uint16_t>(shape, [&](SimdLevel level, Pixels16 out) {
                    unpackKernels(level).of(packing)(packed.constRows(), out, store);
                });
            }
        }
    }
}

TEST(SimdUnpack, KnowsTheBytesOfEachFormat)
{
    const auto unpacked = [](PixelPacking packing, std::vector<std::uint8_t> bytes, std::size_t pixels) {
        std::vector<std::uint16_t> out(pixels);
        unpackKernels(SimdLevel::Scalar)
            .of(packing)({bytes.data(), 0, bytes.size(), 1}, {out.data(), 0, pixels, 1}, Store::Cached);
        return out;
    };
    // 0x201, 0x0C3, 0x155, 0x2AA as one little-endian string of 10-bit numbers.
    EXPECT_EQ(unpacked(PixelPacking::Mono10p, {0x01, 0x0E, 0x53, 0x95, 0xAA}, 4),
              (std::vector<std::uint16_t>{0x201, 0x0C3, 0x155, 0x2AA}));
    EXPECT_EQ(unpacked(PixelPacking::Mono12p, {0xBC, 0xFA, 0xDE}, 2),
              (std::vector<std::uint16_t>{0xABC, 0xDEF}));
    EXPECT_EQ(unpacked(PixelPacking::Mono12Packed, {0xAB, 0xFC, 0xDE}, 2),
              (std::vector<std::uint16_t>{0xABC, 0xDEF}));
    EXPECT_EQ(unpacked(PixelPacking::Mono12p, {0xBC, 0x0A}, 1), (std::vector<std::uint16_t>{0xABC}));
}

TEST(SimdCalibrate, EveryLevelLikeTheReference)
{
    for (const Shape &shape : shapes()) {
        for (const Content content : kContents) {
            for (const unsigned shift : {8u, 12u, 14u, 15u}) {
                Picture16 in(shape.width, shape.rows, shape.gap, shape.start);
                in.fill(content);
                Picture16 dark(shape.width, shape.rows), gain(shape.width, shape.rows, 2);
                dark.fill(content == Content::Random ? Content::Random : Content::Dim, 2);
                gain.fill(content == Content::Max ? Content::Max : Content::Random, 3);
                for (const unsigned which : {0u, 1u, 2u, 3u}) {
                    Calibration tables;
                    tables.gainShift = shift;
                    if (which & 1)
                        tables.dark = dark.constRows();
                    if (which & 2)
                        tables.gain = gain.constRows();
                    expectLikeReference<std::uint16_t>(shape, [&](SimdLevel level, Pixels16 out) {
                        calibrateKernels(level).calibrate(in.constRows(), out, tables,
                                                          which == 3 ? Store::Streaming : Store::Cached);
                    });
                }
            }
        }
    }
}

TEST(SimdCalibrate, InPlaceIsTheSame)
{
    for (const Shape &shape : shapes()) {
        SCOPED_TRACE(text(shape));
        Picture16 in(shape.width, shape.rows, shape.gap, shape.start);
        in.fill(Content::Random);
        Picture16 dark(shape.width, shape.rows), gain(shape.width, shape.rows);
        dark.fill(Content::Dim);
        gain.fill(Content::Random);
        const Calibration tables{dark.constRows(), gain.constRows(), 15};
        Picture16 expected = in;
        calibrateKernels(SimdLevel::Scalar).calibrate(in.constRows(), expected.rows(), tables, Store::Cached);
        forEachLevel([&](SimdLevel level) {
            Picture16 pixels = in;
            calibrateKernels(level).calibrate(pixels.constRows(), pixels.rows(), tables, Store::Cached);
            ASSERT_EQ(pixels.storage(), expected.storage());
        });
    }
}

TEST(SimdCalibrate, RoundsAndSaturates)
{
    EXPECT_EQ(calibrated(100, 200, 1u << 15, 15), 0);            // below dark
    EXPECT_EQ(calibrated(1000, 0, 1u << 15, 15), 1000);          // a gain of 1
    EXPECT_EQ(calibrated(65535, 0, 65535, 15), 65535);           // would be 131068
    EXPECT_EQ(calibrated(3, 0, std::uint16_t(1u << 14), 15), 2); // 1.5 up
    EXPECT_EQ(calibrated(65535, 0, 1u << 8, 8), 65535);
}

TEST(SimdBin, EveryLevelLikeTheReference)
{
    for (const unsigned factor : {2u, 4u}) {
        for (const Shape &shape : shapes()) {
            for (const Content content : kContents) {
                Picture16 in(shape.width * factor, shape.rows * factor, shape.gap, shape.start);
                in.fill(content);
                for (const BinMode mode : {BinMode::Sum, BinMode::Mean}) {
                    expectLikeReference<std::uint16_t>(shape, [&](SimdLevel level, Pixels16 out) {
                        const BinKernels &kernels = binKernels(level);
                        (factor == 2 ? kernels.by2 : kernels.by4)(in.constRows(), out, mode, Store::Cached);
                    });
                }
            }
        }
    }
}

TEST(SimdTone, EveryLevelLikeTheReference)
{
    std::vector<std::uint8_t> bytes(4096);
    std::vector<std::uint16_t> words(65536);
    for (std::size_t i = 0; i < words.size(); ++i) {
        words[i] = std::uint16_t(65535 - i);
        bytes[i % bytes.size()] = std::uint8_t(i / 7);
    }
    for (const Shape &shape : shapes()) {
        for (const Content content : kContents) {
            Picture16 in(shape.width, shape.rows, shape.gap, shape.start);
            in.fill(content);
            for (const Store store : {Store::Cached, Store::Streaming}) {
                for (const std::uint16_t level16 : {0, 1, 4, 0x7FFF, 0x8000, 0xFFFF})
                    expectLikeReference<std::uint16_t>(shape, [&](SimdLevel level, Pixels16 out) {
                        toneKernels(level).zeroBelow(in.constRows(), out, level16, store);
                    });
                for (const ToneWindow &window :
                     {ToneWindow(0, 65535), ToneWindow(3, 8), ToneWindow(1000, 1001), ToneWindow(100, 4095),
                      ToneWindow(40000, 65535)})
                    expectLikeReference<std::uint8_t>(shape, [&](SimdLevel level, Pixels8 out) {
                        toneKernels(level).window(in.constRows(), out, window, store);
                    });
                expectLikeReference<std::uint8_t>(shape, [&](SimdLevel level, Pixels8 out) {
                    toneKernels(level).narrow(in.constRows(), out, store);
                });
            }
            expectLikeReference<std::uint8_t>(shape, [&](SimdLevel level, Pixels8 out) {
                toneKernels(level).lookUp8(in.constRows(), out, bytes.data(), bytes.size());
            });
            expectLikeReference<std::uint16_t>(shape, [&](SimdLevel level, Pixels16 out) {
                toneKernels(level).lookUp16(in.constRows(), out, words.data(), words.size());
            });
            expectLikeReference<std::uint16_t>(shape, [&](SimdLevel level, Pixels16 out) {
                toneKernels(level).mirror(in.constRows(), out);
            });
        }
    }
}

TEST(SimdTone, AWindowIsAStraightLineBetweenItsEnds)
{
    for (const auto &[low, high] :
         std::vector<std::pair<int, int>>{{0, 1}, {0, 255}, {0, 65535}, {100, 4095}, {7, 300}}) {
        const ToneWindow window{std::uint16_t(low), std::uint16_t(high)};
        EXPECT_EQ(window.level(std::uint16_t(low)), 0);
        EXPECT_EQ(window.level(std::uint16_t(high)), 255);
        EXPECT_EQ(window.level(65535), 255);
        for (int value = low; value <= high; value += 1 + (high - low) / 5000) {
            const double exact = 255.0 * (value - low) / (high - low);
            ASSERT_NEAR(window.level(std::uint16_t(value)), exact, 0.51)
                << low << " to " << high << ": " << value;
        }
    }
}

TEST(SimdTone, ReadsRowsThatGoUpwards)
{
    Picture16 in(70, 6);
    in.fill(Content::Random);
    const ConstPixels16 rows = in.constRows();
    const ConstPixels16 upwards{rows.row(5), -rows.stride, rows.width, rows.rows};
    forEachLevel([&](SimdLevel level) {
        Picture16 out(70, 6);
        toneKernels(level).zeroBelow(upwards, out.rows(), 0, Store::Cached);
        for (std::size_t y = 0; y < 6; ++y)
            ASSERT_TRUE(std::equal(rows.row(y), rows.row(y) + 70, out.constRows().row(5 - y))) << y;
    });
}

} // namespace dmaslab::test
