// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/loss_ledger.h"

#include <gtest/gtest.h>

using namespace dmaslab;

namespace {

std::string describe(const std::vector<Loss> &losses)
{
    std::string text;
    for (const auto &loss : losses)
        text += std::to_string(loss.first) + "-" + std::to_string(loss.last) + ":" +
                std::string(toString(loss.reason)) + " ";
    return text;
}

} // namespace

TEST(LossLedger, NeighboursWithTheSameReasonBecomeOneEntry)
{
    LossLedger ledger;
    for (std::uint64_t sequence = 10; sequence < 20; ++sequence)
        ledger.record(LossReason::Queue, sequence, sequence, 0);
    const auto losses = ledger.takePending();
    EXPECT_EQ(describe(losses), "10-19:queue ");
    EXPECT_EQ(losses.at(0).count, 10u);
}

TEST(LossLedger, AnotherReasonOrAGapBeginsAnEntry)
{
    LossLedger ledger;
    ledger.record(LossReason::Queue, 1, 2, 0);
    ledger.record(LossReason::Starved, 3, 3, 0);
    ledger.record(LossReason::Starved, 5, 6, 0);
    EXPECT_EQ(describe(ledger.takePending()), "1-2:queue 3-3:starved 5-6:starved ");
    EXPECT_TRUE(ledger.empty());
}

TEST(LossLedger, ScatteredLossesWithoutEndStayBoundedAndExactlyCounted)
{
    LossLedger ledger;
    constexpr std::uint64_t lost = 100000;
    for (std::uint64_t i = 0; i < lost; ++i)
        ledger.record(LossReason::Queue, 5 * i, 5 * i);
    const auto losses = ledger.takePending();
    std::uint64_t count = 0;
    for (const auto &loss : losses)
        count += loss.count;
    EXPECT_EQ(count, lost);
    EXPECT_EQ(losses.size(), LossLedger::maxEntries);
    EXPECT_EQ(losses.back().last, 5 * (lost - 1));
}

TEST(FrameSequence, IsTheOffsetOfSourcesThatCountFrames)
{
    const BufferPtr buffer(gst_buffer_new());
    EXPECT_EQ(frameSequence(buffer.get()), std::nullopt);
    GST_BUFFER_OFFSET(buffer.get()) = 41;
    EXPECT_EQ(frameSequence(buffer.get()), 41u);
    GST_BUFFER_OFFSET_END(buffer.get()) = 42;
    EXPECT_EQ(frameSequence(buffer.get()), 41u);
    GST_BUFFER_OFFSET_END(buffer.get()) = 41 + 4096;
    EXPECT_EQ(frameSequence(buffer.get()), std::nullopt) << "bytes of a file are no frames";
}

TEST(LossEvent, ReadsBackAsWritten)
{
    const ObjectPtr<GstElement> element(
        GST_ELEMENT(gst_object_ref_sink(gst_element_factory_make("identity", "lossy"))));
    Loss loss;
    loss.first = 17;
    loss.last = 21;
    loss.count = 5;
    loss.reason = LossReason::DiskFull;
    loss.time = 12345;
    const auto event = newLossEvent(element.get(), loss);
    EXPECT_TRUE(GST_EVENT_IS_SERIALIZED(event.get()));
    EXPECT_TRUE(GST_EVENT_IS_DOWNSTREAM(event.get()));
    EXPECT_FALSE(GST_EVENT_IS_STICKY(event.get()));
    const GstStructure *fields = gst_event_get_structure(event.get());
    EXPECT_STREQ(gst_structure_get_string(fields, "reason"), "disk-full");
    EXPECT_STREQ(gst_structure_get_string(fields, "element"), "lossy");

    const auto read = parseLossEvent(event.get());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->first, 17u);
    EXPECT_EQ(read->last, 21u);
    EXPECT_EQ(read->count, 5u);
    EXPECT_EQ(read->reason, LossReason::DiskFull);
    EXPECT_EQ(read->time, 12345u);
    EXPECT_EQ(read->element, "lossy");
}

