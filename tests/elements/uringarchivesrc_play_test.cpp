// SPDX-License-Identifier: LGPL-2.1-or-later
// uringarchivesrc: what was recorded comes back, byte by byte and field by field.
#include <algorithm>
#include <fstream>

#include <gst/video/video.h>

#include "common/gst.h"
#include "replay_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

class Play : public testing::Test
{
protected:
    std::string path() const { return dir_.path() + "/recording"; }
    TempDir dir_;
};

struct Layouts
{
    const char *name;
    SeriesFormat format;
    ArchiveLayout layout;
};

class PlayLayout : public testing::TestWithParam<std::tuple<int, const char *>>
{
protected:
    static Layouts which(int number)
    {
        switch (number) {
        case 0:
            return {"Plain", greyFormat(64, 64), ArchiveLayout::Plain};
        case 1:
            return {"Rows", greyFormat(64, 255, false), ArchiveLayout::Rows};
        case 2:
            return {"Record", greyFormat(50, 30), ArchiveLayout::Record};
        default:
            return {"Blob", blobFormat(), ArchiveLayout::Blob};
        }
    }
};

} // namespace

static std::string nameOf(const testing::TestParamInfo<std::tuple<int, const char *>> &each)
{
    const char *const names[] = {"Plain", "Rows", "Record", "Blob"};
    return std::string(names[std::get<0>(each.param)]) + "_" + std::get<1>(each.param);
}

INSTANTIATE_TEST_SUITE_P(, PlayLayout,
                         testing::Combine(testing::Range(0, 4), testing::Values("auto", "pread")), nameOf);

TEST_P(PlayLayout, ComesBackAsItWas)
{
    const Layouts wanted = which(std::get<0>(GetParam()));
    const TempDir dir;
    const std::string path = dir.path() + "/recording";
    std::vector<std::string> frames;
    {
        RecordingBuilder builder(path);
        ASSERT_EQ(builder.beginSeries(wanted.format).layout, wanted.layout);
        for (unsigned i = 0; i < 30; ++i) {
            frames.push_back(pixels(wanted.format.frameBytes ? wanted.format.frameBytes : 1 + i * 1234, i));
            builder.add(frames.back());
            if (i == 12)
                builder.split();
        }
        builder.close();
    }
    ReplayBench bench(path, std::string("verify=true io=") + std::get<1>(GetParam()));
    bench.play();
    bench.waitForLog("eos");
    const auto played = bench.frames();
    ASSERT_EQ(played.size(), frames.size());
    const auto arrivals = bench.arrivals();
    for (unsigned i = 0; i < frames.size(); ++i) {
        EXPECT_EQ(played[i].bytes, frames[i]) << i;
        EXPECT_EQ(arrivals[i].sequence, i);
        EXPECT_EQ(arrivals[i].pts, i * 10 * GST_MSECOND);
        EXPECT_EQ(arrivals[i].duration, 10 * GST_MSECOND);
        EXPECT_EQ(arrivals[i].discont, i == 0);
    }
    EXPECT_EQ(bench.currentCaps(), wanted.format.caps);
    bench.stop();
    bench.expectConservation();
    EXPECT_EQ(bench.stat("frames-out"), frames.size());
    EXPECT_EQ(bench.stat("bytes-copied"), 0u);
    EXPECT_TRUE(bench.texts(GST_MESSAGE_ERROR).empty());
}

TEST_F(Play, RowsLieWhereTheyWereRecorded)
{
    SeriesFormat format;
    format.caps =
        "video/x-raw, format=(string)NV12, width=(int)60, height=(int)32, framerate=(fraction)100/1";
    PlaneLayout luma;
    luma.rowBytes = 60;
    luma.stride = 128;
    luma.rows = 32;
    PlaneLayout chroma = luma;
    chroma.offset = 32 * 128 + 512;
    chroma.rows = 16;
    format.planes = {luma, chroma};
    format.frameBytes = chroma.offset + 16 * 128;
    format.shape = {format.frameBytes};
    RecordingBuilder builder(path());
    builder.beginSeries(format);
    builder.add(pixels(format.frameBytes));
    builder.close();
    ReplayBench bench(path());
    bench.keep(true);
    bench.play();
    bench.waitForLog("eos");
    const auto kept = bench.kept();
    ASSERT_EQ(kept.size(), 1u);
    const GstVideoMeta *meta = gst_buffer_get_video_meta(kept[0]);
    ASSERT_TRUE(meta);
    EXPECT_EQ(meta->n_planes, 2u);
    EXPECT_EQ(meta->stride[0], 128);
    EXPECT_EQ(meta->stride[1], 128);
    EXPECT_EQ(meta->offset[1], 32u * 128 + 512);
    EXPECT_EQ(gst_buffer_get_size(kept[0]), format.frameBytes) << "the pad is not the frame's";
    GstDmaSlabInfo info;
    EXPECT_TRUE(gst_dma_slab_buffer_get_info(kept[0], &info));
}

