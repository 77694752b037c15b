// SPDX-License-Identifier: LGPL-2.1-or-later
// What simdproc says of a frame, against plain loops, and that measuring leaves the frame alone.
#include <cmath>

#include <gst/video/video.h>

#include "simdproc_bench.h"
#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

GstDmaSlabResultsMeta *resultsOf(const BufferPtr &buffer)
{
    GstDmaSlabResultsMeta *meta = gst_buffer_get_dma_slab_results_meta(buffer.get());
    EXPECT_TRUE(meta);
    return meta;
}

void expectStatistics(const GstDmaSlabResultsMeta &meta, const Numbers &picture, std::uint32_t fullScale)
{
    std::uint32_t least = ~0u, most = 0;
    double sum = 0, squares = 0;
    std::uint64_t saturated = 0;
    for (const std::uint32_t value : picture.values) {
        least = std::min(least, value);
        most = std::max(most, value);
        sum += value;
        saturated += value >= fullScale;
    }
    const double mean = sum / double(picture.values.size());
    for (const std::uint32_t value : picture.values)
        squares += (value - mean) * (value - mean);
    EXPECT_TRUE(meta.has_statistics);
    EXPECT_EQ(meta.min, least);
    EXPECT_EQ(meta.max, most);
    EXPECT_NEAR(meta.mean, mean, 1e-9 * mean);
    EXPECT_NEAR(meta.variance, squares / double(picture.values.size()), 1e-6 * squares);
    EXPECT_NEAR(meta.brightness, mean / fullScale, 1e-9);
    EXPECT_EQ(meta.saturated, saturated);
}

std::uint64_t sumOf(const Numbers &picture, std::size_t left, std::size_t top, std::size_t width,
                    std::size_t height)
{
    std::uint64_t sum = 0;
    for (std::size_t y = top; y < top + height; ++y) {
        for (std::size_t x = left; x < left + width; ++x)
            sum += picture.at(x, y);
    }
    return sum;
}

/** Nothing was copied: neither by us, nor out of the pool by anybody. */
void expectUncopied(const ProcBench &bench, const PoolObject &pool)
{
    EXPECT_EQ(bench.stat("bytes-copied"), 0u);
    EXPECT_EQ(copied(pool), 0u);
}

BufferPtr slabFrame(const PoolObject &pool, const Numbers &picture, guint64 sequence)
{
    BufferPtr buffer = take(pool);
    const auto bytes = bytesOf(picture, 2, picture.width * 2);
    gst_buffer_fill(buffer.get(), 0, bytes.data(), bytes.size());
    stamp(buffer.get(), sequence);
    return buffer;
}

const char *const kAll = "statistics=true histogram=true motion=100 roi-mode=sum roi-x=3 roi-y=5 roi-width=4 "
                         "roi-height=3 roi-columns=10 roi-rows=7";

} // namespace

TEST(SimdProcMeasure, AFrameThatIsOnlyMeasuredIsTheSameBufferInTheSameMemory)
{
    const auto pool = activePool(4, 64 * 48 * 2);
    const Numbers picture = randomPicture(1, 64, 48);
    ProcBench bench(kAll);
    ASSERT_TRUE(bench.start(capsOf("GRAY16_LE", 64, 48)));
    BufferPtr frame = slabFrame(pool, picture, 7);
    const GstBuffer *buffer = frame.get();
    const GstMemory *memory = gst_buffer_peek_memory(frame.get(), 0);
    ASSERT_EQ(bench.push(std::move(frame)), GST_FLOW_OK);
    const BufferPtr out = bench.out.buffer(0);
    EXPECT_EQ(out.get(), buffer);
    EXPECT_EQ(gst_buffer_peek_memory(out.get(), 0), memory);
    EXPECT_EQ(GST_BUFFER_OFFSET(out.get()), 7u);
    EXPECT_EQ(pictureOf(out.get(), bench.out.caps().get()).values, picture.values);
    expectUncopied(bench, pool);
    EXPECT_EQ(bench.stat("frames-in-place"), 0u);
}

