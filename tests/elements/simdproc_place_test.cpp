// SPDX-License-Identifier: LGPL-2.1-or-later
// Where changed pixels go: in place when nobody else can see them, else into a slab of simdproc's own.
#include <gst/video/video.h>

#include "pipeline_bench.h"
#include "simdproc_bench.h"
#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

constexpr std::size_t kWidth = 40, kHeight = 12;
const std::string kCaps = capsOf("GRAY16_LE", kWidth, kHeight);

Numbers zeroedBelow(Numbers picture, std::uint32_t threshold)
{
    for (std::uint32_t &value : picture.values)
        value = value < threshold ? 0 : value;
    return picture;
}

/** Pushes this frame, of which somebody else holds the picture `before`, and looks at both afterwards. */
void expectASlabOfItsOwn(ProcBench &bench, BufferPtr frame, GstBuffer *other, const Numbers &before)
{
    GstMemory *memory = gst_buffer_peek_memory(other, 0);
    const void *address = addressOf(other);
    ASSERT_EQ(bench.push(std::move(frame)), GST_FLOW_OK);
    const BufferPtr out = bench.out.buffer(0);
    EXPECT_TRUE(gst_dma_slab_is_memory(gst_buffer_peek_memory(out.get(), 0)));
    EXPECT_NE(addressOf(out.get()), address);
    EXPECT_EQ(gst_buffer_peek_memory(other, 0), memory);
    EXPECT_EQ(addressOf(other), address) << "the core copied behind our back";
    const CapsPtr caps = bench.out.caps();
    EXPECT_EQ(pictureOf(other, caps.get()).values, before.values);
    EXPECT_EQ(pictureOf(out.get(), caps.get()).values, zeroedBelow(before, 2000).values);
    EXPECT_EQ(bench.stat("frames-in-place"), 0u);
    EXPECT_EQ(bench.stat("bytes-copied"), 0u);
}

} // namespace

TEST(SimdProcPlace, AFrameThatNobodyElseHoldsChangesWhereItLies)
{
    const auto pool = activePool(2, kWidth * kHeight * 2);
    const Numbers picture = randomPicture(1, kWidth, kHeight);
    BufferPtr frame = take(pool);
    const auto bytes = bytesOf(picture, 2, kWidth * 2);
    gst_buffer_fill(frame.get(), 0, bytes.data(), bytes.size());
    const void *address = addressOf(frame.get());
    ProcBench bench("threshold=2000");
    ASSERT_TRUE(bench.start(kCaps));
    ASSERT_EQ(bench.push(std::move(frame)), GST_FLOW_OK);
    const BufferPtr out = bench.out.buffer(0);
    EXPECT_EQ(addressOf(out.get()), address);
    EXPECT_EQ(pictureOf(out.get(), bench.out.caps().get()).values, zeroedBelow(picture, 2000).values);
    EXPECT_EQ(bench.stat("frames-in-place"), 1u);
    EXPECT_EQ(bench.stat("bytes-copied"), 0u);
    EXPECT_EQ(copied(pool), 0u);
}

TEST(SimdProcPlace, ASharedBufferChangesInASlab)
{
    const Numbers picture = randomPicture(1, kWidth, kHeight);
    ProcBench bench("threshold=2000 statistics=true");
    ASSERT_TRUE(bench.start(kCaps));
    const BufferPtr mine = frame16(picture, 4);
    expectASlabOfItsOwn(bench, BufferPtr(gst_buffer_ref(mine.get())), mine.get(), picture);
    const BufferPtr out = bench.out.buffer(0);
    EXPECT_EQ(GST_BUFFER_OFFSET(out.get()), 4u);
    EXPECT_EQ(GST_BUFFER_OFFSET_END(out.get()), 5u);
    EXPECT_EQ(GST_BUFFER_PTS(out.get()), GST_BUFFER_PTS(mine.get()));
    EXPECT_EQ(GST_BUFFER_DURATION(out.get()), GST_BUFFER_DURATION(mine.get()));
    EXPECT_TRUE(gst_buffer_get_dma_slab_results_meta(out.get()));
}

TEST(SimdProcPlace, ABufferOfOursAloneThatSharesItsMemoryChangesInASlab)
{
    const Numbers picture = randomPicture(2, kWidth, kHeight);
    ProcBench bench("threshold=2000");
    ASSERT_TRUE(bench.start(kCaps));
    BufferPtr frame = frame16(picture);
    const BufferPtr other(gst_buffer_copy(frame.get()));
    ASSERT_TRUE(gst_buffer_is_writable(frame.get()));
    expectASlabOfItsOwn(bench, std::move(frame), other.get(), picture);
}

TEST(SimdProcPlace, ReadOnlyMemoryIsNotWrittenTo)
{
    const Numbers picture = randomPicture(3, kWidth, kHeight);
    auto bytes = bytesOf(picture, 2, kWidth * 2);
    BufferPtr frame(gst_buffer_new_wrapped_full(GST_MEMORY_FLAG_READONLY, bytes.data(), bytes.size(), 0,
                                                bytes.size(), nullptr, nullptr));
    ProcBench bench("threshold=2000");
    ASSERT_TRUE(bench.start(kCaps));
    ASSERT_EQ(bench.push(std::move(frame)), GST_FLOW_OK);
    EXPECT_EQ(bytes, bytesOf(picture, 2, kWidth * 2));
    EXPECT_EQ(pictureOf(bench.out.buffer(0).get(), bench.out.caps().get()).values,
              zeroedBelow(picture, 2000).values);
    EXPECT_EQ(bench.stat("frames-in-place"), 0u);
}