TEST_F(Play, MarksAndCaptureTimeComeBack)
{
    RecordingBuilder builder(path());
    builder.beginSeries(blobFormat());
    builder.add(pixels(100), {.flags = kFrameHeader});
    builder.add(pixels(100), {.capture = 123'456});
    builder.add(pixels(100), {.flags = kFrameDelta | kFrameCorrupted});
    builder.add(pixels(100), {.sequence = 9, .flags = kFrameDiscont});
    builder.close();
    ReplayBench bench(path());
    bench.keep(true);
    bench.play();
    bench.waitForLog("eos");
    const auto kept = bench.kept();
    ASSERT_EQ(kept.size(), 4u);
    EXPECT_TRUE(GST_BUFFER_FLAG_IS_SET(kept[0], GST_BUFFER_FLAG_HEADER));
    EXPECT_FALSE(gst_buffer_get_reference_timestamp_meta(kept[0], nullptr)) << "not known";
    const auto *meta = gst_buffer_get_reference_timestamp_meta(kept[1], nullptr);
    ASSERT_TRUE(meta);
    EXPECT_EQ(meta->timestamp, 123'456u);
    EXPECT_TRUE(
        gst_structure_has_name(gst_caps_get_structure(meta->reference, 0), "timestamp/x-dmaslab-capture"));
    EXPECT_FALSE(GST_BUFFER_FLAG_IS_SET(kept[1], GST_BUFFER_FLAG_DELTA_UNIT));
    EXPECT_TRUE(GST_BUFFER_FLAG_IS_SET(kept[2], GST_BUFFER_FLAG_DELTA_UNIT));
    EXPECT_TRUE(GST_BUFFER_FLAG_IS_SET(kept[2], GST_BUFFER_FLAG_CORRUPTED));
    EXPECT_TRUE(GST_BUFFER_FLAG_IS_SET(kept[3], GST_BUFFER_FLAG_DISCONT));
    EXPECT_EQ(GST_BUFFER_OFFSET(kept[3]), 9u);
    EXPECT_EQ(GST_BUFFER_OFFSET_END(kept[3]), 10u);
}

TEST_F(Play, EachSeriesHasItsCapsAndAnArenaOfItsOwn)
{
    const SeriesFormat small = greyFormat(32, 32), large = greyFormat(64, 64), encoded = blobFormat();
    RecordingBuilder builder(path());
    for (const SeriesFormat &format : {small, large, encoded, small}) {
        builder.beginSeries(format);
        for (unsigned i = 0; i < 3; ++i)
            builder.add(pixels(format.frameBytes ? format.frameBytes : 500 + i));
    }
    builder.close();
    ReplayBench bench(path());
    std::vector<std::string> caps;
    std::vector<guint32> arenas;
    bench.onBuffer = [&](GstBuffer *buffer) {
        GstDmaSlabInfo info;
        ASSERT_TRUE(gst_dma_slab_buffer_get_info(buffer, &info));
        if (arenas.empty() || arenas.back() != info.arena)
            arenas.push_back(info.arena);
        if (caps.empty() || caps.back() != bench.currentCaps())
            caps.push_back(bench.currentCaps());
    };
    bench.keep(true); // frames of an earlier series outlive it
    bench.play();
    bench.waitForLog("eos");
    EXPECT_EQ(caps, (std::vector<std::string>{small.caps, large.caps, encoded.caps, small.caps}));
    EXPECT_EQ(arenas.size(), 4u);
    EXPECT_EQ(bench.times("caps"), 4u);
    EXPECT_EQ(bench.arrivals().size(), 12u);
    bench.stop();
    bench.expectConservation();
    bench.release();
}

TEST_F(Play, TheCapsAreNotMixedWithWhatDownstreamWouldLike)
{
    makeGrey(path(), 3);
    ReplayBench bench(path(), "",
                      "video/x-raw,format=GRAY16_LE,interlace-mode=progressive,colorimetry=bt709");
    bench.play();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.currentCaps(), greyFormat(64, 64).caps);
}

TEST_F(Play, ACrashedRecordingPlaysWhatItsHeadersCount)
{
    RecordingBuilder builder(path());
    builder.beginSeries(greyFormat(64, 64));
    for (unsigned i = 0; i < 5; ++i)
        builder.add(pixels(kGreyBytes, i));
    builder.commit();
    builder.add(pixels(kGreyBytes, 5));
    builder.abandon();
    ReplayBench bench(path());
    bench.play();
    bench.waitForLog("eos");
    auto expected = bufferLines(0, 4);
    expected.push_back("eos");
    EXPECT_EQ(bench.story(), expected);
}

TEST_F(Play, TwoSlabsSuffice)
{
    makeGrey(path(), 20);
    ReplayBench bench(path(), "slabs=2");
    bench.play();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.arrivals().size(), 20u);
    EXPECT_EQ(bench.stat("slabs"), 2u);
}

TEST_F(Play, WithoutSlabsItWaitsAndLosesNothing)
{
    makeGrey(path(), 20);
    ReplayBench bench(path(), "slabs=3");
    bench.keep(true);
    bench.play();
    bench.waitForFrames(3);
    bench.keep(false);
    bench.release();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.arrivals().size(), 20u);
    EXPECT_EQ(bench.stat("dropped"), 0u);
}