TEST(SimdProcMeasure, ASharedBufferIsCopiedShallowAndTheOtherHolderSeesNoMeta)
{
    const auto pool = activePool(4, 64 * 48 * 2);
    ProcBench bench(kAll);
    ASSERT_TRUE(bench.start(capsOf("GRAY16_LE", 64, 48)));
    const BufferPtr mine = slabFrame(pool, randomPicture(1, 64, 48), 7);
    ASSERT_EQ(bench.push(BufferPtr(gst_buffer_ref(mine.get()))), GST_FLOW_OK);
    const BufferPtr out = bench.out.buffer(0);
    EXPECT_NE(out.get(), mine.get());
    EXPECT_EQ(gst_buffer_peek_memory(out.get(), 0), gst_buffer_peek_memory(mine.get(), 0));
    EXPECT_TRUE(gst_buffer_get_dma_slab_results_meta(out.get()));
    EXPECT_FALSE(gst_buffer_get_dma_slab_results_meta(mine.get()));
    EXPECT_EQ(GST_BUFFER_PTS(out.get()), GST_BUFFER_PTS(mine.get()));
    expectUncopied(bench, pool);
}

TEST(SimdProcMeasure, MemoryThatMayNotBeSharedIsCopiedAndThatIsCounted)
{
    ProcBench bench(kAll);
    ASSERT_TRUE(bench.start(capsOf("GRAY16_LE", 64, 48)));
    const BufferPtr mine = frame16(randomPicture(1, 64, 48));
    GST_MINI_OBJECT_FLAG_SET(gst_buffer_peek_memory(mine.get(), 0), GST_MEMORY_FLAG_NO_SHARE);
    ASSERT_EQ(bench.push(BufferPtr(gst_buffer_ref(mine.get()))), GST_FLOW_OK);
    EXPECT_EQ(bench.stat("bytes-copied"), 64u * 48 * 2);
}

TEST(SimdProcMeasure, WithNothingAskedFramesPassWithoutALook)
{
    ProcBench bench("");
    ASSERT_TRUE(bench.start(capsOf("GRAY16_LE", 64, 48)));
    const BufferPtr mine = frame16(randomPicture(1, 64, 48));
    ASSERT_EQ(bench.push(BufferPtr(gst_buffer_ref(mine.get()))), GST_FLOW_OK);
    EXPECT_EQ(bench.out.buffer(0).get(), mine.get());
    EXPECT_FALSE(gst_buffer_get_dma_slab_results_meta(mine.get()));
}

TEST(SimdProcMeasure, TheMetaHasTheNumbersOfPlainLoops)
{
    ProcBench bench(kAll);
    ASSERT_TRUE(bench.start(capsOf("GRAY16_LE", 61, 47) + ",significant-bits=12"));
    const Numbers first = randomPicture(1, 61, 47), second = randomPicture(2, 61, 47);
    bench.push(frame16(first, 3));
    bench.push(frame16(second, 4));
    const BufferPtr before = bench.out.buffer(0), out = bench.out.buffer(1);
    EXPECT_EQ(resultsOf(before)->changed, 0u) << "the first has none before it";
    const GstDmaSlabResultsMeta &meta = *resultsOf(out);
    expectStatistics(meta, second, 4095);
    EXPECT_EQ(meta.sequence, 4u);
    EXPECT_EQ(meta.pts, GST_BUFFER_PTS(out.get()));
    std::uint64_t changed = 0;
    std::vector<std::uint32_t> bins(256);
    for (std::size_t i = 0; i < second.values.size(); ++i) {
        changed += std::abs(int(second.values[i]) - int(first.values[i])) > 100;
        ++bins[second.values[i] >> 4];
    }
    EXPECT_TRUE(meta.has_motion);
    EXPECT_EQ(meta.changed, changed);
    EXPECT_EQ(std::vector<std::uint32_t>(meta.histogram, meta.histogram + 256), bins);
    ASSERT_EQ(meta.roi_columns, 10u);
    ASSERT_EQ(meta.roi_rows, 7u);
    for (guint row = 0; row < 7; ++row) {
        for (guint column = 0; column < 10; ++column)
            EXPECT_EQ(meta.roi_sums[row * 10 + column], sumOf(second, 3 + column * 4, 5 + row * 3, 4, 3));
    }
    EXPECT_EQ(meta.roi_occupied, nullptr);
    EXPECT_EQ(meta.roi_x, nullptr);
}

