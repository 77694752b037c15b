// SPDX-License-Identifier: LGPL-2.1-or-later
#include "source_bench.h"

#include <algorithm>

#include "common/loss_ledger.h"

namespace dmaslab::test {

namespace {

std::string describe(GstEvent *event)
{
    const auto range = [](const auto &lost) {
        return std::to_string(lost.first) + "-" + std::to_string(lost.last) + " ";
    };
    if (const auto loss = parseLossEvent(event))
        return "loss " + range(*loss) + std::string(toString(loss->reason));
    if (const auto skip = parseSkipEvent(event))
        return "skip " + range(*skip) + "x" + std::to_string(skip->count);
    return GST_EVENT_TYPE_NAME(event);
}

} // namespace

SourceBench::SourceBench(const std::string &properties, const std::string &caps, const std::string &factory)
    : caps_(gst_caps_from_string(caps.c_str()))
{
    element_ = launch(factory + " " + properties);
    bus_.reset(gst_bus_new());
    gst_element_set_bus(element_.get(), bus_.get());
    clock_.reset(gst_test_clock_new_with_start_time(epoch));
    gst_element_set_clock(element_.get(), clock_.get());
    gst_element_set_base_time(element_.get(), epoch);

    sink_.reset(GST_PAD(gst_object_ref_sink(gst_pad_new("drain", GST_PAD_SINK))));
    gst_pad_set_element_private(sink_.get(), this);
    gst_pad_set_chain_function(sink_.get(), onChain);
    gst_pad_set_event_function(sink_.get(), onEvent);
    gst_pad_set_query_function(sink_.get(), onQuery);
    source_.reset(gst_element_get_static_pad(element_.get(), "src"));
    EXPECT_EQ(gst_pad_link(source_.get(), sink_.get()), GST_PAD_LINK_OK);
}

SourceBench::~SourceBench()
{
    stop();
    release();
    gst_element_set_bus(element_.get(), nullptr);
    gst_element_set_clock(element_.get(), nullptr);
}

void SourceBench::play()
{
    gst_pad_set_active(sink_.get(), TRUE);
    gst_element_set_state(element_.get(), GST_STATE_PLAYING);
}

void SourceBench::pause()
{
    gst_element_set_state(element_.get(), GST_STATE_PAUSED);
    pausedAt_ = gst_clock_get_time(clock_.get());
}

void SourceBench::resume()
{
    const GstClockTime stood = gst_clock_get_time(clock_.get()) - pausedAt_;
    gst_element_set_base_time(element_.get(), gst_element_get_base_time(element_.get()) + stood);
    gst_element_set_state(element_.get(), GST_STATE_PLAYING);
}

void SourceBench::stop()
{
    {
        const std::lock_guard lock(mutex_);
        flushing_ = true;
    }
    changed_.notify_all();
    gst_element_set_state(element_.get(), GST_STATE_NULL);
    gst_pad_set_active(sink_.get(), FALSE);
    const std::lock_guard lock(mutex_);
    flushing_ = shut_ = false;
}

void SourceBench::awaitWaiting()
{
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
    ASSERT_TRUE(gst_test_clock_timed_wait_for_multiple_pending_ids(clock(), 1, guint(limit), nullptr));
}

void SourceBench::tick(int deadlines)
{
    for (int i = 0; i < deadlines; ++i) {
        awaitWaiting();
        ASSERT_TRUE(gst_test_clock_crank(clock()));
    }
}

void SourceBench::keep(bool keep)
{
    const std::lock_guard lock(mutex_);
    keep_ = keep;
}

void SourceBench::release(std::size_t buffers)
{
    std::deque<BufferPtr> gone; // outside the lock: letting go runs code of the source
    const std::lock_guard lock(mutex_);
    for (; buffers > 0 && !kept_.empty(); --buffers) {
        gone.push_back(std::move(kept_.front()));
        kept_.pop_front();
    }
}

std::vector<GstBuffer *> SourceBench::kept()
{
    const std::lock_guard lock(mutex_);
    std::vector<GstBuffer *> buffers;
    for (const BufferPtr &buffer : kept_)
        buffers.push_back(buffer.get());
    return buffers;
}

void SourceBench::shut()
{
    const std::lock_guard lock(mutex_);
    shut_ = true;
}

void SourceBench::open()
{
    {
        const std::lock_guard lock(mutex_);
        shut_ = false;
    }
    changed_.notify_all();
}

void SourceBench::setFlow(GstFlowReturn flow)
{
    const std::lock_guard lock(mutex_);
    flow_ = flow;
}

void SourceBench::renegotiate(const std::string &caps)
{
    if (!caps.empty()) {
        const std::lock_guard lock(mutex_);
        caps_.reset(gst_caps_from_string(caps.c_str()));
    }
    gst_pad_push_event(sink_.get(), gst_event_new_reconfigure());
}

std::vector<Arrival> SourceBench::arrivals()
{
    const std::lock_guard lock(mutex_);
    return arrivals_;
}

std::vector<std::string> SourceBench::log()
{
    const std::lock_guard lock(mutex_);
    return log_;
}

std::vector<std::string> SourceBench::story()
{
    std::vector<std::string> lines = log();
    std::erase_if(lines, [](const std::string &line) {
        return !line.starts_with("b") && !line.starts_with("loss") && !line.starts_with("skip") &&
               line != "eos";
    });
    return lines;
}

void SourceBench::waitForFrames(std::size_t frames)
{
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, patience, [&] { return arrivals_.size() >= frames; }))
        << arrivals_.size() << " frames of " << frames;
}

