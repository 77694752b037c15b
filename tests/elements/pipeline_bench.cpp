// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipeline_bench.h"

#include <chrono>
#include <span>

#include "dmaslab/capture/stamp.h"

namespace dmaslab::test {

namespace {

constexpr auto patience = std::chrono::seconds(30);
constexpr GstClockTime gstPatience = 30 * GST_SECOND;

FrameLook lookAt(const GstMapInfo &map)
{
    const auto check = verifyStamp(std::as_bytes(std::span(map.data, map.size)));
    return {check.status == StampStatus::Ok, check.sequence, map.data};
}

} // namespace

Pipeline::Pipeline(const std::string &description)
{
    GError *error = nullptr;
    pipeline_.reset(GST_ELEMENT(gst_object_ref_sink(gst_parse_launch(description.c_str(), &error))));
    const ErrorPtr guard(error);
    EXPECT_FALSE(error) << error->message << "\n" << description;
    bus_.reset(gst_element_get_bus(pipeline_.get()));
}

ObjectPtr<GstElement> Pipeline::element(const std::string &name) const
{
    ObjectPtr<GstElement> found(gst_bin_get_by_name(GST_BIN(pipeline_.get()), name.c_str()));
    EXPECT_TRUE(found) << "no element " << name;
    return found;
}

ObjectPtr<GstPad> Pipeline::pad(const std::string &name, const char *pad) const
{
    return ObjectPtr<GstPad>(gst_element_get_static_pad(element(name).get(), pad));
}

void Pipeline::play()
{
    EXPECT_NE(gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
}

void Pipeline::stop()
{
    EXPECT_EQ(gst_element_set_state(pipeline_.get(), GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
}

void Pipeline::waitEnd(GstClockTime atMost)
{
    const MessagePtr message(
        gst_bus_timed_pop_filtered(bus_.get(), atMost, GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
    ASSERT_TRUE(message) << "no end in sight";
    if (GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_EOS)
        return;
    GError *error = nullptr;
    gst_message_parse_error(message.get(), &error, nullptr);
    const ErrorPtr guard(error);
    FAIL() << GST_MESSAGE_SRC_NAME(message.get()) << ": " << error->message;
}

void Pipeline::runToEnd(GstClockTime atMost)
{
    play();
    waitEnd(atMost);
}

MessagePtr Pipeline::waitMessage(GstMessageType type)
{
    MessagePtr message(gst_bus_timed_pop_filtered(bus_.get(), gstPatience, type));
    EXPECT_TRUE(message) << "no message " << gst_message_type_get_name(type);
    return message;
}

int Pipeline::countMessages(GstMessageType type)
{
    int count = 0;
    while (const MessagePtr message{gst_bus_pop_filtered(bus_.get(), type)})
        ++count;
    return count;
}

guint64 Pipeline::stat(const std::string &name, const char *field) const
{
    GstStructure *raw = nullptr;
    g_object_get(element(name).get(), "stats", &raw, nullptr);
    const StructurePtr stats(raw);
    guint64 wide = 0;
    guint narrow = 0;
    if (gst_structure_get_uint64(raw, field, &wide))
        return wide;
    EXPECT_TRUE(gst_structure_get_uint(raw, field, &narrow)) << name << " has no " << field;
    return narrow;
}

bool Pipeline::waitUntil(const std::function<bool()> &condition, unsigned seconds)
{
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline)
            return false;
        g_usleep(500);
    }
    return true;
}

void endStream(Pipeline &pipeline, const std::string &source)
{
    EXPECT_TRUE(gst_element_send_event(pipeline.get(), gst_event_new_eos()));
    pipeline.waitEnd();
    EXPECT_LE(pipeline.stat(source, "dropped-flush"), 1u);
}

void expectConservation(const Pipeline &pipeline, const std::string &element)
{
    EXPECT_TRUE(Pipeline::waitUntil([&] { return pipeline.stat(element, "frames-in-flight") == 0; }))
        << element << " has " << pipeline.stat(element, "frames-in-flight") << " frames in flight";
    EXPECT_EQ(pipeline.stat(element, "frames-in"),
              pipeline.stat(element, "frames-out") + pipeline.stat(element, "dropped"))
        << element;
}

void expectAllHome(const Pipeline &pipeline, const std::string &source)
{
    EXPECT_TRUE(Pipeline::waitUntil([&] { return pipeline.stat(source, "slabs-held") == 0; }))
        << pipeline.stat(source, "slabs-held") << " slabs are still held";
    EXPECT_EQ(pipeline.stat(source, "stale-handles"), 0u);
    expectConservation(pipeline, source);
}

FrameLook lookAt(GstBuffer *buffer)
{
    GstMapInfo map;
    if (!gst_buffer_map(buffer, &map, GST_MAP_READ))
        return {};
    const FrameLook look = lookAt(map);
    gst_buffer_unmap(buffer, &map);
    return look;
}

FrameLook lookAt(GstMemory *memory)
{
    GstMapInfo map;
    if (!gst_memory_map(memory, &map, GST_MAP_READ))
        return {};
    const FrameLook look = lookAt(map);
    gst_memory_unmap(memory, &map);
    return look;
}

PadWatch::PadWatch(const Pipeline &pipeline, const std::string &element, const char *pad, OnBuffer onBuffer)
    : PadWatch(pipeline.pad(element, pad).get(), std::move(onBuffer))
{
}

PadWatch::PadWatch(GstPad *pad, OnBuffer onBuffer) : pad_(refObject(pad)), onBuffer_(std::move(onBuffer))
{
    probe_ = gst_pad_add_probe(
        pad, GstPadProbeType(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM), onProbe, this,
        nullptr);
}

PadWatch::~PadWatch()
{
    open();
    gst_pad_remove_probe(pad_.get(), probe_);
}

GstPadProbeReturn PadWatch::onProbe(GstPad *, GstPadProbeInfo *info, gpointer data)
{
    auto &self = *static_cast<PadWatch *>(data);
    if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
        self.see(GST_PAD_PROBE_INFO_BUFFER(info));
    } else if (auto loss = parseLossEvent(GST_PAD_PROBE_INFO_EVENT(info))) {
        const std::lock_guard lock(self.mutex_);
        self.losses_.push_back(std::move(*loss));
    }
    return GST_PAD_PROBE_OK;
}

void PadWatch::see(GstBuffer *buffer)
{
    {
        std::unique_lock lock(mutex_);
        if (shut_) {
            ++blocked_;
            changed_.notify_all();
            changed_.wait(lock, [this] { return !shut_; });
            --blocked_;
        }
    }
    // After the wait: whatever happened meanwhile must not have reached these pixels.
    GstDmaSlabInfo slab;
    const bool isSlab = gst_dma_slab_buffer_get_info(buffer, &slab);
    const guint64 sequence = GST_BUFFER_OFFSET(buffer);
    const FrameLook look = lookAt(buffer);
    {
        const std::lock_guard lock(mutex_);
        sequences_.push_back(sequence);
        wrong_ += !look.whole || (checksNumbers_ && look.sequence != sequence);
        disconts_ += GST_BUFFER_IS_DISCONT(buffer);
        slabs_ += isSlab;
    }
    changed_.notify_all();
    if (onBuffer_)
        onBuffer_(buffer);
}

void PadWatch::shut()
{
    const std::lock_guard lock(mutex_);
    shut_ = true;
}

void PadWatch::open()
{
    {
        const std::lock_guard lock(mutex_);
        shut_ = false;
    }
    changed_.notify_all();
}

void PadWatch::waitBlocked()
{
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, patience, [this] { return blocked_ > 0; }));
}

void PadWatch::waitFor(std::size_t frames)
{
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, patience, [&] { return sequences_.size() >= frames; }))
        << sequences_.size() << " of " << frames << " frames came";
}