TEST(SimdProcMeasure, OccupancySaysWhichRectanglesReachTheThreshold)
{
    ProcBench bench("roi-mode=occupancy roi-width=5 roi-height=5 roi-columns=4 roi-rows=2 "
                    "lambda-occupied=100 lambda-empty=5");
    ASSERT_TRUE(bench.start(capsOf("GRAY8", 20, 10)));
    Numbers picture{20, 10, std::vector<std::uint32_t>(200)};
    picture.at(7, 2) = 90;  // rectangle 1
    picture.at(16, 8) = 90; // rectangle 7
    picture.at(0, 0) = 6;   // noise
    bench.push(frame8(picture));
    const BufferPtr out = bench.out.buffer(0);
    const GstDmaSlabResultsMeta &meta = *resultsOf(out);
    EXPECT_EQ(std::vector<int>(meta.roi_occupied, meta.roi_occupied + 8),
              (std::vector<int>{0, 1, 0, 0, 0, 0, 0, 1}));
    EXPECT_GT(bench.stat("occupancy-threshold"), 6u);
    EXPECT_LT(bench.stat("occupancy-threshold"), 90u);
}

TEST(SimdProcMeasure, CentroidsAreFromTheCentreOfEachRectangleLessTheReference)
{
    const TableDirectory tables;
    const std::string reference = tables.table("ref", "<f4", {1, 2, 2}, {0.5, 0.25, 0, 0});
    ProcBench bench("roi-mode=centroid roi-threshold=10 roi-width=5 roi-height=5 roi-columns=2 reference=" +
                    reference);
    ASSERT_TRUE(bench.start(capsOf("GRAY16_LE", 10, 5)));
    Numbers picture{10, 5, std::vector<std::uint32_t>(50, 10)};
    picture.at(3, 2) = 110;
    picture.at(4, 2) = 110; // 3.5, 2: 1.5 to the right of the centre
    bench.push(frame16(picture));
    const BufferPtr out = bench.out.buffer(0);
    const GstDmaSlabResultsMeta &meta = *resultsOf(out);
    EXPECT_FLOAT_EQ(meta.roi_x[0], 1.0f);
    EXPECT_FLOAT_EQ(meta.roi_y[0], -0.25f);
    EXPECT_EQ(meta.roi_sums[0], 200u);
    EXPECT_TRUE(std::isnan(meta.roi_x[1])) << "no light, no place";
}

TEST(SimdProcMeasure, OfYuvTheBrightnessIsMeasuredAlsoWherePlanesAreMemoriesOfTheirOwn)
{
    for (const std::string format : {"NV12", "I420"}) {
        SCOPED_TRACE(format);
        ProcBench bench("statistics=true histogram=true");
        ASSERT_TRUE(bench.start(capsOf(format, 32, 16)));
        const Numbers picture = randomPicture(5, 32, 16, 8);
        BufferPtr frame = bufferOf(bytesOf(picture, 1, 32), 0);
        for (const gsize bytes : format == "NV12" ? std::vector<gsize>{256} : std::vector<gsize>{128, 128}) {
            GstMemory *chroma = gst_allocator_alloc(nullptr, bytes, nullptr);
            gst_memory_ref(chroma); // one that nobody may merge unnoticed
            gst_buffer_append_memory(frame.get(), chroma);
            gst_memory_unref(chroma);
        }
        const guint memories = gst_buffer_n_memory(frame.get());
        bench.push(std::move(frame));
        const BufferPtr out = bench.out.buffer(0);
        ASSERT_TRUE(out);
        EXPECT_EQ(gst_buffer_n_memory(out.get()), memories);
        expectStatistics(*resultsOf(out), picture, 255);
    }
}

