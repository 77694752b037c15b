// SPDX-License-Identifier: LGPL-2.1-or-later
#include "simdproc_bench.h"

#include <chrono>
#include <cstring>
#include <random>
#include <regex>

#include <gst/video/video.h>

namespace dmaslab::test {

TableDirectory::TableDirectory()
{
    std::string name = (std::filesystem::temp_directory_path() / "dmaslab-tables-XXXXXX").string();
    path_ = mkdtemp(name.data());
}

TableDirectory::~TableDirectory()
{
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string TableDirectory::table(const std::string &name, const std::string &dtype,
                                  const std::vector<std::size_t> &shape,
                                  const std::vector<double> &values) const
{
    std::string path = path_ + "/" + name + ".npy";
    writeNpy(path, dtype, shape, values);
    return path;
}

ProcBench::ProcBench(const std::string &properties)
{
    GError *error = nullptr;
    element_.reset(GST_ELEMENT(gst_object_ref_sink(gst_parse_launch_full(
        ("simdproc name=proc " + properties).c_str(), nullptr, GST_PARSE_FLAG_NONE, &error))));
    const ErrorPtr guard(error);
    EXPECT_FALSE(error) << error->message;
    bus_.reset(gst_bus_new());
    gst_element_set_bus(element_.get(), bus_.get());
    source_.reset(GST_PAD(gst_object_ref_sink(gst_pad_new("source", GST_PAD_SRC))));
    const ObjectPtr<GstPad> in(gst_element_get_static_pad(element_.get(), "sink"));
    const ObjectPtr<GstPad> from(gst_element_get_static_pad(element_.get(), "src"));
    EXPECT_EQ(gst_pad_link(source_.get(), in.get()), GST_PAD_LINK_OK);
    out.link(from.get());
}

ProcBench::~ProcBench()
{
    stop();
    releaseResults();
    gst_element_set_bus(element_.get(), nullptr);
}

GstPad *ProcBench::requestResults()
{
    resultsPad_.reset(gst_element_request_pad_simple(element_.get(), "results"));
    EXPECT_TRUE(resultsPad_);
    if (resultsPad_)
        results.link(resultsPad_.get());
    return resultsPad_.get();
}

void ProcBench::releaseResults()
{
    if (!resultsPad_)
        return;
    results.unlink();
    gst_element_release_request_pad(element_.get(), resultsPad_.get());
    resultsPad_.reset();
}

void ProcBench::play()
{
    EXPECT_NE(gst_element_set_state(element_.get(), GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
    gst_pad_set_active(source_.get(), TRUE);
}

bool ProcBench::start(const std::string &caps)
{
    play();
    return pushHeader(caps);
}

bool ProcBench::pushCaps(const std::string &caps)
{
    const CapsPtr parsed(gst_caps_from_string(caps.c_str()));
    EXPECT_TRUE(parsed) << caps;
    pushEvent(gst_event_new_caps(parsed.get())); // which says yes to all that stays with a pad
    const ObjectPtr<GstPad> sink(gst_element_get_static_pad(element_.get(), "sink"));
    const CapsPtr taken(gst_pad_get_current_caps(sink.get()));
    return taken && gst_caps_is_equal(taken.get(), parsed.get());
}

bool ProcBench::pushHeader(const std::string &caps)
{
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    pushEvent(gst_event_new_stream_start("test"));
    const bool taken = pushCaps(caps);
    pushEvent(gst_event_new_segment(&segment));
    return taken;
}

void ProcBench::stop()
{
    out.open();
    results.open();
    gst_element_set_state(element_.get(), GST_STATE_NULL);
    gst_pad_set_active(source_.get(), FALSE);
}

void ProcBench::end()
{
    pushEvent(gst_event_new_eos());
    EXPECT_TRUE(out.waitForLine("eos"));
    if (resultsPad_) {
        EXPECT_TRUE(results.waitForLine("eos"));
    }
}

guint64 ProcBench::stat(const char *field) const
{
    GstStructure *raw = nullptr;
    g_object_get(element_.get(), "stats", &raw, nullptr);
    const StructurePtr stats(raw);
    guint64 value = 0;
    EXPECT_TRUE(gst_structure_get_uint64(stats.get(), field, &value)) << field;
    return value;
}

MessagePtr ProcBench::popMessage(GstMessageType type)
{
    return MessagePtr(gst_bus_pop_filtered(bus_.get(), type));
}

std::vector<std::string> ProcBench::texts(GstMessageType type)
{
    std::vector<std::string> texts;
    while (const MessagePtr message = popMessage(type)) {
        GError *raw = nullptr;
        if (type == GST_MESSAGE_ERROR)
            gst_message_parse_error(message.get(), &raw, nullptr);
        else
            gst_message_parse_warning(message.get(), &raw, nullptr);
        const ErrorPtr error(raw);
        texts.emplace_back(error->message);
    }
    return texts;
}

void ProcBench::expectConservation() const
{
    EXPECT_EQ(stat("frames-in-flight"), 0u);
    EXPECT_EQ(stat("frames-in"), stat("frames-out") + stat("dropped"));
}

std::string capsOf(const std::string &format, std::size_t width, std::size_t height)
{
    const char *name = format.starts_with("mono")                                 ? "video/x-mono-packed"
                       : format[0] == 'r' || format[0] == 'g' || format[0] == 'b' ? "video/x-bayer"
                                                                                  : "video/x-raw";
    return std::string(name) + ",format=" + format + ",width=" + std::to_string(width) +
           ",height=" + std::to_string(height) + ",framerate=100/1";
}

Numbers randomPicture(unsigned seed, std::size_t width, std::size_t height, unsigned bits)
{
    std::mt19937 random(seed);
    Numbers picture{width, height, std::vector<std::uint32_t>(width * height)};
    for (std::uint32_t &value : picture.values)
        value = std::uint32_t(random() >> 4) & ((1u << bits) - 1);
    return picture;
}

std::vector<std::uint8_t> bytesOf(const Numbers &picture, unsigned bytesPerPixel, std::size_t stride)
{
    std::vector<std::uint8_t> bytes(stride * picture.height);
    for (std::size_t y = 0; y < picture.height; ++y) {
        for (std::size_t x = 0; x < picture.width; ++x)
            std::memcpy(&bytes[y * stride + x * bytesPerPixel], &picture.values[y * picture.width + x],
                        bytesPerPixel);
    }
    return bytes;
}

void stamp(GstBuffer *buffer, guint64 sequence)
{
    GST_BUFFER_OFFSET(buffer) = sequence;
    GST_BUFFER_OFFSET_END(buffer) = sequence + 1;
    GST_BUFFER_PTS(buffer) = (sequence + 1) * 10 * GST_MSECOND;
    GST_BUFFER_DURATION(buffer) = 10 * GST_MSECOND;
}

BufferPtr bufferOf(const std::vector<std::uint8_t> &bytes, guint64 sequence)
{
    BufferPtr buffer(gst_buffer_new_allocate(nullptr, bytes.size(), nullptr));
    gst_buffer_fill(buffer.get(), 0, bytes.data(), bytes.size());
    stamp(buffer.get(), sequence);
    return buffer;
}

BufferPtr frame8(const Numbers &picture, guint64 sequence)
{
    return bufferOf(bytesOf(picture, 1, (picture.width + 3) / 4 * 4), sequence);
}

BufferPtr frame16(const Numbers &picture, guint64 sequence)
{
    return bufferOf(bytesOf(picture, 2, (picture.width * 2 + 3) / 4 * 4), sequence);
}

Numbers pictureOf(GstBuffer *buffer, const GstCaps *caps)
{
    GstVideoInfo info;
    EXPECT_TRUE(gst_video_info_from_caps(&info, caps));
    GstVideoFrame frame;
    EXPECT_TRUE(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
    Numbers picture{std::size_t(info.width), std::size_t(info.height), {}};
    const gint bytes = GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, 0);
    for (gint y = 0; y < info.height; ++y) {
        const auto *row = static_cast<const std::uint8_t *>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0)) +
                          y * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0);
        for (gint x = 0; x < info.width; ++x) {
            std::uint32_t value = 0;
            std::memcpy(&value, row + x * bytes, std::size_t(bytes));
            picture.values.push_back(value);
        }
    }
    gst_video_frame_unmap(&frame);
    return picture;
}

const void *addressOf(GstBuffer *buffer)
{
    GstMapInfo map;
    if (!gst_memory_map(gst_buffer_peek_memory(buffer, 0), &map, GST_MAP_READ))
        return nullptr;
    const void *address = map.data;
    gst_memory_unmap(gst_buffer_peek_memory(buffer, 0), &map);
    return address;
}

Record::Record(GstBuffer *buffer, const GstCaps *caps) : bytes_(gst_buffer_get_size(buffer))
{
    gst_buffer_extract(buffer, 0, bytes_.data(), bytes_.size());
    const std::string text = gst_structure_get_string(gst_caps_get_structure(caps, 0), "fields");
    static const std::regex field(R"(\('(\w+)', '.\w(\d)'(?:, \((\d+), ?(\d*)\))?\))");
    std::size_t offset = 0;
    for (std::sregex_iterator at(text.begin(), text.end(), field), none; at != none; ++at) {
        const auto axis = [&](int group) {
            return (*at)[group].length() == 0 ? std::size_t{1} : std::stoul((*at)[group]);
        };
        const std::size_t count = axis(3) * axis(4);
        fields_[(*at)[1]] = {offset, count};
        offset += count * axis(2);
    }
    EXPECT_EQ(offset, bytes_.size()) << text;
}

} // namespace dmaslab::test
