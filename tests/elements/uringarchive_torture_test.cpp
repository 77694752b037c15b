// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames that verify themselves, recorded beside a filter that writes into them and beside a second archive,
// from fewer slabs than the branches could hold. DMASLAB_SOAK=1 records 10^6 of them.
#include <fstream>
#include <map>

#include "../unit/soak.h"
#include "archive_bench.h"
#include "dmaslab/archive/file_header.h"
#include "dmaslab/capture/stamp.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

struct Found
{
    guint64 frames = 0;
    guint64 wrong = 0;       ///< bytes that are not those of the frame
    guint64 misnumbered = 0; ///< another frame than the index says
    std::uint64_t last = 0;
};

guint64 countIn(std::ifstream &file, const std::string &path)
{
    HeaderBlock block{};
    file.read(reinterpret_cast<char *>(block.data()), std::streamsize(block.size()));
    const auto header = parseHeader(block, path);
    EXPECT_TRUE(header) << path;
    return header ? header->count() : 0;
}

/** Frame by frame: a long run does not fit into memory. */
Found verify(const std::string &directory)
{
    Found found;
    std::vector<std::byte> frame;
    for (std::uint32_t segment = 0;; ++segment) {
        std::ifstream index(directory + "/" + indexName(segment), std::ios::binary);
        std::ifstream frames(directory + "/" + framesName(segment), std::ios::binary);
        if (!index || !frames)
            return found;
        const guint64 count = countIn(index, indexName(segment));
        EXPECT_EQ(countIn(frames, framesName(segment)), count);
        for (guint64 i = 0; i < count; ++i) {
            IndexRecord record;
            index.read(reinterpret_cast<char *>(&record), sizeof record);
            frame.resize(record.length);
            frames.seekg(std::streamoff((std::uint64_t(record.block) + 1) * kArchiveBlock));
            frames.read(reinterpret_cast<char *>(frame.data()), std::streamsize(frame.size()));
            const StampCheck check = verifyStamp(frame);
            found.wrong += check.status != StampStatus::Ok;
            found.misnumbered += check.sequence != record.sequence;
            found.last = record.sequence;
            ++found.frames;
        }
    }
}

std::map<std::string, guint64> statsOf(GstElement *pipeline, const char *name)
{
    const ObjectPtr<GstElement> element(gst_bin_get_by_name(GST_BIN(pipeline), name));
    GstStructure *raw = nullptr;
    g_object_get(element.get(), "stats", &raw, nullptr);
    const StructurePtr stats(raw);
    std::map<std::string, guint64> values;
    for (gint i = 0; i < gst_structure_n_fields(raw); ++i) {
        const char *field = gst_structure_nth_field_name(raw, guint(i));
        guint64 value = 0;
        if (gst_structure_get_uint64(raw, field, &value))
            values[field] = value;
    }
    return values;
}

/** Everything that was recorded in `frames` frames of this size is what it was when it was captured. */
void record(guint64 frames, const std::string &size, const std::string &reuse)
{
    SCOPED_TRACE(size + " " + reuse);
    TemporaryDirectory directory;
    const std::string line =
        "dmaslabsrc name=src backend=test pattern=counter pacing=off slabs=20 reuse=" + reuse +
        " num-buffers=" + std::to_string(frames) + " ! video/x-raw,format=AYUV," + size +
        ",framerate=1000/1 ! tee name=t "
        "t. ! slabqueue ! videobalance brightness=0.5 ! fakesink enable-last-sample=false async=false "
        "t. ! slabqueue ! uringarchive name=every segment-bytes=67108864 max-held=12 location=" +
        directory.path("every") +
        " t. ! slabqueue ! uringarchive name=fifth segment-bytes=67108864 every-nth=5 max-held=6 io=pwrite "
        "location=" +
        directory.path("fifth");
    GError *error = nullptr;
    const ObjectPtr<GstElement> pipeline(
        GST_ELEMENT(gst_object_ref_sink(gst_parse_launch(line.c_str(), &error))));
    const ErrorPtr guard(error);
    ASSERT_FALSE(error) << error->message;
    gst_element_set_state(pipeline.get(), GST_STATE_PLAYING);
    const ObjectPtr<GstBus> bus(gst_element_get_bus(pipeline.get()));
    const MessagePtr end(gst_bus_timed_pop_filtered(bus.get(), GST_CLOCK_TIME_NONE,
                                                    GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
    EXPECT_EQ(GST_MESSAGE_TYPE(end.get()), GST_MESSAGE_EOS);
    gst_element_set_state(pipeline.get(), GST_STATE_NULL);

    for (const auto &[name, nth] : {std::pair{"every", 1u}, {"fifth", 5u}}) {
        const Found found = verify(directory.path(name));
        EXPECT_EQ(found.wrong, 0u) << name;
        EXPECT_EQ(found.misnumbered, 0u) << name;
        auto stats = statsOf(pipeline.get(), name);
        EXPECT_EQ(stats["frames-archived"], found.frames) << name;
        EXPECT_EQ(stats["frames-in"], stats["frames-out"] + stats["dropped"]) << name;
        EXPECT_EQ(stats["frames-in-flight"], 0u) << name;
        EXPECT_EQ(stats["dropped"], 0u) << name; // the source waits
        EXPECT_EQ(found.frames, (frames + nth - 1) / nth) << name;
    }
}

} // namespace

TEST(UringArchiveTorture, AFrameInARecordingIsTheFrameThatWasCaptured)
{
    const guint64 frames = soakCount(1500, 250'000);
    for (const char *size : {"width=32,height=32", "width=30,height=30"}) {
        for (const char *reuse : {"lifo", "fifo"})
            record(frames, size, reuse);
    }
}
