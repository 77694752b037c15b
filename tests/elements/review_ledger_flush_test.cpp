// SPDX-License-Identifier: LGPL-2.1-or-later
// What was lost stays told, also when a flush comes between the loss and the next buffer.
#include <condition_variable>
#include <mutex>
#include <thread>

#include "element_bench.h"
#include "source_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

using Lines = std::vector<std::string>;

void flushAndGoOn(ElementBench &bench)
{
    bench.pushEvent(gst_event_new_flush_start());
    bench.pushEvent(gst_event_new_flush_stop(TRUE));
    bench.open();
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    bench.pushEvent(gst_event_new_segment(&segment));
}

/** Holds the first loss event at a source pad until the pad behind it is flushing. */
class FlushDuringLoss
{
public:
    explicit FlushDuringLoss(GstPad *pad) : pad_(refObject(pad))
    {
        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, onEvent, this, nullptr);
    }

    void waitForLoss()
    {
        std::unique_lock lock(mutex_);
        ASSERT_TRUE(changed_.wait_for(lock, ElementBenchPatience, [this] { return seen_; }));
    }

private:
    static constexpr auto ElementBenchPatience = std::chrono::seconds(30);

    static GstPadProbeReturn onEvent(GstPad *, GstPadProbeInfo *info, gpointer data)
    {
        auto &self = *static_cast<FlushDuringLoss *>(data);
        if (!gst_event_has_name(GST_PAD_PROBE_INFO_EVENT(info), lossEventName))
            return GST_PAD_PROBE_OK;
        {
            const std::lock_guard lock(self.mutex_);
            if (std::exchange(self.seen_, true))
                return GST_PAD_PROBE_OK;
        }
        self.changed_.notify_all();
        const ObjectPtr<GstPad> peer(gst_pad_get_peer(self.pad_.get()));
        const auto deadline = std::chrono::steady_clock::now() + ElementBenchPatience;
        while (!GST_PAD_IS_FLUSHING(peer.get()) && std::chrono::steady_clock::now() < deadline)
            g_usleep(100);
        return GST_PAD_PROBE_OK;
    }

    ObjectPtr<GstPad> pad_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool seen_ = false;
};

} // namespace

TEST(LedgerFlush, SlabqueueCarriesTheLossesOfElementsUpstreamOverIt)
{
    ElementBench bench("slabqueue");
    bench.start();
    bench.shut();
    bench.push(0);
    bench.waitBlocked();
    bench.pushEvent(newLossEvent(bench.element(), {1, 3, 3, LossReason::Starved, 0, {}}).release());
    bench.push(4);
    bench.clearLog();
    flushAndGoOn(bench);
    bench.push(5);
    bench.waitForLog("b5!");
    EXPECT_EQ(bench.log({"loss", "b"}),
              (Lines{"loss 1-3 starved", "loss 0-0 flush", "loss 4-4 flush", "b5!"}));
}

TEST(LedgerFlush, SlabqueueRepeatsALossEventThatItThrewAway)
{
    ElementBench bench("slabqueue leaky=upstream max-size-buffers=1");
    bench.start();
    bench.shut();
    bench.push(0);
    bench.waitBlocked();
    bench.push(1);
    bench.push(2); // is lost
    const ObjectPtr<GstPad> source(gst_element_get_static_pad(bench.element(), "src"));
    FlushDuringLoss flush(source.get());
    bench.clearLog();
    bench.open();
    flush.waitForLoss();
    flushAndGoOn(bench);
    bench.push(3);
    bench.waitForLog("b3!");
    EXPECT_EQ(bench.log({"loss", "b"}), (Lines{"b0", "b1", "loss 2-2 queue", "b3!"}));
}

TEST(LedgerFlush, DmaslabsrcRepeatsALossEventThatItThrewAway)
{
    SourceBench bench("backend=test slabs=2");
    bench.keep(true);
    bench.play();
    bench.waitForFrames(1);
    bench.tick();
    bench.waitForFrames(2);
    bench.tick(3);
    bench.waitForStat("dropped-starved", 3);
    FlushDuringLoss flush(bench.pad());
    bench.release();
    bench.tick();
    flush.waitForLoss();
    gst_element_send_event(bench.element(), gst_event_new_flush_start());
    gst_element_send_event(bench.element(), gst_event_new_flush_stop(FALSE));
    bench.tick();
    bench.waitForFrames(3);
    EXPECT_EQ(bench.story(), (Lines{"b0!", "b1", "loss 2-4 starved", "loss 5-5 flush", "b6!"}));
    EXPECT_EQ(bench.stat("dropped-flush"), 1u);
    bench.expectConservation();
}
