// SPDX-License-Identifier: LGPL-2.1-or-later
// Every frame to one thread, every Nth to another, with the core alone: no GStreamer. The same slabs reach
// both, nothing is copied, and at the end every frame is accounted for.
//   dual_path [seconds [frames-per-second [every]]]
//   g++ -std=c++20 dual_path.cpp $(pkg-config --cflags --libs dmaslab) -pthread
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "dmaslab/capture/stamp.h"
#include "dmaslab/capture/synthetic.h"
#include "dmaslab/pacing/pacer.h"
#include "dmaslab/pacing/thread_placement.h"
#include "dmaslab/ring/doorbell.h"
#include "dmaslab/ring/futex.h"
#include "dmaslab/ring/spsc_ring.h"
#include "dmaslab/slab/pool.h"
#include "dmaslab/slab/sizing.h"

using namespace dmaslab;

namespace {

/** What travels: a hold on a slab, and the number of the frame in it. */
struct Item
{
    SlabHandle slab;
    std::uint64_t sequence = 0;
};

/** A thread that takes frames out of a ring and verifies them. What it holds costs nobody else anything. */
class Consumer
{
public:
    Consumer(Pool &pool, std::size_t ringSize) : pool_(pool), ring_(ringSize), thread_([this] { run(); }) {}
    ~Consumer() { finish(); }

    /** Producer: a further holder of the slab travels through the ring, or the frame is lost here alone. */
    void offer(const SlabRef &slab, std::uint64_t sequence)
    {
        if (ring_.full()) {
            ++dropped; // only we push, so it can only become emptier
            return;
        }
        SlabRef mine = slab;
        [[maybe_unused]] const bool pushed = ring_.push({mine.detach(), sequence});
        bell_.ring();
    }

    /** Producer: no more frames; returns when all were seen. */
    void finish()
    {
        bell_.interrupt();
        if (thread_.joinable())
            thread_.join();
    }

    std::uint64_t dropped = 0;         ///< the producer's
    std::uint64_t seen = 0, right = 0; ///< the consumer's, until finish()

private:
    void run()
    {
        for (;;) {
            const bool last = bell_.wait([this] { return !ring_.empty(); }) == Doorbell::Result::Interrupted;
            Item item;
            while (ring_.pop(item)) {
                const SlabRef slab = pool_.adopt(item.slab); // released at the end of the turn
                const StampCheck check = verifyStamp(slab.bytes());
                ++seen;
                right += check.status == StampStatus::Ok && check.sequence == item.sequence;
            }
            if (last)
                return;
        }
    }

    Pool &pool_;
    SpscRing<Item> ring_;
    Doorbell bell_;
    std::thread thread_;
};

template <typename T>
T orExit(Result<T> result)
{
    if (!result) {
        std::fprintf(stderr, "dual_path: %s\n", result.error().message.c_str());
        std::exit(EXIT_FAILURE);
    }
    return std::move(*result);
}

} // namespace

int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? std::atof(argv[1]) : 10;
    const long fps = argc > 2 ? std::atol(argv[2]) : 1000;
    const long every = argc > 3 ? std::atol(argv[3]) : 5;
    if (!(seconds > 0) || fps <= 0 || every <= 0) {
        std::fprintf(stderr, "usage: %s [seconds [frames-per-second [every]]], all greater than 0\n",
                     argv[0]);
        return 2;
    }

    constexpr std::size_t kRowBytes = 640 * 2, kRows = 480;
    const FrameLayout layout = FrameLayout::packed(kRowBytes, kRows, 2);
    const auto tenth = std::size_t(fps / 10 + 4); // what a consumer may be held up for, in frames
    SizingRequest need;
    need.rateNumerator = std::uint32_t(fps);
    need.maxLatencyNs = 100'000'000;
    need.driverMinimum = 2;                         // one being filled, one being handed on
    need.declared = std::uint32_t(2 * (tenth + 1)); // both rings, and one in each consumer's hand

    ArenaRequest request;
    request.slabSize = layout.frameBytes;
    request.slabs = slabsNeeded(need);
    const auto arena = orExit(Arena::create(request));
    for (const std::string &sentence : arena->report().degradations)
        std::fprintf(stderr, "note: %s\n", sentence.c_str());
    const PoolPtr pool = orExit(Pool::create(arena));
    const auto camera = orExit(SyntheticSource::create(Pattern::Counter, layout));

    PlacementGuard placement(ThreadPlacement{.rtPriority = 80});
    for (const std::string &sentence : placement.degradations())
        std::fprintf(stderr, "note: %s\n", sentence.c_str());
    PacerOptions options;
    options.onOverrun = OnOverrun::Burst; // late is better than lost
    Pacer pacer(orExit(FrameRate::make(fps, 1)), options);

    std::uint64_t produced = 0, starved = 0;
    const auto frames = std::uint64_t(seconds * double(fps));
    Consumer processing(*pool, tenth);
    Consumer archive(*pool, tenth);
    pacer.rebase(monotonicNowNs());
    for (std::uint64_t frame = 0; frame < frames; ++frame) {
        const PaceResult due = pacer.waitFor(frame);
        auto slab = pool->tryAcquire();
        if (!slab) {
            ++starved;
            continue;
        }
        const FillTarget target{slab->bytes(), arena->id(), slab->index()};
        if (camera->fill(target, frame, std::uint64_t(due.deadlineNs)) != FillStatus::Ok) {
            std::fprintf(stderr, "dual_path: %s\n", camera->lastError().message.c_str());
            return EXIT_FAILURE;
        }
        slab->publish(frame);
        ++produced;
        processing.offer(*slab, frame);
        if (frame % std::uint64_t(every) == 0)
            archive.offer(*slab, frame);
    }
    processing.finish();
    archive.finish();

    const std::uint64_t wanted = (frames + std::uint64_t(every) - 1) / std::uint64_t(every);
    const PoolLevels levels = pool->levels();
    const LatenessHistogram::Summary pacing = pacer.lateness().summary();
    std::printf("640x480 16 bit at %ld frames/s\n", fps);
    std::printf("  produced     %9" PRIu64 "\n", produced);
    std::printf("  processed    %9" PRIu64 "  %" PRIu64 " stamps right\n", processing.seen, processing.right);
    std::printf("  archived     %9" PRIu64 "  %" PRIu64 " stamps right\n", archive.seen, archive.right);
    std::printf("  dropped      %9" PRIu64 "  starved %" PRIu64 ", processing queue %" PRIu64
                ", archive queue %" PRIu64 "\n",
                starved + processing.dropped + archive.dropped, starved, processing.dropped, archive.dropped);
    std::printf("  late         %9" PRIu64 "\n", pacer.lateFrames());
    std::printf("  pacing error  p50 %.1f us, p99 %.1f us, max %.1f us\n", double(pacing.p50) / 1e3,
                double(pacing.p99) / 1e3, double(pacing.max) / 1e3);
    std::printf("  slabs        %9u  of %s, %u never used at once\n", levels.slabs,
                toString(arena->report().kind), levels.low);

    const bool balanced = produced + starved == frames && processing.seen + processing.dropped == produced &&
                          (starved > 0 || archive.seen + archive.dropped == wanted) && levels.held == 0 &&
                          levels.staleHandles == 0;
    const bool right = processing.right == processing.seen && archive.right == archive.seen;
    std::printf("  %s\n", balanced && right ? "every frame is accounted for" : "WRONG");
    return balanced && right ? EXIT_SUCCESS : EXIT_FAILURE;
}
