// SPDX-License-Identifier: LGPL-2.1-or-later
// Many threads at once: nothing hangs, nothing leaks, and the counts add up.
#include <algorithm>
#include <random>
#include <thread>

#include "element_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

bool soak()
{
    return g_getenv("DMASLAB_SOAK") && *g_getenv("DMASLAB_SOAK") == '1';
}

unsigned announceSeed()
{
    const unsigned seed = soak() ? std::random_device{}() : 42;
    testing::Test::RecordProperty("seed", int(seed));
    g_print("seed %u\n", seed);
    return seed;
}

void expectConservation(ElementBench &bench)
{
    EXPECT_EQ(bench.stat("frames-in"),
              bench.stat("frames-out") + bench.stat("dropped") + bench.stat("frames-in-flight"));
}

/** Calls `step` until told to stop, whatever comes of it; parked while the stream has no segment, as a source
 * is. */
class Upstream
{
public:
    explicit Upstream(std::function<void()> step) : step_(std::move(step)), thread_([this] { run(); }) {}
    ~Upstream() { finish(); }

    void finish()
    {
        done_ = true;
        if (thread_.joinable())
            thread_.join();
    }
    /** Whatever blocks it has to be undone between the two. */
    void beginParking() { parking_ = true; }
    void waitParked()
    {
        while (!parked_)
            g_thread_yield();
    }
    void resume() { parking_ = false; }

private:
    void run()
    {
        while (!done_) {
            if (parking_) {
                parked_ = true;
                g_thread_yield();
                continue;
            }
            parked_ = false;
            step_();
        }
    }

    const std::function<void()> step_;
    std::atomic<bool> done_{false}, parking_{false}, parked_{false};
    std::thread thread_; ///< last, as it uses the others
};

/** Pushes numbered frames. */
struct Producer
{
    explicit Producer(ElementBench &bench)
        : upstream([this, &bench] {
              if (bench.push(sequence++) == GST_FLOW_OK)
                  ++taken;
              else
                  g_thread_yield();
          })
    {
    }

    std::uint64_t sequence = 0;
    std::atomic<std::uint64_t> taken{0};
    Upstream upstream; ///< last: its thread uses the others
};

void sendSegment(ElementBench &bench)
{
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    bench.pushEvent(gst_event_new_segment(&segment));
}

void flush(ElementBench &bench, Upstream &upstream)
{
    upstream.beginParking();
    bench.pushEvent(gst_event_new_flush_start());
    upstream.waitParked();
    EXPECT_EQ(bench.stat("queue-level"), 0u);
    bench.pushEvent(gst_event_new_flush_stop(TRUE));
    sendSegment(bench);
    upstream.resume();
    bench.clearLog();
}

} // namespace

TEST(SlabQueueStress, FlushesAtAnyMoment)
{
    std::mt19937 random(announceSeed());
    for (const char *leaky : {"no", "upstream", "downstream"}) {
        SCOPED_TRACE(leaky);
        ElementBench bench((std::string("slabqueue max-size-buffers=3 leaky=") + leaky).c_str());
        bench.start();
        Producer producer(bench);
        for (int round = 0; round < (soak() ? 20000 : 200); ++round) {
            g_usleep(random() % 300);
            flush(bench, producer.upstream);
        }
        producer.upstream.finish();
        ASSERT_TRUE(bench.waitUntil([&] { return bench.stat("frames-in-flight") == 0; }));
        expectConservation(bench);
        EXPECT_EQ(bench.stat("frames-in"), producer.taken);
    }
}

TEST(SlabQueueStress, DownstreamErrorsAndReconfigurationAtAnyMoment)
{
    std::mt19937 random(announceSeed());
    ElementBench bench("slabqueue max-size-buffers=3");
    bench.start();
    Producer producer(bench);
    for (int round = 0; round < (soak() ? 20000 : 300); ++round) {
        bench.setFlow(GST_FLOW_NOT_LINKED);
        g_usleep(random() % 200);
        bench.setFlow(GST_FLOW_OK);
        gst_pad_push_event(bench.sink(), gst_event_new_reconfigure());
        bench.clearLog();
        const auto out = bench.stat("frames-out");
        ASSERT_TRUE(bench.waitUntil([&] {
            gst_pad_push_event(bench.sink(),
                               gst_event_new_reconfigure()); // the error may still be on its way
            return bench.stat("frames-out") > out;
        })) << "round "
            << round;
    }
    producer.upstream.finish();
    ASSERT_TRUE(bench.waitUntil([&] { return bench.stat("frames-in-flight") == 0; }));
    expectConservation(bench);
    EXPECT_EQ(bench.stat("frames-in"), producer.taken);
}

