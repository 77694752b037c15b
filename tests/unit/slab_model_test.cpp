// SPDX-License-Identifier: LGPL-2.1-or-later
// The pool's own code in every order of its atomic steps, against what a pool is for: a slab has one owner,
// the counts add up, nobody sleeps past a release, and the pool ends once, with its last slab.
#include <gtest/gtest.h>

#include "dmaslab/slab/pool.h"
#include "interleaving.h"
#include "soak.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

/** One for all orders: pages are slow to come by, and no pool changes its arena. */
std::shared_ptr<const Arena> sharedArena(std::uint32_t slabs)
{
    static std::map<std::uint32_t, std::shared_ptr<const Arena>> arenas;
    auto &arena = arenas[slabs];
    if (!arena) {
        ArenaRequest request;
        request.kind = MemoryKind::Memfd;
        request.slabs = slabs;
        request.slabSize = 64;
        arena = *Arena::create(request);
    }
    return arena;
}

/** A pool and what its users believe of it. */
struct World
{
    World(std::uint32_t slabs, Reuse reuse) : owners(slabs), frames(slabs)
    {
        // The pool lets go of its arena last of all, so that is how we learn of its end.
        const auto letGo = [kept = sharedArena(slabs), count = ends](auto *) {
            ++*count;
            Interleaving::sharedObjectsEnd();
        };
        pool = *Pool::create({sharedArena(slabs).get(), letGo}, reuse);
        watched = pool.get();
    }

    /** The slab has just been handed out: it must be nobody's. */
    void own(const SlabRef &slab)
    {
        Interleaving::require(++owners[slab.index()] == 1, "a slab has two owners");
    }
    void disown(SlabRef &slab)
    {
        --owners[slab.index()];
        slab.reset();
        Interleaving::forget();
    }
    /** One turn of a producer that does not wait. */
    void turn(std::uint64_t frame = 0)
    {
        auto slab = watched->tryAcquire();
        if (!slab) {
            Interleaving::forget();
            return;
        }
        own(*slab);
        if (frame != 0) {
            frames[slab->index()] = frame;
            slab->publish(frame);
        }
        disown(*slab);
    }
    void waitingTurn(std::int64_t deadline = kNoDeadline)
    {
        if (auto slab = watched->acquire(deadline)) {
            own(*slab);
            disown(*slab);
        }
    }
    void findingTurn(std::uint64_t frame)
    {
        if (SlabRef found = watched->find(frame)) {
            Interleaving::require(frames[found.index()] == frame, "a found frame is another one");
            found.reset();
        }
        Interleaving::forget();
    }

    /** At rest every slab is home, in the states as in the free list. */
    void requireAllHome(std::uint64_t stale = 0)
    {
        const PoolLevels levels = watched->levels();
        Interleaving::require(levels.free == levels.slabs, "a slab is not home");
        Interleaving::require(levels.staleHandles == stale, "the stale handles were miscounted");
        std::vector<SlabRef> all;
        for (std::size_t i = 0; i <= levels.slabs; ++i) { // once too often: the list may have become a ring
            if (auto slab = watched->tryAcquire()) {
                own(*slab);
                all.push_back(std::move(*slab));
            }
        }
        Interleaving::require(all.size() == levels.slabs, "the free list lost a slab");
    }

    std::vector<int> owners;
    std::vector<std::uint64_t> frames;
    std::shared_ptr<int> ends = std::make_shared<int>(0);
    PoolPtr pool;
    Pool *watched = nullptr;
};

using Threads = std::vector<std::function<void()>>;

