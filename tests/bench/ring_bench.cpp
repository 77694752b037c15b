// SPDX-License-Identifier: LGPL-2.1-or-later
// Single-producer single-consumer queues, 4-byte items, one at a time, two pinned threads that spin.
//   side=dmaslab|boost|moodycamel|atomic_queue
//   what=throughput|roundtrip
#include <atomic>
#include <memory>

#include <atomic_queue/atomic_queue.h>
#include <boost/lockfree/spsc_queue.hpp>
#include <readerwriterqueue/readerwriterqueue.h>

#include "bench/harness.h"
#include "dmaslab/ring/cpu.h"
#include "dmaslab/ring/spsc_ring.h"

namespace {

constexpr std::size_t kCapacity = 1024;
using Item = std::uint32_t;

struct Dmaslab
{
    dmaslab::SpscRing<Item> queue{kCapacity};
    bool push(Item item) { return queue.push(item); }
    bool pop(Item &item) { return queue.pop(item); }
};

struct Boost
{
    boost::lockfree::spsc_queue<Item, boost::lockfree::capacity<kCapacity>> queue;
    bool push(Item item) { return queue.push(item); }
    bool pop(Item &item) { return queue.pop(item); }
};

struct Moodycamel
{
    moodycamel::ReaderWriterQueue<Item> queue{kCapacity};
    bool push(Item item) { return queue.try_enqueue(item); }
    bool pop(Item &item) { return queue.try_dequeue(item); }
};

struct AtomicQueue
{
    // 0 means empty, so items start at 1; no total order and the SPSC switch are its fastest settings.
    atomic_queue::AtomicQueue<Item, kCapacity, 0, true, true, false, true> queue;
    bool push(Item item) { return queue.try_push(item); }
    bool pop(Item &item) { return queue.try_pop(item); }
};

template <typename Queue>
void pushSpinning(Queue &queue, Item item)
{
    while (!queue.push(item))
        dmaslab::cpuRelax();
}

template <typename Queue>
Item popSpinning(Queue &queue)
{
    Item item = 0;
    while (!queue.pop(item))
        dmaslab::cpuRelax();
    return item;
}

/** The other thread does the same count of operations per repetition and says when it is done. */
template <typename Work>
class Partner
{
public:
    explicit Partner(Work work) : thread_([this, work] { serve(work); }) {}
    ~Partner()
    {
        wanted_ = kStop;
        thread_.join();
    }
    Partner(const Partner &) = delete;
    Partner &operator=(const Partner &) = delete;

    void start(std::uint64_t count) { wanted_.store(count, std::memory_order_release); }
    void join()
    {
        while (wanted_.load(std::memory_order_acquire) != 0)
            dmaslab::cpuRelax();
    }

private:
    static constexpr std::uint64_t kStop = ~std::uint64_t{0};

    void serve(Work work)
    {
        bench::pinTo(1);
        for (;;) {
            const std::uint64_t count = wanted_.load(std::memory_order_acquire);
            if (count == kStop)
                return;
            if (count > 0) {
                work(count);
                wanted_.store(0, std::memory_order_release);
            }
        }
    }

    alignas(128) std::atomic<std::uint64_t> wanted_{0};
    std::thread thread_;
};

template <typename Queue>
double throughput(const bench::Options &options)
{
    const auto queue = std::make_unique<Queue>();
    Partner partner([&queue](std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i)
            if (popSpinning(*queue) != Item(i) + 1)
                bench::giveUp("an item came out of order");
    });
    bench::pinTo(0);
    return bench::leastNsPerOperation(options, [&](std::uint64_t count) {
        const auto start = bench::nowNs();
        partner.start(count);
        for (std::uint64_t i = 0; i < count; ++i)
            pushSpinning(*queue, Item(i) + 1);
        partner.join();
        return bench::nowNs() - start;
    });
}

template <typename Queue>
double roundTrip(const bench::Options &options)
{
    const auto there = std::make_unique<Queue>();
    const auto back = std::make_unique<Queue>();
    Partner partner([&](std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i)
            pushSpinning(*back, popSpinning(*there));
    });
    bench::pinTo(0);
    return bench::leastNsPerOperation(options, [&](std::uint64_t count) {
        const auto start = bench::nowNs();
        partner.start(count);
        for (std::uint64_t i = 0; i < count; ++i) {
            pushSpinning(*there, Item(i) + 1);
            if (popSpinning(*back) != Item(i) + 1)
                bench::giveUp("another item came back");
        }
        partner.join();
        return bench::nowNs() - start;
    });
}

template <typename Queue>
double measure(const bench::Options &options)
{
    return options.text("what") == "roundtrip" ? roundTrip<Queue>(options) : throughput<Queue>(options);
}

} // namespace

int main(int argc, char **argv)
{
    bench::runUndisturbed();
    const bench::Options options(argc, argv);
    const std::string side = options.text("side", "dmaslab");
    const double ns = side == "boost"          ? measure<Boost>(options)
                      : side == "moodycamel"   ? measure<Moodycamel>(options)
                      : side == "atomic_queue" ? measure<AtomicQueue>(options)
                                               : measure<Dmaslab>(options);
    bench::Report().add("ns", ns).print();
    return 0;
}
