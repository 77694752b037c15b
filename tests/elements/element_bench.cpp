// SPDX-License-Identifier: LGPL-2.1-or-later
#include "element_bench.h"

#include <algorithm>

namespace dmaslab::test {

namespace {

std::string describe(GstEvent *event)
{
    if (const auto loss = parseLossEvent(event))
        return "loss " + std::to_string(loss->first) + "-" + std::to_string(loss->last) + " " +
               std::string(toString(loss->reason));
    if (GST_EVENT_TYPE(event) == GST_EVENT_CUSTOM_DOWNSTREAM)
        return std::string("mark ") + gst_structure_get_name(gst_event_get_structure(event));
    return GST_EVENT_TYPE_NAME(event);
}

} // namespace

ElementBench::ElementBench(const char *description)
{
    GError *error = nullptr;
    element_.reset(GST_ELEMENT(
        gst_object_ref_sink(gst_parse_launch_full(description, nullptr, GST_PARSE_FLAG_NONE, &error))));
    const ErrorPtr guard(error);
    EXPECT_FALSE(error) << error->message;
    bus_.reset(gst_bus_new());
    gst_element_set_bus(element_.get(), bus_.get());

    source_.reset(GST_PAD(gst_object_ref_sink(gst_pad_new("source", GST_PAD_SRC))));
    sink_.reset(GST_PAD(gst_object_ref_sink(gst_pad_new("drain", GST_PAD_SINK))));
    gst_pad_set_element_private(sink_.get(), this);
    gst_pad_set_chain_function(sink_.get(), onChain);
    gst_pad_set_event_function(sink_.get(), onEvent);
    gst_pad_set_query_function(sink_.get(), onQueryPad);

    const ObjectPtr<GstPad> in(gst_element_get_static_pad(element_.get(), "sink"));
    const ObjectPtr<GstPad> out(gst_element_get_static_pad(element_.get(), "src"));
    EXPECT_EQ(gst_pad_link(source_.get(), in.get()), GST_PAD_LINK_OK);
    EXPECT_EQ(gst_pad_link(out.get(), sink_.get()), GST_PAD_LINK_OK);
}

ElementBench::~ElementBench()
{
    stop();
    gst_element_set_bus(element_.get(), nullptr);
}

void ElementBench::start()
{
    gst_pad_set_active(sink_.get(), TRUE);
    EXPECT_NE(gst_element_set_state(element_.get(), GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
    gst_pad_set_active(source_.get(), TRUE);
    pushHeader();
    waitForLog("segment");
}

void ElementBench::stop()
{
    {
        const std::lock_guard lock(mutex_);
        flushing_ = true;
    }
    changed_.notify_all();
    gst_element_set_state(element_.get(), GST_STATE_NULL);
    gst_pad_set_active(source_.get(), FALSE);
    gst_pad_set_active(sink_.get(), FALSE);
    dropKept();
    const std::lock_guard lock(mutex_);
    flushing_ = false;
    shut_ = false;
    passes_ = 0;
}

void ElementBench::pushHeader(const char *caps)
{
    pushEvent(gst_event_new_stream_start("test"));
    const CapsPtr parsed(gst_caps_from_string(caps));
    pushEvent(gst_event_new_caps(parsed.get()));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    pushEvent(gst_event_new_segment(&segment));
}

BufferPtr ElementBench::frame(std::uint64_t sequence)
{
    BufferPtr buffer(gst_buffer_new_allocate(nullptr, 16, nullptr));
    GST_BUFFER_OFFSET(buffer.get()) = sequence;
    GST_BUFFER_OFFSET_END(buffer.get()) = sequence + 1;
    GST_BUFFER_PTS(buffer.get()) = sequence * GST_MSECOND;
    GST_BUFFER_DURATION(buffer.get()) = GST_MSECOND;
    return buffer;
}

GstEvent *ElementBench::mark(const char *name)
{
    return gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty(name));
}

void ElementBench::shut()
{
    const std::lock_guard lock(mutex_);
    shut_ = true;
}

void ElementBench::open()
{
    {
        const std::lock_guard lock(mutex_);
        shut_ = false;
        passes_ = 0;
    }
    changed_.notify_all();
}

void ElementBench::letThrough(int buffers)
{
    {
        const std::lock_guard lock(mutex_);
        passes_ += buffers;
    }
    changed_.notify_all();
}

void ElementBench::waitBlocked()
{
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, patience, [this] { return blocked_ > 0 && passes_ == 0; }));
}

void ElementBench::dropKept()
{
    std::vector<BufferPtr> kept;
    const std::lock_guard lock(mutex_);
    kept.swap(kept_);
}

std::vector<std::string> ElementBench::log()
{
    const std::lock_guard lock(mutex_);
    return log_;
}