/** @p threads makes what runs on a fresh world; @p atEnd is the last look at it. */
void everyOrder(
    std::uint32_t slabs, Reuse reuse, const std::function<Threads(World &)> &threads,
    std::uint64_t preemptions = Interleaving::kUnbounded,
    const std::function<void(World &)> &atEnd = [](World &world) { world.requireAllHome(); })
{
    if (Interleaving::kThreadSanitizer)
        GTEST_SKIP() << "the thread sanitizer does not know that contexts are switched by hand";
    const auto outcome = Interleaving::explore(
        [&] {
            auto world = std::make_shared<World>(slabs, reuse);
            Threads made = threads(*world);
            return Interleaving::Program{std::move(made), [world, &atEnd] { atEnd(*world); }};
        },
        preemptions);
    EXPECT_EQ(outcome.problem, "");
    EXPECT_TRUE(outcome.complete) << "not covered within " << outcome.orders << " orders";
    std::printf("%llu orders, %llu states\n", static_cast<unsigned long long>(outcome.orders),
                static_cast<unsigned long long>(outcome.states));
}

class SlabModel : public testing::TestWithParam<Reuse>
{
};

TEST_P(SlabModel, TwoThreadsNeverOwnTheSameSlab)
{
    everyOrder(
        2, GetParam(),
        [](World &world) {
            const auto body = [&world] {
                world.turn(1);
                world.turn(2);
            };
            return Threads{body, body};
        },
        soakCount(2, 5));
}

TEST_P(SlabModel, ThreeThreadsShareOneSlab)
{
    everyOrder(1, GetParam(), [](World &world) {
        const auto body = [&world] { world.turn(); };
        return Threads{body, body, body};
    });
}

// The stack's top and count are as they were, and yet the slab below the top is another one.
TEST_P(SlabModel, ATakerIsNotDeceivedByATopThatCameBack)
{
    everyOrder(3, GetParam(), [](World &world) {
        auto held = std::make_shared<SlabRef>(*world.watched->tryAcquire());
        world.own(*held);
        const auto shuffler = [&world, held] {
            auto top = world.watched->tryAcquire();
            auto below = world.watched->tryAcquire();
            if (below)
                world.own(*below);
            world.disown(*held);
            if (top)
                top->reset();
            if (below)
                world.disown(*below);
        };
        return Threads{[&world] { world.turn(); }, shuffler};
    });
}

TEST_P(SlabModel, TheLastOfSeveralHoldersReturnsTheSlab)
{
    everyOrder(1, GetParam(), [](World &world) {
        auto first = std::make_shared<SlabRef>(*world.watched->tryAcquire());
        auto disk = std::make_shared<SlabRef>(first->holdAs(Holder::Disk));
        return Threads{[first] {
                           SlabRef copy = *first;
                           first->reset();
                       },
                       [disk] { disk->reset(); }, [&world] { world.turn(); }};
    });
}

TEST_P(SlabModel, NoWaiterSleepsPastARelease)
{
    everyOrder(
        1, GetParam(),
        [](World &world) {
            auto held = std::make_shared<SlabRef>(*world.watched->tryAcquire());
            const auto waiter = [&world] { world.waitingTurn(); };
            return Threads{waiter, waiter, [held] { held->reset(); }};
        },
        soakCount(3, Interleaving::kUnbounded));
}

TEST_P(SlabModel, ATimeoutSwallowsNobodysWake)
{
    everyOrder(
        1, GetParam(),
        [](World &world) {
            auto held = std::make_shared<SlabRef>(*world.watched->tryAcquire());
            return Threads{[&world] { world.waitingTurn(1); }, [&world] { world.waitingTurn(); },
                           [held] { held->reset(); }};
        },
        soakCount(3, Interleaving::kUnbounded));
}

TEST_P(SlabModel, AnInterruptReachesEveryWaiterWhateverElseHappens)
{
    everyOrder(1, GetParam(), [](World &world) {
        auto held = std::make_shared<SlabRef>(*world.watched->tryAcquire());
        return Threads{[&world, held] {
                           world.waitingTurn();
                           held->reset();
                       },
                       [&world] { world.waitingTurn(); }, [&world] { world.watched->setInterrupted(true); }};
    });
}

TEST_P(SlabModel, ThePoolEndsOnceWithItsOwnerOrItsLastSlab)
{
    everyOrder(
        2, GetParam(),
        [](World &world) {
            auto one = std::make_shared<SlabRef>(*world.watched->tryAcquire());
            auto two = std::make_shared<SlabRef>(*world.watched->tryAcquire());
            return Threads{[one] {
                               SlabRef copy = *one;
                               one->reset();
                           },
                           [two] { two->reset(); }, [&world] { world.pool.reset(); }};
        },
        Interleaving::kUnbounded,
        [](World &world) { Interleaving::require(*world.ends == 1, "the pool did not end"); });
}

