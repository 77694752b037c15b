// SPDX-License-Identifier: LGPL-2.1-or-later
// Every format in every layout at odd sizes: what uringarchive was given, uringarchivesrc gives back.
#include <algorithm>

#include <gst/video/video.h>

#include "archive_bench.h"
#include "common/archive_format.h"
#include "replay_bench.h"
#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

constexpr unsigned framesOfAFormat = 4;

struct Size
{
    int width, height;
};

/** Frames of one kind: their caps as GStreamer writes them, and how long each of them is. */
struct Format
{
    std::string caps;
    std::vector<std::size_t> bytes;
};

struct Frame
{
    std::string caps;
    std::uint64_t sequence = 0;
    GstClockTime pts = 0;
    std::string bytes;
};

std::string sized(const std::string &start, const Size &size)
{
    return start + ",width=" + std::to_string(size.width) + ",height=" + std::to_string(size.height) +
           ",framerate=100/1";
}

std::vector<std::string> rawVideo(const Size &size)
{
    guint count = 0;
    const GstVideoFormat *formats = gst_video_formats_raw(&count);
    std::vector<std::string> all;
    for (guint i = 0; i < count; ++i)
        all.push_back(
            sized("video/x-raw,format=" + std::string(gst_video_format_to_string(formats[i])), size));
    for (const char *format : {"GRAY16_LE", "GRAY16_BE"})
        all.push_back(sized("video/x-raw,significant-bits=(int)12,format=" + std::string(format), size));
    return all;
}

std::vector<std::string> sensors(const Size &size)
{
    std::vector<std::string> all;
    for (const char *pattern : {"bggr", "gbrg", "grbg", "rggb"}) {
        for (const char *depth : {"", "10le", "12le", "14le", "16le"})
            all.push_back(sized("video/x-bayer,format=" + std::string(pattern) + depth, size));
    }
    for (const char *format : {"mono10p", "mono12p", "mono12packed"})
        all.push_back(sized("video/x-mono-packed,format=" + std::string(format), size));
    return all;
}

std::vector<std::string> arrays(const Size &size)
{
    const auto array = [](const char *dtype, const std::string &shape) {
        return "application/x-ndarray,dtype=(string)\"" + std::string(dtype) + "\",shape=(string)\"" + shape +
               "\",framerate=100/1";
    };
    const std::string picture = std::to_string(size.height) + "," + std::to_string(size.width);
    std::vector<std::string> all;
    for (const char *dtype : {"|u1", "|b1", "|i1", "<u2", ">u2", "=u2", "<i4", ">f4", "<f8", "<c8", ">c16"})
        all.push_back(array(dtype, picture));
    for (const std::string &shape : {std::to_string(size.width), picture + ",3", "2,3," + picture})
        all.push_back(array("<f4", shape));
    return all;
}

/** Frames of different lengths, about the blocks of the disk. */
std::vector<Format> encoded(const Size &size)
{
    const std::size_t odd = std::size_t(size.width) * std::size_t(size.height);
    return {{sized("image/jpeg", size), {odd, 1, 3 * kArchiveBlock + 1, odd + 1}},
            {"video/x-h264, stream-format=(string)byte-stream, alignment=(string)au",
             {kArchiveBlock - 1, kArchiveBlock, kArchiveBlock + 1, 2}}};
}

std::string written(const std::string &caps)
{
    const CapsPtr parsed(gst_caps_from_string(caps.c_str()));
    EXPECT_TRUE(parsed) << caps;
    return CharPtr(gst_caps_to_string(parsed.get())).get();
}

/** All formats that have this layout. Only the two layouts without a pad may be out of reach. */
std::vector<Format> formatsOf(const Size &size, ArchiveLayout layout)
{
    std::vector<Format> formats;
    for (const auto &kind : {rawVideo(size), sensors(size), arrays(size)}) {
        for (const std::string &text : kind) {
            const CapsPtr caps(gst_caps_from_string(text.c_str()));
            const auto format = archiveFormatFromCaps(caps.get(), nullptr);
            EXPECT_TRUE(format) << text << ": " << format.error().message;
            if (format && chooseLayout(format->series, layout))
                formats.push_back(
                    {written(text), std::vector<std::size_t>(framesOfAFormat, format->series.frameBytes)});
            else
                EXPECT_TRUE(layout == ArchiveLayout::Plain || layout == ArchiveLayout::Rows) << text;
        }
    }
    if (layout == ArchiveLayout::Auto || layout == ArchiveLayout::Blob) {
        for (const Format &format : encoded(size))
            formats.push_back({written(format.caps), format.bytes});
    }
    return formats;
}