TEST(SimdProcMeasure, RowsLieWhereTheVideoMetaSays)
{
    const Numbers picture = randomPicture(6, 37, 11);
    auto bytes = bytesOf(picture, 2, 100);
    bytes.insert(bytes.begin(), 64, 0xFF); // before the first row, and never looked at
    BufferPtr frame = bufferOf(bytes, 0);
    gsize offset[GST_VIDEO_MAX_PLANES] = {64};
    gint stride[GST_VIDEO_MAX_PLANES] = {100};
    gst_buffer_add_video_meta_full(frame.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY16_LE, 37, 11,
                                   1, offset, stride);
    ProcBench bench("statistics=true");
    ASSERT_TRUE(bench.start(capsOf("GRAY16_LE", 37, 11)));
    bench.push(std::move(frame));
    expectStatistics(*resultsOf(bench.out.buffer(0)), picture, 65535);
}

TEST(SimdProcMeasure, ThePackedPixelsOfEachKindAreMeasuredAsTheyLie)
{
    const std::pair<const char *, PixelPacking> kinds[] = {{"mono10p", PixelPacking::Mono10p},
                                                           {"mono12p", PixelPacking::Mono12p},
                                                           {"mono12packed", PixelPacking::Mono12Packed}};
    for (const auto &[format, packing] : kinds) {
        SCOPED_TRACE(format);
        const Numbers picture = randomPicture(8, 36, 9, bitsPerPixel(packing));
        const auto bytes = packed(picture, packing, bytesOfPixels(packing, 36));
        ProcBench bench("statistics=true");
        ASSERT_TRUE(bench.start(capsOf(format, 36, 9)));
        ASSERT_EQ(bench.push(bufferOf(bytes)), GST_FLOW_OK);
        const BufferPtr out = bench.out.buffer(0);
        ASSERT_TRUE(out);
        expectStatistics(*resultsOf(out), picture, (1u << bitsPerPixel(packing)) - 1);
        EXPECT_STREQ(gst_structure_get_name(gst_caps_get_structure(bench.out.caps().get(), 0)),
                     "video/x-mono-packed");
        EXPECT_EQ(gst_buffer_memcmp(out.get(), 0, bytes.data(), bytes.size()), 0);
    }
}

TEST(SimdProcMeasure, TheMetaGoesWithWholeCopiesAndItsArraysLiveAsLongAsIt)
{
    const auto pool = activePool(2, 64 * 48 * 2);
    ProcBench bench(kAll);
    ASSERT_TRUE(bench.start(capsOf("GRAY16_LE", 64, 48)));
    const Numbers picture = randomPicture(1, 64, 48);
    bench.push(slabFrame(pool, picture, 7));
    BufferPtr out = bench.out.buffer(0);
    const BufferPtr whole(gst_buffer_copy_deep(out.get()));
    const BufferPtr part(gst_buffer_copy_region(out.get(), GST_BUFFER_COPY_ALL, 0, 100));
    bench.out.forget();
    out.reset();
    bench.stop(); // the element's own records are gone
    EXPECT_FALSE(gst_buffer_get_dma_slab_results_meta(part.get()));
    const GstDmaSlabResultsMeta &meta = *resultsOf(whole);
    EXPECT_EQ(meta.sequence, 7u);
    EXPECT_EQ(meta.roi_sums[69], sumOf(picture, 3 + 9 * 4, 5 + 6 * 3, 4, 3));
}

TEST(SimdProcMeasure, TheLastOfSeveralThatMeasureHasTheSay)
{
    ProcBench bench("statistics=true");
    ASSERT_TRUE(bench.start(capsOf("GRAY16_LE", 8, 8)));
    BufferPtr frame = frame16(randomPicture(1, 8, 8), 5);
    gst_buffer_add_dma_slab_results_meta(frame.get(), nullptr)->sequence = 99;
    bench.push(std::move(frame));
    EXPECT_EQ(resultsOf(bench.out.buffer(0))->sequence, 5u);
}

TEST(SimdProcMeasure, AStreamWithoutNumbersIsCounted)
{
    ProcBench bench("statistics=true");
    ASSERT_TRUE(bench.start(capsOf("GRAY16_LE", 8, 8)));
    for (guint64 i = 0; i < 3; ++i) {
        BufferPtr frame = frame16(randomPicture(1, 8, 8));
        GST_BUFFER_OFFSET(frame.get()) = GST_BUFFER_OFFSET_END(frame.get()) = GST_BUFFER_OFFSET_NONE;
        bench.push(std::move(frame));
        EXPECT_EQ(resultsOf(bench.out.buffer(i))->sequence, i);
    }
}
