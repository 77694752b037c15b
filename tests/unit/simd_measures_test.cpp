// SPDX-License-Identifier: LGPL-2.1-or-later
// Kernels that turn pixels into numbers.
#include <cmath>
#include <gtest/gtest.h>

#include "dmaslab/simd/roi.h"
#include "dmaslab/simd/statistics.h"
#include "simd_test_support.h"

namespace dmaslab::test {

namespace {

using Picture16 = Picture<std::uint16_t>;

void expectEqual(const PixelSums &sums, const PixelSums &expected)
{
    EXPECT_EQ(sums.count, expected.count);
    EXPECT_EQ(sums.sum, expected.sum);
    EXPECT_EQ(sums.squares, expected.squares);
    EXPECT_EQ(sums.saturated, expected.saturated);
    EXPECT_EQ(sums.min, expected.min);
    EXPECT_EQ(sums.max, expected.max);
}

struct Grid
{
    std::size_t width, columns, rows;
};

/** A picture that ends where the grid does, or a little later. */
template <typename Result, typename Kernel>
void expectGridsLikeReference(const Kernel &kernel)
{
    for (const Grid &grid :
         {Grid{1, 5, 3},    Grid{2, 7, 1},   Grid{3, 11, 4},   Grid{4, 16, 8},  Grid{5, 9, 5},
          Grid{6, 5, 2},    Grid{7, 20, 7},  Grid{8, 16, 8},   Grid{9, 3, 9},   Grid{10, 20, 10},
          Grid{12, 10, 12}, Grid{16, 3, 16}, Grid{20, 4, 300}, Grid{31, 2, 2},  Grid{64, 3, 9},
          Grid{300, 3, 2},  Grid{511, 2, 2}, Grid{512, 1, 2},  Grid{700, 2, 2}, Grid{1301, 1, 3}}) {
        for (const std::size_t beside : {0, 1, 40}) {
            for (const Content content : kContents) {
                SCOPED_TRACE(std::to_string(grid.columns) + " of " + std::to_string(grid.width) + "x" +
                             std::to_string(grid.rows) + ", " + std::to_string(beside) + " beside");
                Picture16 in(beside + grid.width * grid.columns + beside, grid.rows, beside % 3, beside % 2);
                in.fill(content);
                const RoiRow row{beside, grid.width, grid.columns};
                std::vector<Result> expected(grid.columns, Result{1});
                kernel(SimdLevel::Scalar, in.constRows(), row, expected.data());
                forEachLevel([&](SimdLevel level) {
                    std::vector<Result> found(grid.columns, Result{1}); // added to what is there
                    kernel(level, in.constRows(), row, found.data());
                    ASSERT_EQ(found, expected);
                });
            }
        }
    }
}

} // namespace

TEST(SimdStatistics, EveryLevelLikeTheReference)
{
    for (const Shape &shape : shapes()) {
        for (const Content content : kContents) {
            SCOPED_TRACE(text(shape));
            Picture16 in(shape.width, shape.rows, shape.gap, shape.start);
            in.fill(content);
            Picture<std::uint8_t> bytes(shape.width, shape.rows, shape.gap, shape.start);
            bytes.fill(content);
            for (const std::uint16_t saturation : {1, 5, 0x8000, 0xFFFF}) {
                PixelSums expected, expected8;
                statisticsKernels(SimdLevel::Scalar).sums16(in.constRows(), saturation, expected);
                statisticsKernels(SimdLevel::Scalar)
                    .sums8(bytes.constRows(), std::uint8_t(saturation), expected8);
                const auto reached = statisticsKernels(SimdLevel::Scalar).atLeast(in.constRows(), saturation);
                EXPECT_EQ(reached, expected.saturated);
                forEachLevel([&](SimdLevel level) {
                    PixelSums sums, sums8;
                    statisticsKernels(level).sums16(in.constRows(), saturation, sums);
                    expectEqual(sums, expected);
                    statisticsKernels(level).sums8(bytes.constRows(), std::uint8_t(saturation), sums8);
                    expectEqual(sums8, expected8);
                    EXPECT_EQ(statisticsKernels(level).atLeast(in.constRows(), saturation), reached);
                });
            }
        }
    }
}

TEST(SimdStatistics, NothingOverflowsInALargeBrightPicture)
{
    Picture16 in(8192, 1200); // more vectors than 16-bit counts take, sums far beyond 2^31
    for (const Content content : {Content::Max, Content::Bright, Content::Zero}) {
        in.fill(content);
        PixelSums expected;
        statisticsKernels(SimdLevel::Scalar).sums16(in.constRows(), 0xFFFF, expected);
        forEachLevel([&](SimdLevel level) {
            PixelSums sums;
            statisticsKernels(level).sums16(in.constRows(), 0xFFFF, sums);
            expectEqual(sums, expected);
            EXPECT_EQ(statisticsKernels(level).atLeast(in.constRows(), 0xFFFF), expected.saturated);
            std::vector<std::uint64_t> roi(2, 0);
            roiKernels(level).sums(in.constRows(), {0, 4096, 2}, roi.data());
            EXPECT_EQ(roi[0] + roi[1], expected.sum);
        });
    }
}

TEST(SimdStatistics, TheVarianceOfAnEvenPictureIsZero)
{
    PixelSums sums;
    const std::vector<std::uint16_t> even(1000, 65521);
    statisticsKernels(SimdLevel::Auto).sums16({even.data(), 0, 1000, 1}, 0xFFFF, sums);
    EXPECT_EQ(sums.variance(), 0.0);
    EXPECT_EQ(sums.mean(), 65521.0);
    EXPECT_EQ(PixelSums().mean(), 0.0);
    EXPECT_EQ(PixelSums().variance(), 0.0);
}

TEST(SimdStatistics, HistogramCountsEachPixelOnce)
{
    Picture16 in(641, 7, 3);
    in.fill(Content::Random);
    for (const unsigned shift : {0u, 4u, 8u}) {
        forEachLevel([&](SimdLevel level) {
            std::vector<std::uint32_t> bins(shift == 0 ? 300 : 65536u >> shift), expected(bins.size());
            statisticsKernels(SimdLevel::Scalar).histogram(in.constRows(), shift, expected);
            statisticsKernels(level).histogram(in.constRows(), shift, bins);
            EXPECT_EQ(bins, expected);
            std::uint64_t all = 0;
            for (const std::uint32_t bin : bins)
                all += bin;
            EXPECT_EQ(all, 641u * 7u);
        });
    }
}

TEST(SimdMotion, EveryLevelLikeTheReference)
{
    for (const Shape &shape : shapes()) {
        for (const Content content : kContents) {
            SCOPED_TRACE(text(shape));
            Picture16 now(shape.width, shape.rows, shape.gap, shape.start);
            now.fill(content, 3);
            for (const std::uint16_t threshold : {0, 1, 4, 0x7FFF, 0xFFFE}) {
                Picture16 expected(shape.width, shape.rows, 1);
                expected.fill(Content::Random, 4);
                const Picture16 before = expected;
                const auto count =
                    statisticsKernels(SimdLevel::Scalar).changed(now.constRows(), expected.rows(), threshold);
                forEachLevel([&](SimdLevel level) {
                    Picture16 picture = before;
                    EXPECT_EQ(statisticsKernels(level).changed(now.constRows(), picture.rows(), threshold),
                              count);
                    ASSERT_EQ(picture.storage(), expected.storage());
                });
            }
        }
    }
}

TEST(SimdRoi, SumsLikeTheReference)
{
    expectGridsLikeReference<std::uint64_t>(
        [](SimdLevel level, ConstPixels16 in, const RoiRow &row, std::uint64_t *sums) {
            roiKernels(level).sums(in, row, sums);
        });
}

TEST(SimdRoi, MomentsLikeTheReference)
{
    for (const std::uint16_t threshold : {0, 3, 0x8000, 0xFFFE}) {
        for (const std::size_t firstRow : {0, 5}) {
            expectGridsLikeReference<RoiMoments>(
                [&](SimdLevel level, ConstPixels16 in, const RoiRow &row, RoiMoments *moments) {
                    roiKernels(level).moments(in, row, firstRow, threshold, moments);
                });
        }
    }
}

TEST(SimdRoi, MomentsOfOnePixelAreItsPlace)
{
    Picture16 in(16, 8);
    in.rows().row(5)[8 + 3] = 1000;
    std::vector<RoiMoments> moments(2);
    roiKernels(SimdLevel::Auto).moments(in.constRows(), {0, 8, 2}, 0, 100, moments.data());
    EXPECT_EQ(moments[0].sum, 0u);
    EXPECT_EQ(moments[1].sum, 900u);
    EXPECT_EQ(moments[1].x, 900u * 3);
    EXPECT_EQ(moments[1].y, 900u * 5);
}

TEST(SimdLevels, AreNamedAndCapped)
{
    EXPECT_EQ(usableSimdLevels().front(), SimdLevel::Scalar);
    for (const SimdLevel level : usableSimdLevels()) {
        EXPECT_EQ(bestSimdLevel(level), level);
        EXPECT_EQ(simdLevelFromString(toString(level)), level);
    }
    EXPECT_EQ(bestSimdLevel(), usableSimdLevels().back());
    EXPECT_EQ(bestSimdLevel(SimdLevel::Scalar), SimdLevel::Scalar);
    EXPECT_LE(bestSimdLevel(SimdLevel::Sse4), SimdLevel::Sse4);
    EXPECT_FALSE(simdLevelFromString("mmx"));
#ifdef __aarch64__
    EXPECT_EQ(bestSimdLevel(), SimdLevel::Neon); // every CPU of this kind has it
#endif
}

} // namespace dmaslab::test
