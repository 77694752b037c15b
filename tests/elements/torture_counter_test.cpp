// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames that verify themselves through three kinds of branches, and whether the ledger names exactly those
// that are missing. DMASLAB_SOAK=1 runs 10^6 frames.
#include <random>

#include "../unit/soak.h"
#include "pipeline_bench.h"
#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

std::string source(const std::string &properties, guint64 frames = 0)
{
    return "dmaslabsrc name=src backend=test pattern=counter " + properties +
           (frames ? " num-buffers=" + std::to_string(frames) : std::string()) +
           " ! video/x-raw,format=GRAY16_LE,width=128,height=64,framerate=1000/1 ! tee name=t ";
}

std::string sink(const std::string &name)
{
    return "fakesink async=false enable-last-sample=false name=" + name + " ";
}

/** Stalls now and then until another branch is some frames ahead: a slow consumer without a clock. */
class Straggler
{
public:
    Straggler(std::uint64_t seed, const PadWatch &ahead, guint64 frames)
        : random_(seed), ahead_(ahead), frames_(frames)
    {
    }
    void operator()(GstBuffer *buffer)
    {
        if (random_() % 64 != 0)
            return;
        const guint64 until = std::min(GST_BUFFER_OFFSET(buffer) + random_() % 40, frames_ - 1);
        EXPECT_TRUE(Pipeline::waitUntil([&] { return ahead_.last() + 1 > until; }));
    }

private:
    std::mt19937_64 random_;
    const PadWatch &ahead_;
    const guint64 frames_;
};

} // namespace

TEST(CounterTorture, ThreeBranchesSeeEveryFrameOrItsLossAndNoFrameIsWrong)
{
    const guint64 frames = soakCount(20000, 1000000);
    const auto seed = soakSeed();
    Pipeline pipeline(source("pacing=off slabs=24", frames) + "t. ! slabqueue name=q ! " + sink("all") +
                      "t. ! slabqueue name=leaky leaky=downstream ! " + sink("some") +
                      "t. ! queue max-size-buffers=4 max-size-bytes=0 max-size-time=0 ! " + sink("stock"));
    PadWatch all(pipeline, "all");
    PadWatch some(pipeline, "some", "sink", Straggler(seed, all, frames));
    PadWatch stock(pipeline, "stock");
    pipeline.runToEnd(soakCount(30, 1800) * GST_SECOND);
    all.expectEveryFrame(frames);
    stock.expectEveryFrame(frames);
    some.expectEveryFrameOrItsLoss(frames);
    EXPECT_GT(some.losses().size(), 0u);
    EXPECT_EQ(pipeline.stat("leaky", "dropped"), frames - some.count());
    EXPECT_EQ(pipeline.stat("src", "dropped"), 0u);
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
    for (const char *queue : {"q", "leaky"})
        expectConservation(pipeline, queue);
    expectAllHome(pipeline);
}

TEST(CounterTorture, ASourceThatStarvesNamesItsLossesInEveryBranch)
{
    // Too few slabs on purpose: source and leaky queue lose frames of the same stream, each its own.
    const guint64 frames = soakCount(20000, 1000000);
    const auto seed = soakSeed();
    Pipeline pipeline(source("pacing=off on-starvation=drop slabs=6", 0) +
                      "t. ! slabqueue name=q max-size-buffers=8 ! " + sink("all") +
                      "t. ! slabqueue name=leaky leaky=upstream max-size-buffers=2 ! " + sink("some") +
                      "t. ! queue ! " + sink("stock"));
    std::mt19937_64 random(seed);
    std::atomic<bool> ending{false};
    PadWatch all(pipeline, "all", "sink", [&](GstBuffer *) {
        if (random() % 4096 == 0) { // until the source has nothing left
            const guint64 dropped = pipeline.stat("src", "dropped-starved");
            EXPECT_TRUE(Pipeline::waitUntil(
                [&] { return ending || pipeline.stat("src", "dropped-starved") > dropped + 2; }));
        }
    });
    PadWatch some(pipeline, "some", "sink", Straggler(seed + 1, all, frames));
    PadWatch stock(pipeline, "stock");
    pipeline.play();
    EXPECT_TRUE(Pipeline::waitUntil([&] { return pipeline.stat("src", "frames-in") >= frames; },
                                    unsigned(soakCount(30, 1800))));
    ending = true;
    endStream(pipeline);
    const guint64 total = pipeline.stat("src", "frames-in");
    EXPECT_GT(pipeline.stat("src", "dropped-starved"), 0u);
    EXPECT_EQ(all.count(), pipeline.stat("src", "frames-out"));
    for (const PadWatch *watch : {&all, &some, &stock})
        watch->expectEveryFrameOrItsLoss(total);
    EXPECT_EQ(pipeline.stat("leaky", "dropped"), pipeline.stat("src", "frames-out") - some.count());
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
    for (const char *queue : {"q", "leaky"})
        expectConservation(pipeline, queue);
    expectAllHome(pipeline);
}

