// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pad_end.h"

#include <algorithm>
#include <chrono>

#include <gtest/gtest.h>

#include "common/loss_ledger.h"

namespace dmaslab::test {

namespace {

constexpr auto patience = std::chrono::seconds(30);

std::string range(std::uint64_t first, std::uint64_t last)
{
    return std::to_string(first) + "-" + std::to_string(last);
}

std::string describe(GstEvent *event)
{
    if (const auto loss = parseLossEvent(event))
        return "loss " + range(loss->first, loss->last) + " " + std::string(toString(loss->reason));
    if (const auto skip = parseSkipEvent(event))
        return "skip " + range(skip->first, skip->last);
    if (GST_EVENT_TYPE(event) == GST_EVENT_CUSTOM_DOWNSTREAM)
        return std::string("mark ") + gst_structure_get_name(gst_event_get_structure(event));
    return GST_EVENT_TYPE_NAME(event);
}

PadEnd &self(GstPad *pad)
{
    return *static_cast<PadEnd *>(gst_pad_get_element_private(pad));
}

} // namespace

PadEnd::PadEnd() : pad_(GST_PAD(gst_object_ref_sink(gst_pad_new("end", GST_PAD_SINK))))
{
    gst_pad_set_element_private(pad_.get(), this);
    gst_pad_set_chain_function(pad_.get(), onChain);
    gst_pad_set_event_function(pad_.get(), onEvent);
    gst_pad_set_query_function(pad_.get(), onQueryPad);
}

PadEnd::~PadEnd()
{
    open();
    unlink();
}

void PadEnd::link(GstPad *from)
{
    gst_pad_set_active(pad_.get(), TRUE);
    EXPECT_EQ(gst_pad_link(from, pad_.get()), GST_PAD_LINK_OK);
}

void PadEnd::unlink()
{
    if (const ObjectPtr<GstPad> peer{gst_pad_get_peer(pad_.get())})
        gst_pad_unlink(peer.get(), pad_.get());
    gst_pad_set_active(pad_.get(), FALSE);
}

void PadEnd::shut()
{
    const std::lock_guard lock(mutex_);
    shut_ = true;
}

void PadEnd::open()
{
    {
        const std::lock_guard lock(mutex_);
        shut_ = false;
    }
    changed_.notify_all();
}

template <typename Condition>
bool PadEnd::wait(Condition condition) const
{
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, condition);
}

void PadEnd::waitBlocked()
{
    EXPECT_TRUE(wait([this] { return blocked_ > 0; }));
}

PadEnd::Lines PadEnd::log() const
{
    const std::lock_guard lock(mutex_);
    return log_;
}

PadEnd::Lines PadEnd::log(const Lines &prefixes) const
{
    Lines wanted;
    for (const std::string &line : log()) {
        if (std::any_of(prefixes.begin(), prefixes.end(),
                        [&](const std::string &prefix) { return line.starts_with(prefix); }))
            wanted.push_back(line);
    }
    return wanted;
}

void PadEnd::clearLog()
{
    const std::lock_guard lock(mutex_);
    log_.clear();
}

std::size_t PadEnd::count() const
{
    const std::lock_guard lock(mutex_);
    return count_;
}

bool PadEnd::waitFor(std::size_t buffers) const
{
    return wait([&] { return count_ >= buffers; });
}

bool PadEnd::waitForLine(const std::string &line) const
{
    return wait([&] { return std::find(log_.begin(), log_.end(), line) != log_.end(); });
}

BufferPtr PadEnd::buffer(std::size_t index) const
{
    const std::lock_guard lock(mutex_);
    return BufferPtr(index < kept_.size() ? gst_buffer_ref(kept_[index].get()) : nullptr);
}

void PadEnd::forget()
{
    std::vector<BufferPtr> kept;
    const std::lock_guard lock(mutex_);
    kept.swap(kept_);
}

CapsPtr PadEnd::caps() const
{
    const std::lock_guard lock(mutex_);
    return CapsPtr(caps_ ? gst_caps_ref(caps_.get()) : nullptr);
}

void PadEnd::note(std::string line)
{
    {
        const std::lock_guard lock(mutex_);
        log_.push_back(std::move(line));
    }
    changed_.notify_all();
}

GstFlowReturn PadEnd::onChain(GstPad *pad, GstObject *, GstBuffer *raw)
{
    PadEnd &end = self(pad);
    BufferPtr buffer(raw);
    std::string line = "b" + std::to_string(GST_BUFFER_OFFSET(raw));
    {
        std::unique_lock lock(end.mutex_);
        if (end.shut_) {
            ++end.blocked_;
            end.changed_.notify_all();
            end.changed_.wait(lock, [&] { return !end.shut_ || end.flushing_; });
            --end.blocked_;
        }
        if (end.flushing_)
            return GST_FLOW_FLUSHING;
        if (end.flow_ != GST_FLOW_OK)
            return end.flow_;
        ++end.count_;
        if (end.keeps_)
            end.kept_.push_back(std::move(buffer));
    }
    end.note(std::move(line));
    return GST_FLOW_OK;
}

gboolean PadEnd::onEvent(GstPad *pad, GstObject *, GstEvent *raw)
{
    PadEnd &end = self(pad);
    const EventPtr event(raw);
    {
        const std::lock_guard lock(end.mutex_);
        if (GST_EVENT_TYPE(raw) == GST_EVENT_FLUSH_START)
            end.flushing_ = true;
        if (GST_EVENT_TYPE(raw) == GST_EVENT_FLUSH_STOP)
            end.flushing_ = false;
        if (GST_EVENT_TYPE(raw) == GST_EVENT_CAPS) {
            GstCaps *caps = nullptr;
            gst_event_parse_caps(raw, &caps);
            end.caps_.reset(gst_caps_ref(caps));
        }
    }
    end.note(describe(raw));
    return TRUE;
}

gboolean PadEnd::onQueryPad(GstPad *pad, GstObject *parent, GstQuery *query)
{
    PadEnd &end = self(pad);
    if (end.onQuery && end.onQuery(query))
        return TRUE;
    if (GST_QUERY_TYPE(query) == GST_QUERY_CAPS) {
        GstCaps *filter = nullptr;
        gst_query_parse_caps(query, &filter);
        const CapsPtr caps(filter ? gst_caps_intersect(filter, end.wants.get())
                                  : gst_caps_ref(end.wants.get()));
        gst_query_set_caps_result(query, caps.get());
        return TRUE;
    }
    if (GST_QUERY_TYPE(query) == GST_QUERY_ACCEPT_CAPS) {
        GstCaps *caps = nullptr;
        gst_query_parse_accept_caps(query, &caps);
        gst_query_set_accept_caps_result(query, gst_caps_can_intersect(caps, end.wants.get()));
        return TRUE;
    }
    if (GST_QUERY_TYPE(query) == GST_QUERY_ALLOCATION)
        return TRUE;
    return gst_pad_query_default(pad, parent, query);
}

} // namespace dmaslab::test
