// SPDX-License-Identifier: LGPL-2.1-or-later
// The rings' and the doorbell's own code in every order of its atomic steps.
#include <gtest/gtest.h>

#include "dmaslab/ring/doorbell.h"
#include "dmaslab/ring/dropping_ring.h"
#include "dmaslab/ring/spsc_ring.h"
#include "interleaving.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

using Program = Interleaving::Program;

void everyOrder(const std::function<Program()> &make)
{
    if (Interleaving::kThreadSanitizer)
        GTEST_SKIP() << "the thread sanitizer does not know that contexts are switched by hand";
    const auto outcome = Interleaving::explore(make);
    EXPECT_EQ(outcome.problem, "");
    EXPECT_TRUE(outcome.complete) << "not covered within " << outcome.orders << " orders";
    std::printf("%llu orders, %llu states\n", static_cast<unsigned long long>(outcome.orders),
                static_cast<unsigned long long>(outcome.states));
}

/** Numbers 0, 1, ... pass a ring; each must come out of it once, at its position, in order. */
struct Passage
{
    explicit Passage(std::size_t capacity) : ring(capacity) {}

    void got(std::uint64_t value, std::uint64_t position)
    {
        Interleaving::require(value == position, "an element is another one than its position says");
        Interleaving::require(value < seen.size() && !seen[value], "an element came out twice");
        seen[value] = true;
    }
    void popped(std::uint64_t value, std::uint64_t position)
    {
        Interleaving::require(value >= next, "elements came out of order");
        next = value + 1;
        got(value, position);
    }
    void pushAll(std::uint64_t count)
    {
        for (std::uint64_t i = 0; i < count; ++i) {
            Ring::Element dropped;
            if (ring.pushDroppingOldest(i, dropped))
                got(dropped.value, dropped.position);
        }
    }
    void popSome(int tries)
    {
        for (Ring::Element element; tries > 0; --tries) {
            if (ring.pop(element))
                popped(element.value, element.position);
        }
    }
    /** At rest the ring has what neither side took. */
    void requireAll(std::uint64_t count)
    {
        popSome(int(count));
        Interleaving::require(std::count(seen.begin(), seen.end(), true) == std::ptrdiff_t(count),
                              "an element was lost");
        Interleaving::require(ring.empty(), "an element is left over");
    }

    using Ring = DroppingRing<std::uint64_t>;
    Ring ring;
    std::array<bool, 8> seen{};
    std::uint64_t next = 0;
};

TEST(RingModel, EveryElementIsPoppedOrDroppedOnce)
{
    for (const std::size_t capacity : {1, 2}) {
        everyOrder([capacity] {
            auto passage = std::make_shared<Passage>(capacity);
            return Program{{[passage] { passage->pushAll(4); }, [passage] { passage->popSome(3); }},
                           [passage] { passage->requireAll(4); }};
        });
    }
}

TEST(RingModel, ABurstIsWholeOrNotAtAllWhileTheOldestAreDropped)
{
    everyOrder([] {
        auto passage = std::make_shared<Passage>(2);
        return Program{{[passage] { passage->pushAll(4); },
                        [passage] {
                            std::array<std::uint64_t, 2> values{};
                            std::uint64_t first = 0;
                            for (int turn = 0; turn < 2; ++turn) {
                                const std::size_t count = passage->ring.popBurst(values, first);
                                for (std::size_t i = 0; i < count; ++i)
                                    passage->popped(values[i], first + i);
                            }
                        }},
                       [passage] { passage->requireAll(4); }};
    });
}

TEST(RingModel, TakingTheOldestBackLeavesNoElementTwice)
{
    everyOrder([] {
        auto passage = std::make_shared<Passage>(2);
        return Program{{[passage] {
                            passage->pushAll(2);
                            for (Passage::Ring::Element oldest; passage->ring.dropOldest(oldest);)
                                passage->got(oldest.value, oldest.position);
                            Interleaving::require(passage->ring.push(2), "no room in an empty ring");
                        },
                        [passage] { passage->popSome(3); }},
                       [passage] { passage->requireAll(3); }};
    });
}

TEST(RingModel, ANumberOfElementsIsNeverMoreThanThereIsRoomFor)
{
    everyOrder([] {
        auto ring = std::make_shared<SpscRing<std::uint64_t>>(2);
        return Program{{[ring] {
                            for (std::uint64_t i = 0; i < 3; ++i)
                                (void)ring->push(i);
                        },
                        [ring] {
                            std::uint64_t value = 0;
                            for (int i = 0; i < 3; ++i)
                                (void)ring->pop(value);
                        },
                        [ring] { Interleaving::require(ring->size() <= 2, "more than fits"); }},
                       {}};
    });
}

struct Bell
{
    Doorbell bell{false, 0};
    InterleavedAtomic<std::uint32_t> rung{0};

    void ring()
    {
        rung.fetch_add(1, std::memory_order_release);
        bell.ring();
    }
    Doorbell::Result wait(std::uint32_t wanted, std::int64_t deadline = kNoDeadline)
    {
        return bell.wait([&] { return rung.load(std::memory_order_acquire) >= wanted; }, deadline);
    }
};

TEST(DoorbellModel, NoRingIsLost)
{
    everyOrder([] {
        auto bell = std::make_shared<Bell>();
        return Program{{[bell] {
                            for (std::uint32_t i = 1; i <= 2; ++i)
                                Interleaving::require(bell->wait(i) == Doorbell::Result::Ready, "not ready");
                        },
                        [bell] { bell->ring(); }, [bell] { bell->ring(); }},
                       {}};
    });
}

TEST(DoorbellModel, ATimeoutDoesNotHideWhatIsReady)
{
    everyOrder([] {
        auto bell = std::make_shared<Bell>();
        return Program{{[bell] {
                            if (bell->wait(1, 1) == Doorbell::Result::Timeout)
                                Interleaving::require(bell->wait(1) == Doorbell::Result::Ready, "not ready");
                            Interleaving::require(bell->wait(2) == Doorbell::Result::Ready, "not ready");
                        },
                        [bell] {
                            bell->ring();
                            bell->ring();
                        }},
                       {}};
    });
}

TEST(DoorbellModel, AnInterruptEndsTheWaitBesideRings)
{
    everyOrder([] {
        auto bell = std::make_shared<Bell>();
        return Program{{[bell] {
                            Interleaving::require(bell->wait(9) == Doorbell::Result::Interrupted,
                                                  "no interrupt");
                        },
                        [bell] { bell->ring(); }, [bell] { bell->bell.interrupt(); }},
                       {}};
    });
}

} // namespace