TEST(SimdProcPlace, RowsAreChangedWhereTheVideoMetaSays)
{
    const Numbers picture = randomPicture(4, 19, 7);
    BufferPtr frame = bufferOf(bytesOf(picture, 2, 64));
    gsize offset[GST_VIDEO_MAX_PLANES] = {};
    gint stride[GST_VIDEO_MAX_PLANES] = {64};
    gst_buffer_add_video_meta_full(frame.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY16_LE, 19, 7,
                                   1, offset, stride);
    const BufferPtr other(gst_buffer_copy_deep(frame.get()));
    for (const bool shared : {false, true}) {
        ProcBench bench("threshold=2000");
        ASSERT_TRUE(bench.start(capsOf("GRAY16_LE", 19, 7)));
        ASSERT_EQ(bench.push(shared ? BufferPtr(gst_buffer_ref(other.get())) : std::move(frame)),
                  GST_FLOW_OK);
        EXPECT_EQ(bench.stat("frames-in-place"), shared ? 0u : 1u);
        EXPECT_EQ(pictureOf(bench.out.buffer(0).get(), bench.out.caps().get()).values,
                  zeroedBelow(picture, 2000).values);
    }
}

TEST(SimdProcPlace, APictureOfAnotherSizeOrDepthNeverLiesWhereTheFrameDid)
{
    for (const char *properties : {"window=0,4095", "flip=h", "bin=2", "crop=4,4,8,8"}) {
        SCOPED_TRACE(properties);
        ProcBench bench(properties);
        ASSERT_TRUE(bench.start(kCaps));
        ASSERT_EQ(bench.push(frame16(randomPicture(1, kWidth, kHeight))), GST_FLOW_OK);
        EXPECT_TRUE(gst_dma_slab_is_memory(gst_buffer_peek_memory(bench.out.buffer(0).get(), 0)));
        EXPECT_EQ(bench.stat("frames-in-place"), 0u);
    }
}

class ProcBranch : public testing::TestWithParam<const char *>
{
};

TEST_P(ProcBranch, BesideItEveryPixelOfEveryFrameStaysAsItWas)
{
    Pipeline pipeline(std::string("dmaslabsrc name=src backend=test pattern=counter pacing=off slabs=24 "
                                  "num-buffers=1000 ! "
                                  "video/x-raw,format=GRAY16_LE,width=128,height=64,framerate=1000/1 ! tee "
                                  "name=t t. ! ") +
                      GetParam() +
                      " name=proc statistics=true ! fakesink async=false enable-last-sample=false "
                      "t. ! slabqueue ! fakesink async=false enable-last-sample=false name=all "
                      "t. ! slabqueue ! simdproc name=late threshold=60000 ! fakesink async=false "
                      "enable-last-sample=false name=other");
    PadWatch all(pipeline, "all");
    pipeline.runToEnd();
    all.expectEveryFrame(1000);
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
    EXPECT_EQ(pipeline.stat("proc", "bytes-copied"), 0u);
    EXPECT_EQ(pipeline.stat("proc", "frames-out"), 1000u);
    EXPECT_EQ(pipeline.stat("late", "frames-out"), 1000u);
    expectAllHome(pipeline);
}

INSTANTIATE_TEST_SUITE_P(SimdProcPlace, ProcBranch,
                         testing::Values("simdproc", "simdproc threshold=30000",
                                         "slabqueue ! simdproc threshold=30000", "simdproc window=auto",
                                         "slabqueue ! simdproc flip=hv threads=2"),
                         [](const auto &given) { return std::to_string(given.index); });

TEST(SimdProcPlace, DownstreamMayKeepMoreFramesThanThereAreSlabsAndIsToldOnce)
{
    ProcBench bench("flip=h statistics=true");
    ASSERT_TRUE(bench.start(kCaps));
    std::vector<Numbers> pushed;
    for (unsigned i = 0; i < 30; ++i) {
        pushed.push_back(randomPicture(i, kWidth, kHeight));
        ASSERT_EQ(bench.push(frame16(pushed.back(), i)), GST_FLOW_OK);
    }
    const CapsPtr caps = bench.out.caps();
    for (unsigned i = 0; i < 30; ++i) {
        const BufferPtr out = bench.out.buffer(i);
        EXPECT_EQ(GST_BUFFER_OFFSET(out.get()), i);
        EXPECT_TRUE(gst_buffer_get_dma_slab_results_meta(out.get()));
        EXPECT_EQ(pictureOf(out.get(), caps.get()).at(0, 0), pushed[i].at(kWidth - 1, 0));
    }
    EXPECT_EQ(bench.stat("frames-allocated"), 24u) << "two slabs, and the few that a pool adds";
    const auto warnings = bench.texts(GST_MESSAGE_WARNING);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("max-size-buffers"), std::string::npos) << warnings[0];

    bench.out.forget();
    ASSERT_EQ(bench.push(frame16(pushed[0], 30)), GST_FLOW_OK);
    EXPECT_TRUE(gst_dma_slab_is_memory(gst_buffer_peek_memory(bench.out.buffer(0).get(), 0)));
    EXPECT_EQ(bench.stat("frames-allocated"), 24u);
}