void SourceBench::waitForLog(const std::string &line)
{
    std::unique_lock lock(mutex_);
    const bool found = changed_.wait_for(
        lock, patience, [&] { return std::find(log_.begin(), log_.end(), line) != log_.end(); });
    std::string all;
    for (const auto &entry : log_)
        all += entry + "\n";
    ASSERT_TRUE(found) << "no \"" << line << "\" in:\n" << all;
}

void SourceBench::waitUntil(const std::function<bool()> &condition, const char *what)
{
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "waited in vain for " << what;
        g_usleep(500);
    }
}

void SourceBench::waitForStat(const char *field, guint64 value)
{
    waitUntil([&] { return stat(field) >= value; }, field);
}

StructurePtr SourceBench::stats()
{
    GstStructure *raw = nullptr;
    g_object_get(element_.get(), "stats", &raw, nullptr);
    return StructurePtr(raw);
}

guint64 SourceBench::stat(const char *field)
{
    guint64 value = G_MAXUINT64;
    EXPECT_TRUE(gst_structure_get_uint64(stats().get(), field, &value)) << field;
    return value;
}

guint SourceBench::count(const char *field)
{
    return guint(stat(field));
}

void SourceBench::expectConservation(guint64 inFlight)
{
    const StructurePtr all = stats();
    const auto of = [&](const char *field) {
        guint64 value = 0;
        EXPECT_TRUE(gst_structure_get_uint64(all.get(), field, &value)) << field;
        return value;
    };
    EXPECT_EQ(of("frames-in"), of("frames-out") + of("dropped") + of("frames-in-flight"));
    EXPECT_EQ(of("frames-in-flight"), inFlight);
    guint64 sum = 0;
    for (gint i = 0; i < gst_structure_n_fields(all.get()); ++i) {
        const char *field = gst_structure_nth_field_name(all.get(), guint(i));
        if (g_str_has_prefix(field, "dropped-"))
            sum += of(field);
    }
    EXPECT_EQ(of("dropped"), sum);
}

MessagePtr SourceBench::pop(GstMessageType type)
{
    for (;;) {
        for (auto it = inbox_.begin(); it != inbox_.end(); ++it) {
            if (GST_MESSAGE_TYPE(it->get()) & type) {
                MessagePtr found = std::move(*it);
                inbox_.erase(it);
                return found;
            }
        }
        GstMessage *next = gst_bus_timed_pop(bus_.get(), 30 * GST_SECOND);
        if (!next)
            return nullptr;
        inbox_.emplace_back(next);
    }
}

std::vector<MessagePtr> SourceBench::popAll(GstMessageType type)
{
    // All into the inbox first: the bus throws away what a filtered pop passes over.
    while (GstMessage *message = gst_bus_pop(bus_.get()))
        inbox_.emplace_back(message);
    std::vector<MessagePtr> found;
    for (MessagePtr &message : inbox_) {
        if (GST_MESSAGE_TYPE(message.get()) & type)
            found.push_back(std::move(message));
    }
    std::erase(inbox_, nullptr);
    return found;
}