TEST(SlabQueueStress, DownstreamEosAndNewSegmentsAtAnyMoment)
{
    std::mt19937 random(announceSeed());
    ElementBench bench("slabqueue max-size-buffers=3");
    bench.start();
    for (int round = 0; round < (soak() ? 20000 : 300); ++round) {
        bench.setFlow(GST_FLOW_EOS);
        for (unsigned i = 0; i < random() % 6; ++i)
            bench.push(i);
        bench.setFlow(GST_FLOW_OK);
        sendSegment(bench);
        bench.clearLog();
        ASSERT_EQ(bench.push(1000), GST_FLOW_OK);
        ASSERT_TRUE(bench.waitUntil([&] { return bench.stat("frames-in-flight") == 0; }));
    }
    expectConservation(bench);
}

TEST(SlabQueueStress, StateChangesAtAnyMoment)
{
    std::mt19937 random(announceSeed());
    for (const char *options : {"", "leaky=downstream", "max-held=2", "stats-interval=1"}) {
        SCOPED_TRACE(options);
        ElementBench bench((std::string("slabqueue max-size-buffers=3 ") + options).c_str());
        for (int round = 0; round < (soak() ? 5000 : 60); ++round) {
            bench.start();
            {
                Producer producer(bench);
                g_usleep(random() % 500);
                bench.stop();
            }
            EXPECT_EQ(bench.stat("frames-in-flight"), 0u);
            expectConservation(bench);
            bench.clearLog();
        }
    }
}

TEST(SlabQueueStress, ALeakyStreamIsWhollyAccountedForByItsLedger)
{
    const unsigned seed = announceSeed();
    for (const char *leaky : {"upstream", "downstream"}) {
        SCOPED_TRACE(leaky);
        std::mt19937 random(seed);
        ElementBench bench((std::string("slabqueue max-size-buffers=3 leaky=") + leaky).c_str());
        bench.start();
        bench.clearLog();
        bench.shut();
        std::atomic<bool> done{false};
        std::thread valve([&] {
            std::mt19937 pace(seed);
            while (!done) {
                bench.letThrough(int(pace() % 4));
                g_usleep(pace() % 60);
            }
            bench.open();
        });
        const std::uint64_t frames = soak() ? 2000000 : 30000;
        for (std::uint64_t i = 0; i < frames; ++i) {
            bench.push(i);
            if (random() % 50 == 0)
                bench.pushEvent(ElementBench::mark("m"));
            if (random() % 16 == 0)
                g_usleep(random() % 80);
        }
        bench.pushEvent(gst_event_new_eos());
        done = true;
        valve.join();
        bench.waitForLog("eos");

        // Read as a consumer would: each number comes once, as a frame or as a loss, and in order; a frame
        // after a loss is marked and no other one.
        std::uint64_t next = 0;
        bool lost = false;
        for (const auto &line : bench.log({"b", "loss"})) {
            if (line[0] == 'b') {
                ASSERT_EQ(std::stoull(line.substr(1)), next) << line;
                ASSERT_EQ(line.back() == '!', lost) << line;
                lost = false;
                ++next;
            } else {
                const auto dash = line.find('-');
                ASSERT_EQ(std::stoull(line.substr(5)), next) << line;
                next = std::stoull(line.substr(dash + 1)) + 1;
                lost = true;
            }
        }
        EXPECT_EQ(next, frames);
        EXPECT_GT(bench.stat("dropped-queue"), 0u) << "nothing was tested";
        EXPECT_GT(bench.log({"b"}).size(), 10u) << "nothing was tested";
        expectConservation(bench);
    }
}

TEST(SlabQueueStress, QueriesAndFlushesMeetWithoutHanging)
{
    std::mt19937 random(announceSeed());
    ElementBench bench("slabqueue max-size-buffers=2");
    bench.start();
    Upstream asker([&bench] {
        bench.push(0);
        const QueryPtr query(gst_query_new_drain());
        gst_pad_peer_query(bench.source(), query.get());
    });
    for (int round = 0; round < (soak() ? 20000 : 300); ++round) {
        g_usleep(random() % 200);
        flush(bench, asker);
    }
    asker.finish();
    ASSERT_TRUE(bench.waitUntil([&] { return bench.stat("frames-in-flight") == 0; }));
    expectConservation(bench);
}