TEST_P(SlabModel, OneOfTwoReleasesOfAHandleIsRefused)
{
    everyOrder(
        2, GetParam(),
        [](World &world) {
            const SlabHandle handle = world.watched->tryAcquire()->detach();
            const auto release = [&world, handle] { (void)world.watched->release(handle); };
            return Threads{release, release, [&world] { world.turn(); }};
        },
        Interleaving::kUnbounded, [](World &world) { world.requireAllHome(1); });
}

TEST_P(SlabModel, AHandleAdoptedTwiceReturnsItsSlabOnce)
{
    everyOrder(
        2, GetParam(),
        [](World &world) {
            const SlabHandle handle = world.watched->tryAcquire()->detach();
            const auto adopted = std::make_shared<SlabRef>(world.watched->adopt(handle));
            const auto again = std::make_shared<SlabRef>(world.watched->adopt(handle));
            return Threads{[adopted] { adopted->reset(); }, [again] { again->reset(); }};
        },
        Interleaving::kUnbounded, [](World &world) { world.requireAllHome(1); });
}

TEST_P(SlabModel, AHandleAdoptedAndReleasedReturnsItsSlabOnce)
{
    everyOrder(
        2, GetParam(),
        [](World &world) {
            const SlabHandle handle = world.watched->tryAcquire()->detach();
            const auto adopted = std::make_shared<SlabRef>(world.watched->adopt(handle));
            return Threads{[adopted] { adopted->reset(); },
                           [&world, handle] { (void)world.watched->release(handle); }};
        },
        Interleaving::kUnbounded, [](World &world) { world.requireAllHome(1); });
}

TEST_P(SlabModel, AHoldIsNeverAddedToASlabThatHasGoneHome)
{
    everyOrder(
        1, GetParam(),
        [](World &world) {
            const SlabHandle handle = world.watched->tryAcquire()->detach();
            const auto name = std::make_shared<SlabRef>(world.watched->adopt(handle));
            return Threads{[name] {
                               SlabRef late = name->holdAs(Holder::Disk);
                               (void)name->detach();
                           },
                           [&world, handle] { (void)world.watched->release(handle); },
                           [&world] { world.turn(); }};
        },
        Interleaving::kUnbounded,
        [](World &world) { world.requireAllHome(world.watched->levels().staleHandles); });
}

INSTANTIATE_TEST_SUITE_P(Reuse, SlabModel, testing::Values(Reuse::Lifo, Reuse::Fifo),
                         [](const auto &one) { return one.param == Reuse::Lifo ? "Lifo" : "Fifo"; });

TEST(SlabModelFifo, AFoundFrameIsTheOneAskedForWhileOthersReuseSlabs)
{
    everyOrder(
        2, Reuse::Fifo,
        [](World &world) {
            world.turn(1);
            world.turn(2);
            return Threads{[&world] { world.findingTurn(1); }, [&world] { world.turn(3); }};
        },
        soakCount(3, Interleaving::kUnbounded));
}

TEST(SlabModelFifo, FindersAndTakersOfOneSlabAgree)
{
    everyOrder(
        1, Reuse::Fifo,
        [](World &world) {
            world.turn(1);
            return Threads{[&world] { world.findingTurn(1); }, [&world] { world.findingTurn(1); },
                           [&world] { world.turn(2); }};
        },
        soakCount(3, Interleaving::kUnbounded));
}

TEST(SlabModelFifo, ARevivedSlabIsListedAgainWhileTakersPassItsEntry)
{
    everyOrder(
        2, Reuse::Fifo,
        [](World &world) {
            world.turn(1);
            world.turn(2);
            const auto taker = [&world] { world.turn(3); };
            return Threads{[&world] { world.findingTurn(1); }, taker, taker};
        },
        soakCount(2, 4));
}

} // namespace
