// SPDX-License-Identifier: LGPL-2.1-or-later
// dmaslabsrc: what it counts, and that it says so also when it cannot move.
#include "source_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

constexpr const char *kCounts[] = {
    "frames-in",       "frames-out",    "frames-in-flight", "dropped",   "dropped-starved",
    "dropped-overrun", "dropped-flush", "skipped",          "bytes",     "bytes-copied",
    "elapsed",         "late",          "starved",          "sequence",  "pacing-p50",
    "pacing-p99",      "pacing-max",    "stale-handles",    "page-size",
};
constexpr const char *kLevels[] = {"slabs",     "slabs-free", "slabs-held", "slabs-low",
                                   "slabs-hot", "slabs-warm", "slabs-cold"};

void expectVocabulary(const GstStructure *stats)
{
    EXPECT_STREQ(gst_structure_get_name(stats), "dmaslab-stats");
    for (const char *field : kCounts)
        EXPECT_TRUE(gst_structure_has_field_typed(stats, field, G_TYPE_UINT64)) << field;
    for (const char *field : kLevels)
        EXPECT_TRUE(gst_structure_has_field_typed(stats, field, G_TYPE_UINT64)) << field;
    for (const char *field : {"rate", "throughput"})
        EXPECT_TRUE(gst_structure_has_field_typed(stats, field, G_TYPE_DOUBLE)) << field;
    EXPECT_TRUE(gst_structure_has_field_typed(stats, "memory", G_TYPE_STRING));
}

guint64 field(const GstStructure *stats, const char *name)
{
    guint64 value = G_MAXUINT64;
    EXPECT_TRUE(gst_structure_get_uint64(stats, name, &value)) << name;
    return value;
}

std::vector<MessagePtr> statsMessages(SourceBench &bench)
{
    auto messages = bench.popAll(GST_MESSAGE_ELEMENT);
    std::erase_if(messages, [](const MessagePtr &message) {
        return !gst_message_has_name(message.get(), "dmaslab-stats");
    });
    return messages;
}

} // namespace

TEST(DmaSlabSrcStats, TheVocabularyIsCompleteBeforeDuringAndAfterARun)
{
    SourceBench bench("backend=test");
    expectVocabulary(bench.stats().get());
    bench.play();
    bench.waitForFrames(1);
    expectVocabulary(bench.stats().get());
    bench.stop();
    expectVocabulary(bench.stats().get());
}

TEST(DmaSlabSrcStats, CountsAreConservedAtEveryMoment)
{
    SourceBench bench("backend=test pacing=off slabs=3 num-buffers=20000 on-starvation=drop");
    bench.play();
    guint64 looks = 0, sequence = 0;
    bench.waitUntil(
        [&] {
            const StructurePtr stats = bench.stats();
            EXPECT_EQ(field(stats.get(), "frames-in"), field(stats.get(), "frames-out") +
                                                           field(stats.get(), "dropped") +
                                                           field(stats.get(), "frames-in-flight"));
            EXPECT_LE(field(stats.get(), "frames-in-flight"), 2u);
            EXPECT_GE(field(stats.get(), "sequence"), sequence);
            sequence = field(stats.get(), "sequence");
            ++looks;
            return field(stats.get(), "frames-out") == 20000;
        },
        "all frames");
    EXPECT_GT(looks, 1u);
    bench.waitForLog("eos");
    bench.expectConservation();
    EXPECT_EQ(bench.stat("bytes"), 20000u * 32 * 8);
    EXPECT_EQ(bench.stat("bytes-copied"), 0u);
}

TEST(DmaSlabSrcStats, PacingIsMeasuredOnThePipelinesClock)
{
    SourceBench bench("backend=test");
    bench.play();
    bench.waitForFrames(1);
    bench.shut();
    bench.tick();
    bench.waitForFrames(2);
    bench.advance(13 * GST_MSECOND); // frame 2 is late by 3 ms
    bench.open();
    bench.waitForFrames(3);
    EXPECT_EQ(bench.stat("late"), 1u);
    EXPECT_EQ(bench.stat("pacing-p50"), 0u);
    EXPECT_EQ(bench.stat("pacing-max"), 3 * GST_MSECOND);
}

TEST(DmaSlabSrcStats, ACopyOfPixelsIsCounted)
{
    SourceBench bench("backend=test");
    bench.keep(true);
    bench.play();
    bench.waitForFrames(1);
    const BufferPtr copy(gst_buffer_copy_deep(bench.kept()[0]));
    EXPECT_EQ(bench.stat("bytes-copied"), 32u * 8);
}

TEST(DmaSlabSrcStats, SlabLevelsFollowWhatIsHeld)
{
    SourceBench bench("backend=test slabs=6 pacing=off num-buffers=3");
    bench.keep(true);
    bench.play();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.count("slabs"), 6u);
    EXPECT_EQ(bench.count("slabs-held"), 3u);
    EXPECT_EQ(bench.count("slabs-free"), 3u);
    EXPECT_EQ(bench.count("slabs-low"), 3u);
    bench.release();
    EXPECT_EQ(bench.count("slabs-free"), 6u);
    EXPECT_EQ(bench.count("slabs-low"), 3u);
}

TEST(DmaSlabSrcStats, AMessageComesWhileTheStreamingThreadIsStalled)
{
    SourceBench bench("backend=test stats-interval=1 name=camera");
    bench.shut();
    bench.play();
    bench.waitForFrames(1); // and its thread stays in the pad
    for (int i = 0; i < 3; ++i) {
        const MessagePtr message = bench.pop(GST_MESSAGE_ELEMENT);
        ASSERT_TRUE(message);
        const GstStructure *stats = gst_message_get_structure(message.get());
        expectVocabulary(stats);
        EXPECT_STREQ(gst_structure_get_string(stats, "element"), "camera");
    }
    EXPECT_EQ(bench.arrivals().size(), 1u);
}

TEST(DmaSlabSrcStats, TheLastWordComesAtEosAndAtStop)
{
    SourceBench bench("backend=test pacing=off num-buffers=5");
    bench.play();
    bench.waitForLog("eos");
    bench.stop();
    const auto messages = statsMessages(bench);
    ASSERT_EQ(messages.size(), 2u);
    for (const MessagePtr &message : messages)
        EXPECT_EQ(field(gst_message_get_structure(message.get()), "frames-out"), 5u);
}

TEST(DmaSlabSrcStats, EveryRunCountsFromZeroButTheSequence)
{
    SourceBench bench("backend=test pacing=off num-buffers=5");
    for (guint64 run = 1; run <= 3; ++run) {
        bench.play();
        bench.waitForFrames(std::size_t(5 * run));
        bench.waitUntil([&] { return bench.stat("frames-out") == 5; }, "five frames");
        bench.stop();
        EXPECT_EQ(bench.stat("frames-in"), 5u);
        EXPECT_EQ(bench.stat("sequence"), 5 * run);
    }
}

TEST(DmaSlabSrcStats, ReportsWhatTheSlabsAreMadeOf)
{
    SourceBench bench("backend=test memory=memfd pacing=off num-buffers=1");
    bench.play();
    bench.waitForLog("eos");
    EXPECT_STREQ(gst_structure_get_string(bench.stats().get(), "memory"), "memfd");
    EXPECT_GE(bench.stat("page-size"), 4096u);
    bench.stop();
    EXPECT_STREQ(gst_structure_get_string(bench.stats().get(), "memory"), "memfd") << "still after the stop";
}