TEST_F(Play, AWaitForSlabsEndsWithTheElement)
{
    makeGrey(path(), 20);
    ReplayBench bench(path(), "slabs=2");
    bench.keep(true);
    bench.play();
    bench.waitForFrames(2);
    bench.stop();
    bench.expectConservation();
    EXPECT_EQ(bench.stat("frames-out"), 2u);
}

TEST_F(Play, SlabsThatBranchesDeclareAreAdded)
{
    makeGrey(path(), 3);
    ReplayBench bench(path(), "queue-depth=5");
    bench.declare(11);
    bench.play();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.stat("slabs"), 5u + 7 + 11);
}

TEST_F(Play, ItPlaysAgainAfterAStop)
{
    makeGrey(path(), 4);
    ReplayBench bench(path());
    for (std::size_t run = 1; run <= 3; ++run) {
        bench.play();
        bench.waitForTimes("eos", run);
        bench.stop();
        EXPECT_EQ(bench.stat("frames-out"), 4u);
    }
    EXPECT_EQ(bench.frames()[4].sequence, 0u);
}

TEST_F(Play, TheManifestNamesTheRecordingToo)
{
    makeGrey(path(), 4);
    ReplayBench bench(path() + "/manifest.json");
    bench.play();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.arrivals().size(), 4u);
}

TEST_F(Play, TagsComeBackOnce)
{
    makeGrey(path(), 3);
    std::ifstream in(path() + "/manifest.json");
    std::string text((std::istreambuf_iterator<char>(in)), {});
    const std::size_t at = text.find("\"tags\": {}");
    ASSERT_NE(at, text.npos);
    text.replace(at, 10,
                 R"("tags": {"title": "a day", "bitrate": 4000000, "datetime": "2026-11-26T09:00Z",)"
                 R"( "beats-per-minute": 120.5, "no-such-tag-here": 1, "artist": 7, "image": "x",)"
                 R"( "track-number": "none", "track-count": 4294967297, "album": null, "genre": {"a": 1}})");
    std::ofstream(path() + "/manifest.json") << text;
    ReplayBench bench(path());
    bench.play();
    bench.waitForLog("eos");
    const EventPtr event(gst_pad_get_sticky_event(bench.pad(), GST_EVENT_TAG, 0));
    ASSERT_TRUE(event);
    GstTagList *tags = nullptr;
    gst_event_parse_tag(event.get(), &tags);
    EXPECT_EQ(gst_tag_list_n_tags(tags), 4);
    gchar *title = nullptr;
    ASSERT_TRUE(gst_tag_list_get_string(tags, GST_TAG_TITLE, &title));
    EXPECT_STREQ(CharPtr(title).get(), "a day");
    guint bitrate = 0;
    EXPECT_TRUE(gst_tag_list_get_uint(tags, GST_TAG_BITRATE, &bitrate));
    EXPECT_EQ(bitrate, 4'000'000u);
    const std::vector<std::string> log = bench.log();
    EXPECT_EQ(std::count_if(log.begin(), log.end(),
                            [](const std::string &line) { return line.find("tag") != line.npos; }),
              1);
}