TEST(StalledBranch, ThatHoldsWhatItDeclaredDropsItsOwnFramesAndTheLedgerNamesThem)
{
    constexpr guint64 frames = 1500;
    Pipeline pipeline(source("pacing=off", frames) + "t. ! slabqueue name=q ! " + sink("all") +
                      "t. ! slabqueue name=stalled leaky=downstream max-size-buffers=6 ! " + sink("slow"));
    PadWatch all(pipeline, "all");
    PadWatch slow(pipeline, "slow");
    pipeline.play();
    slow.shut();
    slow.waitBlocked();
    all.waitFor(frames);
    EXPECT_TRUE(Pipeline::waitUntil([&] { return pipeline.stat("stalled", "frames-in") == frames; }));
    const guint64 inside = 6 + 1; // what it declared: the queue and the one in the hand of its thread
    const guint64 delivered = pipeline.stat("stalled", "frames-out");
    EXPECT_EQ(pipeline.stat("stalled", "dropped"), frames - delivered - inside);
    EXPECT_EQ(pipeline.stat("stalled", "dropped-queue"), pipeline.stat("stalled", "dropped"));
    EXPECT_EQ(pipeline.stat("src", "dropped"), 0u);
    EXPECT_EQ(pipeline.stat("q", "dropped"), 0u);
    EXPECT_TRUE(Pipeline::waitUntil([&] { return pipeline.stat("src", "slabs-held") == inside; }));
    slow.open();
    pipeline.waitEnd();
    all.expectEveryFrame(frames);
    slow.expectEveryFrameOrItsLoss(frames);
    guint64 named = 0;
    for (const Loss &loss : slow.losses()) {
        EXPECT_EQ(loss.element, "stalled");
        EXPECT_EQ(loss.reason, LossReason::Queue);
        named += loss.count;
    }
    EXPECT_EQ(named, pipeline.stat("stalled", "dropped"));
    EXPECT_EQ(slow.sequences().back(), frames - 1);
    expectAllHome(pipeline);
}

TEST(StalledBranch, WithAPoolOfFourAndASinkThatReturnsNothingTheSourceSaysSoAndStops)
{
    std::vector<BufferPtr> kept;
    std::atomic<bool> keeps{true};
    Pipeline pipeline(source("slabs=4") + "t. ! slabqueue name=q ! " + sink("all"));
    PadWatch all(pipeline, "all", "sink", [&](GstBuffer *buffer) {
        if (keeps)
            kept.emplace_back(gst_buffer_ref(buffer));
    });
    pipeline.play();
    all.waitFor(4);
    EXPECT_TRUE(Pipeline::waitUntil([&] { return pipeline.stat("src", "dropped-starved") >= 50; }));
    EXPECT_EQ(pipeline.stat("src", "slabs-free"), 0u);
    EXPECT_EQ(pipeline.stat("src", "starved"), pipeline.stat("src", "dropped-starved"));

    const MessagePtr qos = pipeline.waitMessage(GST_MESSAGE_QOS);
    ASSERT_TRUE(qos);
    EXPECT_STREQ(GST_MESSAGE_SRC_NAME(qos.get()), "src");
    guint64 dropped = 0;
    gst_message_parse_qos_stats(qos.get(), nullptr, nullptr, &dropped);
    EXPECT_GE(dropped, 1u);
    EXPECT_EQ(all.count(), 4u);

    keeps = false;
    for (const auto &buffer : kept)
        EXPECT_TRUE(lookAt(buffer.get()).whole);
    kept.clear();
    all.waitFor(10);
    ASSERT_FALSE(all.losses().empty());
    for (const Loss &loss : all.losses())
        EXPECT_EQ(loss.element, "src");
    EXPECT_GE(all.disconts(), 2u); // the first of the stream and the one after the losses

    // And once more with nothing left: stopping does not wait for slabs.
    keeps = true;
    const guint64 starved = pipeline.stat("src", "starved");
    EXPECT_TRUE(Pipeline::waitUntil([&] { return pipeline.stat("src", "starved") > starved + 5; }));
    pipeline.stop();
    const auto conserved = pipeline.stat("src", "frames-in");
    EXPECT_EQ(conserved, pipeline.stat("src", "frames-out") + pipeline.stat("src", "dropped"));
    for (const auto &buffer : kept)
        EXPECT_TRUE(lookAt(buffer.get()).whole);
    kept.clear();
    expectConservation(pipeline, "q");
}

TEST(AddressProof, EveryBranchSeesTheBytesWhereTheSourcePutThem)
{
    constexpr guint64 frames = 1000;
    Pipeline pipeline(source("pacing=off slabs=16", frames) + "t. ! slabqueue ! " + sink("one") +
                      "t. ! queue max-size-buffers=4 ! " + sink("two") +
                      "t. ! slabqueue ! identity ! queue ! " + sink("three"));
    std::vector<const void *> put(frames);
    std::atomic<int> moved{0};
    const auto compare = [&](GstBuffer *buffer) {
        moved += lookAt(buffer).data != put[GST_BUFFER_OFFSET(buffer)];
    };
    PadWatch made(pipeline, "src", "src",
                  [&](GstBuffer *buffer) { put[GST_BUFFER_OFFSET(buffer)] = lookAt(buffer).data; });
    PadWatch one(pipeline, "one", "sink", compare);
    PadWatch two(pipeline, "two", "sink", compare);
    PadWatch three(pipeline, "three", "sink", compare);
    pipeline.runToEnd();
    for (const PadWatch *watch : {&made, &one, &two, &three})
        watch->expectEveryFrame(frames);
    EXPECT_EQ(moved, 0);
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
    expectAllHome(pipeline);
}