std::vector<guint64> PadWatch::sequences() const
{
    const std::lock_guard lock(mutex_);
    return sequences_;
}

std::vector<Loss> PadWatch::losses() const
{
    const std::lock_guard lock(mutex_);
    return losses_;
}

std::size_t PadWatch::count() const
{
    const std::lock_guard lock(mutex_);
    return sequences_.size();
}

guint64 PadWatch::last() const
{
    const std::lock_guard lock(mutex_);
    return sequences_.empty() ? G_MAXUINT64 : sequences_.back();
}

std::size_t PadWatch::wrong() const
{
    const std::lock_guard lock(mutex_);
    return wrong_;
}

std::size_t PadWatch::disconts() const
{
    const std::lock_guard lock(mutex_);
    return disconts_;
}

std::size_t PadWatch::slabs() const
{
    const std::lock_guard lock(mutex_);
    return slabs_;
}

void PadWatch::expectEveryFrameOrItsLoss(guint64 total) const
{
    const std::lock_guard lock(mutex_);
    std::vector<guint8> times(total, 0);
    guint64 foreign = 0, repeated = 0, silent = 0, backwards = 0, previous = 0;
    const auto name = [&](guint64 sequence) {
        if (sequence >= total)
            ++foreign;
        else
            repeated += times[sequence]++ != 0;
    };
    for (const guint64 sequence : sequences_) {
        backwards += sequence < previous;
        previous = sequence;
        name(sequence);
    }
    for (const Loss &loss : losses_) {
        EXPECT_EQ(loss.count, loss.last - loss.first + 1) << loss.element << " from " << loss.first;
        for (guint64 sequence = loss.first; sequence <= loss.last; ++sequence)
            name(sequence);
    }
    for (const guint8 time : times)
        silent += time == 0;
    EXPECT_EQ(silent, 0u) << "frames that neither came nor were named as lost";
    EXPECT_EQ(repeated, 0u) << "frames that came or were named twice";
    EXPECT_EQ(foreign, 0u) << "frames that never were";
    EXPECT_EQ(backwards, 0u) << "frames out of order";
    EXPECT_EQ(wrong_, 0u) << "frames with pixels that are not theirs";
}

void PadWatch::expectEveryFrame(guint64 total) const
{
    EXPECT_TRUE(losses().empty());
    EXPECT_EQ(count(), total);
    expectEveryFrameOrItsLoss(total);
}

} // namespace dmaslab::test