std::vector<std::string> SourceBench::texts(GstMessageType type)
{
    std::vector<std::string> found;
    for (const MessagePtr &message : popAll(type))
        found.push_back(textOf(message.get()));
    return found;
}

void SourceBench::note(std::string line)
{
    {
        const std::lock_guard lock(mutex_);
        log_.push_back(std::move(line));
    }
    changed_.notify_all();
}

GstFlowReturn SourceBench::onChain(GstPad *pad, GstObject *, GstBuffer *raw)
{
    auto *self = static_cast<SourceBench *>(gst_pad_get_element_private(pad));
    BufferPtr buffer(raw);
    if (self->onBuffer)
        self->onBuffer(raw);
    std::unique_lock lock(self->mutex_);
    const bool discont = GST_BUFFER_IS_DISCONT(raw);
    self->log_.push_back("b" + std::to_string(GST_BUFFER_OFFSET(raw)) + (discont ? "!" : ""));
    self->arrivals_.push_back({GST_BUFFER_OFFSET(raw), GST_BUFFER_PTS(raw), GST_BUFFER_DURATION(raw), discont,
                               gst_buffer_get_size(raw)});
    if (self->keep_)
        self->kept_.push_back(std::move(buffer));
    self->changed_.notify_all();
    self->changed_.wait(lock, [self] { return !self->shut_ || self->flushing_; });
    return self->flushing_ ? GST_FLOW_FLUSHING : self->flow_;
}

gboolean SourceBench::onEvent(GstPad *pad, GstObject *, GstEvent *raw)
{
    auto *self = static_cast<SourceBench *>(gst_pad_get_element_private(pad));
    const EventPtr event(raw);
    if (GST_EVENT_TYPE(raw) == GST_EVENT_FLUSH_START || GST_EVENT_TYPE(raw) == GST_EVENT_FLUSH_STOP) {
        const std::lock_guard lock(self->mutex_);
        self->flushing_ = GST_EVENT_TYPE(raw) == GST_EVENT_FLUSH_START;
    }
    self->note(describe(raw));
    return TRUE;
}

gboolean SourceBench::onQuery(GstPad *pad, GstObject *parent, GstQuery *query)
{
    auto *self = static_cast<SourceBench *>(gst_pad_get_element_private(pad));
    if (GST_QUERY_TYPE(query) == GST_QUERY_CAPS) {
        GstCaps *filter = nullptr;
        gst_query_parse_caps(query, &filter);
        const std::lock_guard lock(self->mutex_);
        const CapsPtr result(
            filter ? gst_caps_intersect_full(filter, self->caps_.get(), GST_CAPS_INTERSECT_FIRST)
                   : gst_caps_ref(self->caps_.get()));
        gst_query_set_caps_result(query, result.get());
        return TRUE;
    }
    if (GST_QUERY_TYPE(query) == GST_QUERY_ALLOCATION) {
        if (self->declared_ == 0)
            return FALSE;
        gst_query_add_allocation_pool(query, nullptr, 1, self->declared_, 0);
        GstAllocationParams params;
        gst_allocation_params_init(&params);
        params.padding = self->padding_;
        gst_query_add_allocation_param(query, nullptr, &params);
        return TRUE;
    }
    return gst_pad_query_default(pad, parent, query);
}

ObjectPtr<GstElement> launch(const std::string &line)
{
    GError *error = nullptr;
    ObjectPtr<GstElement> parsed(GST_ELEMENT(
        gst_object_ref_sink(gst_parse_launch_full(line.c_str(), nullptr, GST_PARSE_FLAG_NONE, &error))));
    const ErrorPtr guard(error);
    EXPECT_FALSE(error) << line << ": " << error->message;
    return parsed;
}

MessagePtr runToEnd(GstElement *pipeline)
{
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    const ObjectPtr<GstBus> bus(gst_element_get_bus(pipeline));
    return MessagePtr(gst_bus_timed_pop_filtered(bus.get(), 60 * GST_SECOND,
                                                 GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
}

std::string textOf(GstMessage *message)
{
    GError *error = nullptr;
    if (message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR)
        gst_message_parse_error(message, &error, nullptr);
    else if (message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING)
        gst_message_parse_warning(message, &error, nullptr);
    const ErrorPtr guard(error);
    return error ? error->message : "";
}

} // namespace dmaslab::test