TEST(LossEvent, OtherAndMalformedEventsAreNothing)
{
    const EventPtr eos(gst_event_new_eos());
    EXPECT_FALSE(parseLossEvent(eos.get()));
    const EventPtr empty(
        gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty(lossEventName)));
    EXPECT_FALSE(parseLossEvent(empty.get()));
    const EventPtr backwards(gst_event_new_custom(
        GST_EVENT_CUSTOM_DOWNSTREAM,
        gst_structure_new(lossEventName, "first", G_TYPE_UINT64, guint64(9), "last", G_TYPE_UINT64,
                          guint64(3), "reason", G_TYPE_STRING, "queue", nullptr)));
    EXPECT_FALSE(parseLossEvent(backwards.get()));
    const EventPtr unknown(gst_event_new_custom(
        GST_EVENT_CUSTOM_DOWNSTREAM,
        gst_structure_new(lossEventName, "first", G_TYPE_UINT64, guint64(1), "last", G_TYPE_UINT64,
                          guint64(3), "reason", G_TYPE_STRING, "mislaid", nullptr)));
    EXPECT_FALSE(parseLossEvent(unknown.get()));
}

TEST(LossEvent, ASkipIsNoLoss)
{
    Skip skip;
    skip.first = 1;
    skip.last = 9;
    skip.count = 4;
    const auto event = newSkipEvent(nullptr, skip);
    EXPECT_FALSE(parseLossEvent(event.get()));
    const auto read = parseSkipEvent(event.get());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->last, 9u);
    EXPECT_EQ(read->count, 4u);
}

TEST(MarkDiscont, AnExclusiveBufferIsMarkedInPlace)
{
    GstBuffer *raw = gst_buffer_new();
    const auto marked = markDiscont(BufferPtr(raw));
    EXPECT_EQ(marked.get(), raw);
    EXPECT_TRUE(GST_BUFFER_IS_DISCONT(marked.get()));
}

TEST(MarkDiscont, ASharedBufferKeepsItsFlagsAndItsMemoryIsNotCopied)
{
    const BufferPtr other(gst_buffer_new_allocate(nullptr, 4096, nullptr));
    const auto marked = markDiscont(BufferPtr(gst_buffer_ref(other.get())));
    EXPECT_NE(marked.get(), other.get());
    EXPECT_FALSE(GST_BUFFER_IS_DISCONT(other.get()));
    EXPECT_EQ(gst_buffer_peek_memory(marked.get(), 0), gst_buffer_peek_memory(other.get(), 0));
}

TEST(LossQos, MessageCarriesCountsAndTimes)
{
    const ObjectPtr<GstElement> element(
        GST_ELEMENT(gst_object_ref_sink(gst_element_factory_make("identity", nullptr))));
    const ObjectPtr<GstBus> bus(gst_bus_new());
    gst_element_set_bus(element.get(), bus.get());
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    segment.base = 100;
    const BufferPtr buffer(gst_buffer_new());
    GST_BUFFER_PTS(buffer.get()) = 7;
    postLossQos(element.get(), true, frameTimes(segment, buffer.get()), 40, 2);

    const MessagePtr message(gst_bus_pop_filtered(bus.get(), GST_MESSAGE_QOS));
    ASSERT_TRUE(message);
    gboolean live = FALSE;
    guint64 runningTime = 0, streamTime = 0, timestamp = 0, duration = 0, processed = 0, dropped = 0;
    GstFormat format;
    gst_message_parse_qos(message.get(), &live, &runningTime, &streamTime, &timestamp, &duration);
    gst_message_parse_qos_stats(message.get(), &format, &processed, &dropped);
    EXPECT_TRUE(live);
    EXPECT_EQ(runningTime, 107u);
    EXPECT_EQ(timestamp, 7u);
    EXPECT_EQ(format, GST_FORMAT_BUFFERS);
    EXPECT_EQ(processed, 40u);
    EXPECT_EQ(dropped, 2u);
    gst_element_set_bus(element.get(), nullptr);
}