std::vector<std::string> ElementBench::log(const std::vector<std::string> &prefixes)
{
    std::vector<std::string> wanted;
    for (const auto &line : log()) {
        if (std::any_of(prefixes.begin(), prefixes.end(),
                        [&](const std::string &prefix) { return line.rfind(prefix, 0) == 0; }))
            wanted.push_back(line);
    }
    return wanted;
}

void ElementBench::clearLog()
{
    const std::lock_guard lock(mutex_);
    log_.clear();
}

void ElementBench::waitForLog(const std::string &line)
{
    std::unique_lock lock(mutex_);
    const bool found = changed_.wait_for(
        lock, patience, [&] { return std::find(log_.begin(), log_.end(), line) != log_.end(); });
    std::string all;
    for (const auto &entry : log_)
        all += entry + "\n";
    ASSERT_TRUE(found) << "no \"" << line << "\" in:\n" << all;
}

bool ElementBench::waitUntil(const std::function<bool()> &condition)
{
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline)
            return false;
        g_usleep(500);
    }
    return true;
}

guint64 ElementBench::stat(const char *field)
{
    GstStructure *raw = nullptr;
    g_object_get(element_.get(), "stats", &raw, nullptr);
    const StructurePtr stats(raw);
    guint64 value = G_MAXUINT64;
    EXPECT_TRUE(gst_structure_get_uint64(stats.get(), field, &value)) << field;
    return value;
}

int ElementBench::countMessages(GstMessageType type)
{
    int count = 0;
    while (popMessage(type))
        ++count;
    return count;
}

void ElementBench::note(std::string line)
{
    {
        const std::lock_guard lock(mutex_);
        log_.push_back(std::move(line));
    }
    changed_.notify_all();
}

GstFlowReturn ElementBench::onChain(GstPad *pad, GstObject *, GstBuffer *raw)
{
    auto *self = static_cast<ElementBench *>(gst_pad_get_element_private(pad));
    BufferPtr buffer(raw);
    std::unique_lock lock(self->mutex_);
    if (self->shut_ && self->passes_ == 0) {
        ++self->blocked_;
        self->changed_.notify_all();
        self->changed_.wait(lock, [self] { return !self->shut_ || self->passes_ > 0 || self->flushing_; });
        --self->blocked_;
    }
    if (self->flushing_)
        return GST_FLOW_FLUSHING;
    if (self->shut_)
        --self->passes_;
    if (self->flow_ != GST_FLOW_OK)
        return self->flow_;
    self->log_.push_back("b" + std::to_string(GST_BUFFER_OFFSET(raw)) +
                         (GST_BUFFER_IS_DISCONT(raw) ? "!" : ""));
    if (self->keep_)
        self->kept_.push_back(std::move(buffer));
    lock.unlock();
    self->changed_.notify_all();
    return GST_FLOW_OK;
}

gboolean ElementBench::onEvent(GstPad *pad, GstObject *, GstEvent *raw)
{
    auto *self = static_cast<ElementBench *>(gst_pad_get_element_private(pad));
    const EventPtr event(raw);
    if (GST_EVENT_TYPE(raw) == GST_EVENT_FLUSH_START || GST_EVENT_TYPE(raw) == GST_EVENT_FLUSH_STOP) {
        {
            const std::lock_guard lock(self->mutex_);
            self->flushing_ = GST_EVENT_TYPE(raw) == GST_EVENT_FLUSH_START;
        }
        self->changed_.notify_all();
    }
    self->note(describe(raw));
    return TRUE;
}

gboolean ElementBench::onQueryPad(GstPad *pad, GstObject *parent, GstQuery *query)
{
    auto *self = static_cast<ElementBench *>(gst_pad_get_element_private(pad));
    if (GST_QUERY_IS_SERIALIZED(query)) {
        self->note(std::string("query ") + GST_QUERY_TYPE_NAME(query));
        return !self->onQuery || self->onQuery(query);
    }
    if (GST_QUERY_TYPE(query) == GST_QUERY_CAPS) {
        // Without a template the default would answer with the caps set so far and refuse others.
        GstCaps *filter = nullptr;
        gst_query_parse_caps(query, &filter);
        const CapsPtr any(gst_caps_new_any());
        gst_query_set_caps_result(query, filter ? filter : any.get());
        return TRUE;
    }
    return gst_pad_query_default(pad, parent, query);
}

BufferPtr BufferCensus::make(std::uint64_t sequence)
{
    auto buffer = ElementBench::frame(sequence);
    ++alive_;
    gst_mini_object_weak_ref(
        GST_MINI_OBJECT_CAST(buffer.get()),
        [](gpointer census, GstMiniObject *) { --static_cast<BufferCensus *>(census)->alive_; }, this);
    return buffer;
}

} // namespace dmaslab::test