/** The pool that the archive proposes to whoever asks; empty for frames of different lengths. */
PoolObject proposedPool(const ArchiveBench &bench, const std::string &text)
{
    const CapsPtr caps(gst_caps_from_string(text.c_str()));
    const QueryPtr query(gst_query_new_allocation(caps.get(), TRUE));
    EXPECT_TRUE(gst_pad_peer_query(bench.pad(), query.get())) << text;
    GstBufferPool *pool = nullptr;
    if (gst_query_get_n_allocation_pools(query.get()) > 0)
        gst_query_parse_nth_allocation_pool(query.get(), 0, &pool, nullptr, nullptr, nullptr);
    EXPECT_TRUE(!pool || gst_buffer_pool_set_active(pool, TRUE)) << text;
    return PoolObject(pool);
}

BufferPtr bufferOf(const Frame &frame, GstBufferPool *pool)
{
    BufferPtr buffer(pool ? nullptr : gst_buffer_new_allocate(nullptr, frame.bytes.size(), nullptr));
    if (pool) {
        GstBuffer *raw = nullptr;
        EXPECT_EQ(gst_buffer_pool_acquire_buffer(pool, &raw, nullptr), GST_FLOW_OK);
        buffer.reset(raw);
    }
    EXPECT_EQ(gst_buffer_fill(buffer.get(), 0, frame.bytes.data(), frame.bytes.size()), frame.bytes.size());
    GST_BUFFER_OFFSET(buffer.get()) = frame.sequence;
    GST_BUFFER_OFFSET_END(buffer.get()) = frame.sequence + 1;
    GST_BUFFER_PTS(buffer.get()) = frame.pts;
    return buffer;
}

/** One recording of all formats, a series each: every other frame from a slab, the rest from the heap. */
std::vector<Frame> recordAll(ArchiveBench &bench, const std::vector<Format> &formats)
{
    std::vector<Frame> sent;
    bench.start(formats.front().caps.c_str());
    for (const Format &format : formats) {
        const CapsPtr caps(gst_caps_from_string(format.caps.c_str()));
        EXPECT_TRUE(bench.pushEvent(gst_event_new_caps(caps.get()))) << format.caps;
        const PoolObject pool = proposedPool(bench, format.caps);
        for (const std::size_t bytes : format.bytes) {
            const std::uint64_t n = sent.size();
            sent.push_back(
                {format.caps, 1000 + n, n * 10 * GST_MSECOND + n * n % 997, pixels(bytes, unsigned(n))});
            const bool fromSlab = pool && n % 2 == 0;
            EXPECT_EQ(bench.push(bufferOf(sent.back(), fromSlab ? pool.get() : nullptr)), GST_FLOW_OK)
                << format.caps;
        }
        if (pool)
            gst_buffer_pool_set_active(pool.get(), FALSE);
    }
    bench.eos();
    return sent;
}

