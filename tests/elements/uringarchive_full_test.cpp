// SPDX-License-Identifier: LGPL-2.1-or-later
// A disk that does not keep up: the policy is followed, and every frame is where it is counted.
#include "archive_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;
using Numbers = std::vector<std::uint64_t>;
using Lines = std::vector<std::string>;

namespace {

/** The writer stands still with frame 0 in its hand, and three more are held. */
void stall(ArchiveBench &bench, Gate &gate)
{
    bench.start();
    gate.shut();
    EXPECT_EQ(bench.push(gate.frame(0)), GST_FLOW_OK);
    gate.waitBlocked();
    bench.pushAll(1, 3);
}

/** A push that has to wait, on a thread of its own. */
class Pusher
{
public:
    Pusher(ArchiveBench &bench, std::uint64_t first, std::uint64_t last)
        : thread_([this, &bench, first, last] {
              for (std::uint64_t i = first; i <= last && flow_ == GST_FLOW_OK; ++i) {
                  flow_ = bench.push(i);
                  pushed_ += flow_ == GST_FLOW_OK;
              }
              done_ = true;
          })
    {
    }
    ~Pusher() { thread_.join(); }
    [[nodiscard]] bool done() const { return done_; }
    [[nodiscard]] int pushed() const { return pushed_; }
    GstFlowReturn flow(ArchiveBench &bench)
    {
        EXPECT_TRUE(bench.waitUntil([this] { return done(); }));
        return flow_;
    }

private:
    std::atomic<GstFlowReturn> flow_{GST_FLOW_OK};
    std::atomic<int> pushed_{0};
    std::atomic<bool> done_{false};
    std::thread thread_; // last: it uses the others
};

} // namespace

TEST(UringArchiveFull, ALiveStreamLosesFramesWhichAreNamedAndCounted)
{
    Gate gate;
    ArchiveBench bench("max-held=4");
    bench.setLive(true);
    stall(bench, gate);
    bench.pushAll(4, 6);
    EXPECT_EQ(bench.stat("dropped-full"), 3u);
    EXPECT_EQ(bench.stat("frames-in-flight"), 4u);
    EXPECT_EQ(bench.countMessages(GST_MESSAGE_QOS), 1);
    bench.expectConservation();
    gate.open();
    bench.drain();
    bench.pushAll(7, 8);
    bench.eos();
    const Recorded recorded = bench.recorded();
    EXPECT_EQ(recorded.sequences(), (Numbers{0, 1, 2, 3, 7, 8}));
    EXPECT_EQ(recorded.ledger(), (Lines{"4-6 x3 full archive"}));
    EXPECT_EQ(recorded.index[4].dropsBefore, 3u);
    EXPECT_EQ(recorded.index[4].flags, kFrameDiscont);
    EXPECT_EQ(bench.stat("gaps"), 0u);
    bench.expectConservation();
}

TEST(UringArchiveFull, LossesOfAThinnedArchiveAreOneRangeWithTheirCount)
{
    Gate gate;
    ArchiveBench bench("max-held=1 on-full=drop every-nth=2");
    bench.start();
    gate.shut();
    bench.push(gate.frame(0));
    gate.waitBlocked();
    bench.pushAll(1, 6);
    gate.open();
    bench.drain();
    bench.pushAll(7, 8);
    bench.eos();
    EXPECT_EQ(bench.recorded().sequences(), (Numbers{0, 8}));
    EXPECT_EQ(bench.recorded().ledger(), (Lines{"2-6 x3 full archive"}));
}

TEST(UringArchiveFull, LossesBeforeTheEndAreInTheLedger)
{
    Gate gate;
    ArchiveBench bench("max-held=4 on-full=drop");
    stall(bench, gate);
    bench.pushAll(4, 5);
    gate.open();
    bench.eos();
    EXPECT_EQ(bench.recorded().ledger(), (Lines{"4-5 x2 full archive"}));
}

TEST(UringArchiveFull, AStreamThatIsNotLiveWaits)
{
    Gate gate;
    ArchiveBench bench("max-held=4");
    stall(bench, gate);
    Pusher pusher(bench, 4, 20);
    bench.waitInRender();
    EXPECT_EQ(bench.stat("frames-in"), 4u);
    gate.open();
    EXPECT_EQ(pusher.flow(bench), GST_FLOW_OK);
    bench.eos();
    EXPECT_EQ(bench.recorded().index.size(), 21u);
    EXPECT_EQ(bench.stat("dropped"), 0u);
    bench.expectConservation();
}

TEST(UringArchiveFull, AFlushEndsTheWaitAndTheFrameIsUpstreams)
{
    Gate gate;
    ArchiveBench bench("max-held=4 on-full=wait");
    stall(bench, gate);
    Pusher pusher(bench, 4, 4);
    bench.waitInRender();
    bench.flushStart();
    EXPECT_EQ(pusher.flow(bench), GST_FLOW_FLUSHING);
    gate.open();
    bench.flushStop();
    bench.loss(4, 4, LossReason::Flush);
    bench.pushAll(5, 6);
    bench.eos();
    const Recorded recorded = bench.recorded();
    EXPECT_EQ(recorded.sequences(), (Numbers{0, 1, 2, 3, 5, 6}));
    EXPECT_EQ(recorded.ledger(), (Lines{"4-4 x1 flush camera"}));
    EXPECT_EQ(bench.stat("frames-in"), 6u);
    bench.expectConservation();
}

