// SPDX-License-Identifier: LGPL-2.1-or-later
// The same random stream through slabqueue and through queue arrives in the same order.
#include <random>
#include <thread>

#include "element_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

enum class Step
{
    Buffer,
    Mark,
    Caps,
    Gap,
    Query,
    List,
    Segment,
    Tag
};

std::vector<Step> randomStream(unsigned seed, int steps)
{
    std::mt19937 random(seed);
    std::discrete_distribution<int> pick({60, 15, 3, 3, 4, 5, 3, 3});
    std::vector<Step> stream;
    for (int i = 0; i < steps; ++i)
        stream.push_back(Step(pick(random)));
    return stream;
}

std::vector<std::string> run(const char *description, const std::vector<Step> &stream, unsigned seed)
{
    ElementBench bench(description);
    bench.start();
    bench.shut();
    std::atomic<bool> done{false};
    // A sink that takes frames in fits and starts.
    std::thread valve([&] {
        std::mt19937 random(seed);
        while (!done) {
            bench.letThrough(int(random() % 7));
            if (random() % 3 == 0)
                g_usleep(random() % 200);
        }
        bench.open();
    });
    int sequence = 0, marks = 0, width = 4;
    for (const Step step : stream) {
        switch (step) {
        case Step::Buffer:
            bench.push(sequence++);
            break;
        case Step::List: {
            GstBufferList *list = gst_buffer_list_new();
            for (int i = 0; i < 3; ++i)
                gst_buffer_list_add(list, ElementBench::frame(sequence++).release());
            gst_pad_push_list(bench.source(), list);
            break;
        }
        case Step::Mark:
            bench.pushEvent(ElementBench::mark(("m" + std::to_string(marks++)).c_str()));
            break;
        case Step::Caps: {
            const CapsPtr caps(gst_caps_new_simple("video/x-raw", "width", G_TYPE_INT, ++width, nullptr));
            bench.pushEvent(gst_event_new_caps(caps.get()));
            break;
        }
        case Step::Gap:
            bench.pushEvent(gst_event_new_gap(sequence * GST_MSECOND, GST_MSECOND));
            break;
        case Step::Query: {
            const QueryPtr query(gst_query_new_drain());
            gst_pad_peer_query(bench.source(), query.get());
            break;
        }
        case Step::Segment: {
            GstSegment segment;
            gst_segment_init(&segment, GST_FORMAT_TIME);
            segment.base = sequence;
            bench.pushEvent(gst_event_new_segment(&segment));
            break;
        }
        case Step::Tag:
            bench.pushEvent(gst_event_new_tag(
                gst_tag_list_new(GST_TAG_TITLE, std::to_string(sequence).c_str(), nullptr)));
            break;
        }
    }
    bench.pushEvent(gst_event_new_eos());
    bench.waitForLog("eos");
    done = true;
    valve.join();
    return bench.log();
}

} // namespace

TEST(SlabQueueOrder, RandomStreamsArriveAsThroughQueue)
{
    const bool soak = g_getenv("DMASLAB_SOAK") && *g_getenv("DMASLAB_SOAK") == '1';
    const unsigned first = soak ? std::random_device{}() : 1;
    const unsigned rounds = soak ? 400 : 12;
    for (unsigned seed = first; seed < first + rounds; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        const auto stream = randomStream(seed, 600);
        const std::string limit = std::to_string(1 + seed % 9);
        const auto expected =
            run(("queue max-size-bytes=0 max-size-time=0 max-size-buffers=" + limit).c_str(), stream, seed);
        const auto arrived = run(("slabqueue max-size-buffers=" + limit).c_str(), stream, seed);
        ASSERT_EQ(arrived, expected);
    }
}
