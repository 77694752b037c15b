// SPDX-License-Identifier: LGPL-2.1-or-later
// What it costs to get a buffer and to give it back.
//   side=core|slabpool|stock|floor   the core's pool, our GstBufferPool, the stock one, one that does nothing
//   across=0|1                 release on the same thread, or on another one
//   burst=N                    how many are handed over at a time
// Across threads every side uses the same ring to hand over.
#include <atomic>
#include <memory>

#include <gst/gst.h>

#include "bench/floor_pool.h"
#include "bench/harness.h"
#include "common/gst.h"
#include "dmaslab/ring/cpu.h"
#include "dmaslab/ring/spsc_ring.h"
#include "dmaslab/slab/pool.h"

namespace {

constexpr guint kFrameSize = 4096;
constexpr std::size_t kMostBurst = 16;
constexpr std::size_t kRing = 32;
// Across threads: what the ring holds and a burst in each hand, so that nobody ever waits for a buffer.
constexpr guint kAcross = kRing + 2 * kMostBurst;
constexpr guint kSame = 16;

struct CoreSide
{
    using Item = dmaslab::SlabHandle;

    explicit CoreSide(guint count)
    {
        dmaslab::ArenaRequest request;
        request.kind = dmaslab::MemoryKind::Memfd;
        request.slabSize = kFrameSize;
        request.slabs = count;
        auto arena = dmaslab::Arena::create(request);
        if (!arena)
            bench::giveUp(arena.error().message);
        auto made = dmaslab::Pool::create(std::move(*arena));
        if (!made)
            bench::giveUp(made.error().message);
        pool = std::move(*made);
    }
    void once()
    {
        auto slab = pool->tryAcquire();
        if (!slab)
            bench::giveUp("the pool is empty");
    }
    Item take()
    {
        auto slab = pool->tryAcquire();
        if (!slab)
            bench::giveUp("the pool is empty");
        return slab->detach();
    }
    void give(Item item) { (void)pool->adopt(item); }

    dmaslab::PoolPtr pool;
};

struct GstSide
{
    using Item = GstBuffer *;

    GstSide(GstBufferPool *made, guint count) : pool(made)
    {
        GstStructure *config = gst_buffer_pool_get_config(pool);
        gst_buffer_pool_config_set_params(config, nullptr, kFrameSize, count, count);
        if (!gst_buffer_pool_set_config(pool, config) || !gst_buffer_pool_set_active(pool, TRUE))
            bench::giveUp("the pool does not start");
    }
    ~GstSide()
    {
        gst_buffer_pool_set_active(pool, FALSE);
        gst_object_unref(pool);
    }
    GstSide(const GstSide &) = delete;
    GstSide &operator=(const GstSide &) = delete;

    void once() { give(take()); }
    Item take()
    {
        GstBuffer *buffer = nullptr;
        if (gst_buffer_pool_acquire_buffer(pool, &buffer, nullptr) != GST_FLOW_OK)
            bench::giveUp("the pool gives nothing");
        return buffer;
    }
    void give(Item item) { gst_buffer_unref(item); }

    GstBufferPool *pool;
};

template <typename Side>
std::int64_t runSame(Side &side, std::uint64_t count)
{
    const auto start = bench::nowNs();
    for (std::uint64_t i = 0; i < count; ++i)
        side.once();
    return bench::nowNs() - start;
}

/** Both threads live as long as the leg; a repetition starts when the producer says how many. */
template <typename Side>
class Across
{
public:
    Across(Side &side, std::size_t burst) : side_(side), burst_(burst), ring_(kRing)
    {
        consumer_ = std::thread([this] { consume(); });
        bench::pinTo(0);
    }
    ~Across()
    {
        stop_ = true;
        consumer_.join();
    }
    Across(const Across &) = delete;
    Across &operator=(const Across &) = delete;

    std::int64_t run(std::uint64_t count)
    {
        count = count / burst_ * burst_;
        const std::uint64_t until = consumed_.load() + count;
        const auto start = bench::nowNs();
        typename Side::Item items[kMostBurst];
        for (std::uint64_t done = 0; done < count; done += burst_) {
            for (std::size_t i = 0; i < burst_; ++i)
                items[i] = side_.take();
            for (std::size_t pushed = 0; pushed < burst_;) {
                const std::size_t now = ring_.pushBurst({items + pushed, burst_ - pushed});
                pushed += now;
                if (now == 0)
                    dmaslab::cpuRelax();
            }
        }
        while (consumed_.load(std::memory_order_acquire) < until)
            dmaslab::cpuRelax();
        return bench::nowNs() - start;
    }

private:
    void consume()
    {
        bench::pinTo(1);
        typename Side::Item items[kMostBurst];
        std::uint64_t total = 0;
        while (!stop_.load(std::memory_order_relaxed)) {
            const std::size_t count = ring_.popBurst({items, burst_});
            for (std::size_t i = 0; i < count; ++i)
                side_.give(items[i]);
            total += count;
            if (count > 0)
                consumed_.store(total, std::memory_order_release);
            else
                dmaslab::cpuRelax();
        }
    }

    Side &side_;
    const std::size_t burst_;
    dmaslab::SpscRing<typename Side::Item> ring_;
    alignas(128) std::atomic<std::uint64_t> consumed_{0};
    alignas(128) std::atomic<bool> stop_{false};
    std::thread consumer_;
};

template <typename Side>
double measure(Side &side, const bench::Options &options)
{
    if (options.number("across", 0) == 0) {
        bench::pinTo(0);
        return bench::leastNsPerOperation(options, [&](std::uint64_t n) { return runSame(side, n); });
    }
    const auto burst = std::clamp<std::size_t>(std::size_t(options.number("burst", 1)), 1, kMostBurst);
    Across<Side> across(side, burst);
    return bench::leastNsPerOperation(options, [&](std::uint64_t n) { return across.run(n); });
}

GstBufferPool *makePool(const std::string &name)
{
    if (name == "stock")
        return gst_buffer_pool_new();
    if (name == "slabpool")
        return gst_dma_slab_buffer_pool_new();
    return GST_BUFFER_POOL(gst_object_ref_sink(g_object_new(gst_bench_floor_pool_get_type(), nullptr)));
}

} // namespace

int main(int argc, char **argv)
{
    gst_init(nullptr, nullptr);
    bench::runUndisturbed();
    const bench::Options options(argc, argv);
    const guint count = options.number("across", 0) != 0 ? kAcross : kSame;
    const std::string name = options.text("side", "core");
    double ns = 0;
    if (name == "core") {
        CoreSide side(count);
        ns = measure(side, options);
    } else {
        GstSide side(makePool(name), count);
        ns = measure(side, options);
    }
    bench::Report().add("ns", ns).print();
    return 0;
}