/** What is in the buffer, compared where it lies. */
void expectFrame(GstBuffer *buffer, const std::string &caps, const Frame &frame)
{
    ASSERT_EQ(caps, frame.caps);
    EXPECT_EQ(GST_BUFFER_OFFSET(buffer), frame.sequence) << caps;
    EXPECT_EQ(GST_BUFFER_PTS(buffer), frame.pts) << caps;
    GstMapInfo map;
    ASSERT_TRUE(gst_buffer_map(buffer, &map, GST_MAP_READ)) << caps;
    EXPECT_EQ(map.size, frame.bytes.size()) << caps;
    const auto equal = [&map, &frame] {
        return map.size == frame.bytes.size() &&
               std::equal(map.data, map.data + map.size, frame.bytes.begin(),
                          [](guint8 a, char b) { return a == guint8(b); });
    };
    EXPECT_TRUE(equal()) << caps << ": other bytes in frame " << frame.sequence;
    gst_buffer_unmap(buffer, &map);

    GstVideoInfo info;
    const CapsPtr parsed(gst_caps_from_string(caps.c_str()));
    if (!g_str_has_prefix(caps.c_str(), "video/x-raw") || !gst_video_info_from_caps(&info, parsed.get()))
        return;
    const GstVideoMeta *meta = gst_buffer_get_video_meta(buffer);
    ASSERT_TRUE(meta) << caps;
    EXPECT_EQ(meta->n_planes, GST_VIDEO_INFO_N_PLANES(&info)) << caps;
    for (guint plane = 0; plane < meta->n_planes; ++plane) {
        EXPECT_EQ(meta->stride[plane], GST_VIDEO_INFO_PLANE_STRIDE(&info, plane)) << caps;
        EXPECT_EQ(meta->offset[plane], GST_VIDEO_INFO_PLANE_OFFSET(&info, plane)) << caps;
    }
}

void playAll(const std::string &location, const std::vector<Frame> &sent)
{
    ReplayBench bench(location, "verify=true");
    std::size_t seen = 0;
    bench.onBuffer = [&](GstBuffer *buffer) {
        ASSERT_LT(seen, sent.size());
        expectFrame(buffer, bench.currentCaps(), sent[seen++]);
    };
    bench.play();
    bench.waitForLog("eos");
    bench.stop();
    EXPECT_EQ(seen, sent.size());
    EXPECT_EQ(bench.stat("frames-out"), sent.size());
    EXPECT_EQ(bench.stat("dropped"), 0u);
    EXPECT_TRUE(bench.texts(GST_MESSAGE_ERROR).empty());
    bench.expectConservation();
}

void expectLayout(const std::string &manifest, ArchiveLayout layout)
{
    for (const ArchiveLayout other :
         {ArchiveLayout::Plain, ArchiveLayout::Rows, ArchiveLayout::Record, ArchiveLayout::Blob}) {
        const bool there =
            manifest.find("\"layout\": \"" + std::string(toString(other)) + "\"") != manifest.npos;
        EXPECT_TRUE(layout == ArchiveLayout::Auto || there == (other == layout))
            << toString(layout) << ": " << toString(other);
    }
}

void expectRoundTrip(const Size &size, ArchiveLayout layout)
{
    const std::vector<Format> formats = formatsOf(size, layout);
    ArchiveBench bench(std::string("batch-time=100000 layout=") + toString(layout));
    const std::vector<Frame> sent = recordAll(bench, formats);
    EXPECT_GT(sent.size(), 80 * framesOfAFormat) << toString(layout);
    EXPECT_EQ(bench.stat("frames-archived"), sent.size()) << toString(layout);
    EXPECT_TRUE(bench.texts(GST_MESSAGE_ERROR).empty()) << toString(layout);
    bench.expectConservation();
    bench.stop();
    expectLayout(bench.recorded().manifest, layout);
    playAll(bench.location(), sent);
}

class ArchiveRoundTrip : public testing::TestWithParam<Size>
{
};

} // namespace

TEST_P(ArchiveRoundTrip, EveryFormatComesBackAsItWasFromEveryLayout)
{
    const Size size = GetParam();
    std::vector<ArchiveLayout> layouts{ArchiveLayout::Auto, ArchiveLayout::Rows, ArchiveLayout::Record,
                                       ArchiveLayout::Blob};
    if (size.width % 64 == 0 && size.height % 64 == 0) // others are not whole blocks
        layouts.push_back(ArchiveLayout::Plain);
    // Side by side: each waits for the disk at the end of each format.
    std::vector<std::thread> threads;
    for (const ArchiveLayout layout : layouts)
        threads.emplace_back([size, layout] { expectRoundTrip(size, layout); });
    for (std::thread &thread : threads)
        thread.join();
}

INSTANTIATE_TEST_SUITE_P(, ArchiveRoundTrip, testing::Values(Size{7, 5}, Size{33, 17}, Size{64, 64}),
                         [](const auto &each) {
                             return std::to_string(each.param.width) + "x" +
                                    std::to_string(each.param.height);
                         });