TEST(UringArchiveFull, APauseIsNotHeldUpByAWaitAndDoesNotEndIt)
{
    Gate gate;
    ArchiveBench bench("max-held=4 on-full=wait");
    stall(bench, gate);
    Pusher pusher(bench, 4, 5);
    bench.waitInRender();
    // The gate is shut: this would not come back if the wait could not be interrupted.
    EXPECT_NE(bench.setState(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    EXPECT_NE(bench.setState(GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
    gate.open();
    EXPECT_EQ(pusher.flow(bench), GST_FLOW_OK);
    bench.eos();
    EXPECT_EQ(bench.recorded().index.size(), 6u);
}

TEST(UringArchiveFull, StoppingTheRecordingEndsTheWait)
{
    Gate gate;
    ArchiveBench bench("max-held=4 on-full=wait");
    stall(bench, gate);
    Pusher pusher(bench, 4, 4);
    bench.waitInRender();
    g_object_set(bench.element(), "recording", FALSE, nullptr);
    EXPECT_EQ(pusher.flow(bench), GST_FLOW_OK);
    EXPECT_EQ(bench.stat("skipped"), 1u);
    gate.open();
    bench.waitForNews("dmaslab-recording-closed", 1);
    EXPECT_EQ(bench.recorded().index.size(), 4u);
}

TEST(UringArchiveFull, AStuckDiskIsNamedWhileEosAndStopWaitForIt)
{
    Gate gate;
    gate.shut();
    ArchiveBench ending, stopping;
    for (ArchiveBench *bench : {&ending, &stopping}) {
        bench->start();
        bench->push(gate.frame(0));
    }
    std::thread eos([&] { ending.eos(); });
    std::thread stop([&] { stopping.stop(); });
    for (ArchiveBench *bench : {&ending, &stopping}) {
        EXPECT_TRUE(bench->waitUntil([&] { return bench->countMessages(GST_MESSAGE_WARNING) > 0; }));
        EXPECT_TRUE(bench->news("dmaslab-recording-closed").empty());
    }
    gate.open();
    eos.join();
    stop.join();
    for (ArchiveBench *bench : {&ending, &stopping}) {
        const auto warnings = bench->texts(GST_MESSAGE_WARNING);
        ASSERT_EQ(warnings.size(), 1u);
        EXPECT_NE(warnings[0].find(bench->location() +
                                   ": waiting for the disk for 5 s; frames that are not durable yet: 1."),
                  std::string::npos)
            << warnings[0];
        EXPECT_EQ(bench->news("dmaslab-recording-closed").size(), 1u);
    }
}

TEST(UringArchiveFull, OnFullErrorSaysSoOnce)
{
    Gate gate;
    ArchiveBench bench("max-held=4 on-full=error");
    stall(bench, gate);
    EXPECT_EQ(bench.push(4), GST_FLOW_ERROR);
    const auto errors = bench.texts(GST_MESSAGE_ERROR);
    ASSERT_EQ(errors.size(), 1u);
    EXPECT_NE(errors[0].find("max-held"), std::string::npos) << errors[0];
    gate.open();
    bench.stop();
    EXPECT_EQ(bench.recorded().index.size(), 4u);
    EXPECT_EQ(bench.stat("frames-in"), 4u);
    bench.expectConservation();
}

TEST(UringArchiveFull, AnAllocationQueryWaitsForHeldFramesUnlessAFlushComes)
{
    Gate gate;
    ArchiveBench bench("max-held=4");
    stall(bench, gate);
    const CapsPtr caps(gst_caps_from_string(ArchiveBench::caps));
    std::atomic<bool> answered{false};
    std::thread thread([&] {
        const QueryPtr query(gst_query_new_allocation(caps.get(), FALSE));
        gst_pad_peer_query(bench.pad(), query.get());
        answered = true;
    });
    bench.flushStart();
    EXPECT_TRUE(bench.waitUntil([&] { return answered.load(); }));
    thread.join();
    EXPECT_EQ(bench.stat("frames-pending"), 4u);
    bench.flushStop();
    gate.open();
}

TEST(UringArchiveFull, ADrainWaitsForTheDiskUnlessAFlushComes)
{
    Gate gate;
    ArchiveBench bench("max-held=4");
    stall(bench, gate);
    std::atomic<bool> drained{false};
    std::thread thread([&] {
        bench.drain();
        drained = true;
    });
    bench.flushStart();
    EXPECT_TRUE(bench.waitUntil([&] { return drained.load(); }));
    thread.join();
    EXPECT_EQ(bench.stat("frames-pending"), 4u);
    bench.flushStop();
    gate.open();
    bench.drain();
    EXPECT_EQ(bench.stat("frames-pending"), 0u);
}
