// SPDX-License-Identifier: LGPL-2.1-or-later
#include "archive_bench.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include <gst/base/gstbasesink.h>
#include <unistd.h>

#include "dmaslab/archive/file_header.h"

namespace dmaslab::test {

namespace fs = std::filesystem;

namespace {

std::vector<std::byte> readAll(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file) << path;
    std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    const auto *begin = reinterpret_cast<const std::byte *>(bytes.data());
    return {begin, begin + bytes.size()};
}

FileHeader headerOf(const std::vector<std::byte> &file, const std::string &path)
{
    const auto header = parseHeader({file.data(), std::min(file.size(), kArchiveBlock)}, path);
    EXPECT_TRUE(header) << (header ? "" : header.error().message);
    return header ? *header : FileHeader{};
}

template <typename Record>
std::vector<Record> recordsOf(const std::string &path)
{
    const auto file = readAll(path);
    std::vector<Record> records(headerOf(file, path).count());
    EXPECT_GE(file.size(), kArchiveBlock + records.size() * sizeof(Record)) << path;
    if (!records.empty())
        std::memcpy(records.data(), file.data() + kArchiveBlock, records.size() * sizeof(Record));
    return records;
}

} // namespace

TemporaryDirectory::TemporaryDirectory()
{
    std::string name = (fs::temp_directory_path() / "dmaslab-archive-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr) << name;
    path_ = name;
}

TemporaryDirectory::~TemporaryDirectory()
{
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

std::vector<std::string> TemporaryDirectory::names() const
{
    std::vector<std::string> found;
    for (const auto &entry : fs::directory_iterator(path_))
        found.push_back(entry.path().filename());
    std::sort(found.begin(), found.end());
    return found;
}

Recorded::Recorded(const std::string &directory)
{
    const auto text = readAll(directory + "/" + kManifestName);
    manifest.assign(reinterpret_cast<const char *>(text.data()), text.size());
    for (std::uint32_t segment = 0;; ++segment) {
        const std::string path = directory + "/" + framesName(segment);
        if (!fs::exists(path))
            break;
        const auto file = readAll(path);
        descrs.push_back(headerOf(file, path).descr);
        for (const IndexRecord &record : recordsOf<IndexRecord>(directory + "/" + indexName(segment))) {
            const std::size_t begin = kArchiveBlock + std::size_t(record.block) * kArchiveBlock;
            EXPECT_LE(begin + record.length, file.size());
            index.push_back(record);
            frames.emplace_back(file.begin() + long(begin), file.begin() + long(begin + record.length));
        }
    }
    losses = recordsOf<LossRecord>(directory + "/" + kLossesName);
}

std::vector<std::uint64_t> Recorded::sequences() const
{
    std::vector<std::uint64_t> numbers;
    for (const IndexRecord &record : index)
        numbers.push_back(record.sequence);
    return numbers;
}

std::vector<std::string> Recorded::ledger() const
{
    std::vector<std::string> lines;
    for (const LossRecord &loss : losses)
        lines.push_back(
            std::to_string(loss.first) + "-" + std::to_string(loss.last) + " x" + std::to_string(loss.count) +
            " " + (loss.kind == LossKind::Skip ? "skip" : loss.reasonText()) + " " + loss.elementText());
    return lines;
}

ArchiveBench::ArchiveBench(const std::string &properties)
{
    GError *error = nullptr;
    const std::string line =
        "uringarchive name=archive segment-bytes=1048576 location=" + location() + " " + properties;
    element_.reset(GST_ELEMENT(
        gst_object_ref_sink(gst_parse_launch_full(line.c_str(), nullptr, GST_PARSE_FLAG_NONE, &error))));
    const ErrorPtr guard(error);
    EXPECT_FALSE(error) << error->message;
    bus_.reset(gst_bus_new());
    gst_element_set_bus(element_.get(), bus_.get());
    source_.reset(GST_PAD(gst_object_ref_sink(gst_pad_new("source", GST_PAD_SRC))));
    gst_pad_set_element_private(source_.get(), this);
    gst_pad_set_query_function(source_.get(), onQuery);
    const ObjectPtr<GstPad> sink(gst_element_get_static_pad(element_.get(), "sink"));
    EXPECT_EQ(gst_pad_link(source_.get(), sink.get()), GST_PAD_LINK_OK);
}

ArchiveBench::~ArchiveBench()
{
    stop();
    gst_element_set_bus(element_.get(), nullptr);
}

gboolean ArchiveBench::onQuery(GstPad *pad, GstObject *parent, GstQuery *query)
{
    if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY)
        return gst_pad_query_default(pad, parent, query);
    const auto *self = static_cast<ArchiveBench *>(gst_pad_get_element_private(pad));
    gst_query_set_latency(query, self->live_, 0, GST_CLOCK_TIME_NONE);
    return TRUE;
}

GstStateChangeReturn ArchiveBench::setState(GstState state)
{
    if (state > GST_STATE_READY)
        gst_pad_set_active(source_.get(), TRUE);
    const GstStateChangeReturn result = gst_element_set_state(element_.get(), state);
    if (state <= GST_STATE_READY)
        gst_pad_set_active(source_.get(), FALSE);
    return result;
}

void ArchiveBench::start(const char *caps)
{
    EXPECT_NE(setState(GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
    pushHeader(caps);
}

void ArchiveBench::pushHeader(const char *caps)
{
    pushEvent(gst_event_new_stream_start("test"));
    if (caps) {
        const CapsPtr parsed(gst_caps_from_string(caps));
        pushEvent(gst_event_new_caps(parsed.get()));
    }
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    pushEvent(gst_event_new_segment(&segment));
}

void ArchiveBench::flushStop()
{
    pushEvent(gst_event_new_flush_stop(TRUE));
    EXPECT_NE(setState(GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
    pushHeader(nullptr);
}

void ArchiveBench::loss(std::uint64_t first, std::uint64_t last, LossReason reason)
{
    auto event = newLossEvent(nullptr, {first, last, last - first + 1, reason, first * GST_MSECOND, {}});
    gst_structure_set(gst_event_writable_structure(event.get()), "element", G_TYPE_STRING, "camera", nullptr);
    EXPECT_TRUE(pushEvent(event.release()));
}

BufferPtr ArchiveBench::frame(std::uint64_t sequence, std::size_t bytes)
{
    BufferPtr buffer(gst_buffer_new_allocate(nullptr, bytes, nullptr));
    gst_buffer_memset(buffer.get(), 0, colour(sequence), bytes);
    GST_BUFFER_OFFSET(buffer.get()) = sequence;
    GST_BUFFER_OFFSET_END(buffer.get()) = sequence + 1;
    GST_BUFFER_PTS(buffer.get()) = sequence * 10 * GST_MSECOND;
    GST_BUFFER_DURATION(buffer.get()) = 10 * GST_MSECOND;
    return buffer;
}

void ArchiveBench::pushAll(std::uint64_t first, std::uint64_t last)
{
    for (std::uint64_t sequence = first; sequence <= last; ++sequence)
        EXPECT_EQ(push(sequence), GST_FLOW_OK) << sequence;
}

void ArchiveBench::drain()
{
    const QueryPtr query(gst_query_new_drain());
    gst_pad_peer_query(source_.get(), query.get());
}

bool ArchiveBench::waitUntil(const std::function<bool()> &condition)
{
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

void ArchiveBench::waitInRender()
{
    GMutex *const lock = GST_BASE_SINK_GET_PREROLL_LOCK(element_.get());
    EXPECT_TRUE(waitUntil([lock] {
        if (!g_mutex_trylock(lock))
            return true; // the base class holds it around render
        g_mutex_unlock(lock);
        return false;
    }));
}

guint64 ArchiveBench::stat(const char *field)
{
    GstStructure *stats = nullptr;
    g_object_get(element_.get(), "stats", &stats, nullptr);
    const StructurePtr guard(stats);
    guint64 value = 0;
    EXPECT_TRUE(gst_structure_get_uint64(stats, field, &value)) << field;
    return value;
}

std::string ArchiveBench::ioOf()
{
    GstStructure *stats = nullptr;
    g_object_get(element_.get(), "stats", &stats, nullptr);
    const StructurePtr guard(stats);
    return gst_structure_get_string(stats, "io");
}

void ArchiveBench::expectConservation()
{
    EXPECT_EQ(stat("frames-in"), stat("frames-out") + stat("dropped") + stat("frames-in-flight"));
    guint64 sum = 0;
    for (const char *reason : {"full", "disk-full", "io-error", "corrupt", "error"})
        sum += stat(("dropped-" + std::string(reason)).c_str());
    EXPECT_EQ(stat("dropped"), sum);
    EXPECT_EQ(stat("frames-archived"), stat("frames-out"));
    EXPECT_EQ(stat("frames-pending"), stat("frames-in-flight"));
}

void ArchiveBench::collect()
{
    while (GstMessage *message = gst_bus_pop(bus_.get()))
        inbox_.emplace_back(message);
}

std::vector<std::string> ArchiveBench::texts(GstMessageType type)
{
    collect();
    std::vector<std::string> found;
    for (const MessagePtr &message : inbox_) {
        GError *error = nullptr;
        if (GST_MESSAGE_TYPE(message.get()) != type)
            continue;
        if (type == GST_MESSAGE_ERROR)
            gst_message_parse_error(message.get(), &error, nullptr);
        else
            gst_message_parse_warning(message.get(), &error, nullptr);
        const ErrorPtr guard(error);
        found.emplace_back(error->message);
    }
    return found;
}

std::vector<StructurePtr> ArchiveBench::news(const char *name)
{
    collect();
    std::vector<StructurePtr> found;
    for (const MessagePtr &message : inbox_) {
        if (GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_ELEMENT &&
            gst_message_has_name(message.get(), name))
            found.emplace_back(gst_structure_copy(gst_message_get_structure(message.get())));
    }
    return found;
}

int ArchiveBench::countMessages(GstMessageType type)
{
    collect();
    return int(std::count_if(inbox_.begin(), inbox_.end(), [type](const MessagePtr &message) {
        return GST_MESSAGE_TYPE(message.get()) == type;
    }));
}

void ArchiveBench::waitForNews(const char *name, std::size_t count)
{
    EXPECT_TRUE(waitUntil([&] { return news(name).size() >= count; })) << name;
}

namespace {

struct GatedMemory
{
    GstMemory memory;
    Gate *gate;
    guint8 *data;
};

struct GatedAllocator
{
    GstAllocator parent;
    Gate *gate;
};
struct GatedAllocatorClass
{
    GstAllocatorClass parent;
};

GType gated_allocator_get_type();
G_DEFINE_TYPE(GatedAllocator, gated_allocator, GST_TYPE_ALLOCATOR)

GstMemory *gatedAlloc(GstAllocator *allocator, gsize size, GstAllocationParams *)
{
    auto *memory = new GatedMemory{};
    gst_memory_init(&memory->memory, GST_MEMORY_FLAG_NO_SHARE, allocator, nullptr, size, 0, 0, size);
    memory->gate = reinterpret_cast<GatedAllocator *>(allocator)->gate;
    memory->data = static_cast<guint8 *>(g_malloc(size));
    return &memory->memory;
}

void gatedFree(GstAllocator *, GstMemory *memory)
{
    auto *gated = reinterpret_cast<GatedMemory *>(memory);
    g_free(gated->data);
    delete gated;
}

gpointer gatedMap(GstMemory *memory, gsize, GstMapFlags)
{
    auto *gated = reinterpret_cast<GatedMemory *>(memory);
    return gated->gate->mayMap() ? gated->data : nullptr;
}

void gatedUnmap(GstMemory *memory)
{
    reinterpret_cast<GatedMemory *>(memory)->gate->pass();
}

void gated_allocator_class_init(GatedAllocatorClass *klass)
{
    GST_ALLOCATOR_CLASS(klass)->alloc = gatedAlloc;
    GST_ALLOCATOR_CLASS(klass)->free = gatedFree;
}

void gated_allocator_init(GatedAllocator *self)
{
    GST_ALLOCATOR_CAST(self)->mem_type = "GatedMemory";
    GST_ALLOCATOR_CAST(self)->mem_map = gatedMap;
    GST_ALLOCATOR_CAST(self)->mem_unmap = gatedUnmap;
    GST_OBJECT_FLAG_SET(self, GST_ALLOCATOR_FLAG_CUSTOM_ALLOC);
}

} // namespace

Gate::Gate() : allocator_(GST_ALLOCATOR_CAST(g_object_new(gated_allocator_get_type(), nullptr)))
{
    gst_object_ref_sink(allocator_);
    reinterpret_cast<GatedAllocator *>(allocator_)->gate = this;
}

Gate::~Gate()
{
    open();
    gst_object_unref(allocator_);
}

BufferPtr Gate::frame(std::uint64_t sequence, std::size_t bytes)
{
    BufferPtr buffer(gst_buffer_new());
    for (const std::size_t part : {bytes / 2, bytes - bytes / 2})
        gst_buffer_append_memory(buffer.get(), gst_allocator_alloc(allocator_, part, nullptr));
    gst_buffer_memset(buffer.get(), 0, ArchiveBench::colour(sequence), bytes);
    GST_BUFFER_OFFSET(buffer.get()) = sequence;
    GST_BUFFER_PTS(buffer.get()) = sequence * 10 * GST_MSECOND;
    return buffer;
}

void Gate::shut()
{
    const std::lock_guard lock(mutex_);
    shut_ = true;
}

void Gate::open()
{
    {
        const std::lock_guard lock(mutex_);
        shut_ = false;
    }
    changed_.notify_all();
}

bool Gate::mayMap() const
{
    return !refusing_ && std::this_thread::get_id() == maker_;
}

void Gate::waitBlocked()
{
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, ArchiveBench::patience, [this] { return blocked_ > 0; }));
}

void Gate::pass()
{
    std::unique_lock lock(mutex_);
    if (std::this_thread::get_id() == maker_)
        return;
    ++blocked_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !shut_; });
    --blocked_;
}

} // namespace dmaslab::test
