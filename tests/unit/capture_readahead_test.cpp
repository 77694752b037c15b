// SPDX-License-Identifier: LGPL-2.1-or-later
#include <atomic>
#include <cstring>
#include <thread>

#include "capture_test_files.h"
#include "dmaslab/capture/file_source.h"
#include "dmaslab/capture/readahead.h"
#include "dmaslab/capture/stamp.h"
#include "dmaslab/capture/synthetic.h"
#include "soak.h"

namespace dmaslab {

static PoolPtr makePool(std::uint32_t slabs, std::size_t bytes = 4096)
{
    ArenaRequest request;
    request.kind = MemoryKind::Memfd;
    request.slabs = slabs;
    request.slabSize = bytes;
    return *Pool::create(*Arena::create(request));
}

/** A source that fills only while its gate is open, and says when it is asked. */
class GatedSource final : public FrameSource
{
public:
    std::uint64_t endAt = UINT64_MAX;
    std::uint64_t failAt = UINT64_MAX;
    std::atomic<std::uint64_t> gate{UINT64_MAX}; ///< frames below it may be filled
    std::atomic<std::uint64_t> asked{0};         ///< calls so far
    std::vector<std::uint64_t> frames;           ///< what was asked for; read it after stop()

    FillStatus fill(const FillTarget &target, std::uint64_t sequence, std::uint64_t time) override
    {
        frames.push_back(sequence);
        asked.fetch_add(1);
        asked.notify_all();
        for (std::uint64_t open = gate.load(); open <= sequence; open = gate.load())
            gate.wait(open);
        if (sequence == failAt) {
            error_ = {Errc::Io, "frames.npy: reading failed; check the disk", 5};
            return FillStatus::Error;
        }
        if (sequence >= endAt)
            return FillStatus::EndOfStream;
        writeStamp(target.bytes, sequence, time);
        return FillStatus::Ok;
    }
    [[nodiscard]] const Error &lastError() const override { return error_; }

    void open(std::uint64_t upTo = UINT64_MAX)
    {
        gate.store(upTo);
        gate.notify_all();
    }
    void awaitAsked(std::uint64_t calls)
    {
        for (std::uint64_t now = asked.load(); now < calls; now = asked.load())
            asked.wait(now);
    }

private:
    Error error_;
};

static std::unique_ptr<Readahead> start(FrameSource &source, Pool &pool, ReadaheadOptions options = {})
{
    auto readahead = Readahead::start(source, pool, std::move(options));
    EXPECT_TRUE(readahead) << readahead.error().message;
    return std::move(*readahead);
}

static std::uint32_t held(const Pool &pool)
{
    return pool.levels().held;
}

/** A frame that is there is found without waiting, whatever the deadline. */
static void awaitRead(const Readahead &readahead, std::uint64_t frames)
{
    while (readahead.framesRead() < frames)
        std::this_thread::yield();
}

TEST(Readahead, DeliversFramesInOrderThenTheEnd)
{
    GatedSource source;
    source.endAt = 1000;
    const PoolPtr pool = makePool(6);
    const auto readahead = start(source, *pool);
    for (std::uint64_t k = 0; k < 1000; k++) {
        const ReadaheadFrame frame = readahead->next(kNoDeadline);
        ASSERT_EQ(frame.status, ReadaheadStatus::Frame) << k;
        EXPECT_EQ(frame.frame, k);
        EXPECT_EQ(verifyStamp(frame.slab.bytes()).status, StampStatus::Ok);
        EXPECT_EQ(verifyStamp(frame.slab.bytes()).sequence, k);
    }
    for (int again = 0; again < 3; again++)
        EXPECT_EQ(readahead->next(kNoDeadline).status, ReadaheadStatus::EndOfStream);
    EXPECT_EQ(readahead->framesRead(), 1000U);
    EXPECT_EQ(readahead->late(), 0U);
    EXPECT_EQ(held(*pool), 0U);
}

TEST(Readahead, StartsAtTheFrameItIsTold)
{
    GatedSource source;
    const PoolPtr pool = makePool(4);
    const auto readahead = start(source, *pool, {.depth = 2, .firstFrame = 500});
    EXPECT_EQ(readahead->next(kNoDeadline).frame, 500U);
    EXPECT_EQ(readahead->next(kNoDeadline).frame, 501U);
}

TEST(Readahead, NeverHoldsMoreSlabsThanItsDepth)
{
    for (const std::uint32_t depth : {1U, 3U, 8U}) {
        GatedSource source;
        const PoolPtr pool = makePool(8);
        const auto readahead = start(source, *pool, {.depth = depth});
        for (std::uint64_t k = 0; k < 5; k++) {
            awaitRead(*readahead, k + depth);
            EXPECT_EQ(held(*pool), depth); // full: the reader sleeps, the count stands still
            EXPECT_EQ(readahead->framesRead(), k + depth);
            EXPECT_EQ(readahead->next(0).frame, k);
        }
        readahead->stop();
        EXPECT_LE(source.frames.size(), 5U + depth) << "read more than was asked and allowed";
        EXPECT_EQ(held(*pool), 0U) << "what was read and not taken is let go";
    }
}

TEST(Readahead, CountsAFrameThatIsNotThereInTimeAsLate)
{
    GatedSource source;
    source.open(1);
    const PoolPtr pool = makePool(4);
    const auto readahead = start(source, *pool);
    EXPECT_EQ(readahead->next(kNoDeadline).frame, 0U);
    source.awaitAsked(2); // now inside frame 1
    EXPECT_EQ(readahead->next(0).status, ReadaheadStatus::Late);
    EXPECT_EQ(readahead->next(monotonicNowNs() + 1'000'000).status, ReadaheadStatus::Late);
    EXPECT_EQ(readahead->late(), 2U);
    EXPECT_EQ(readahead->starved(), 0U);
    source.open();
    const ReadaheadFrame frame = readahead->next(kNoDeadline);
    EXPECT_EQ(frame.status, ReadaheadStatus::Frame) << "late is not lost";
    EXPECT_EQ(frame.frame, 1U);
    EXPECT_EQ(readahead->late(), 2U);
}

TEST(Readahead, TellsAStarvedPoolFromASlowDisk)
{
    GatedSource source;
    const PoolPtr pool = makePool(2);
    const auto readahead = start(source, *pool, {.depth = 2});
    ReadaheadFrame first = readahead->next(kNoDeadline);
    const ReadaheadFrame second = readahead->next(kNoDeadline);
    while (!pool->hasWaiter())
        std::this_thread::yield();
    EXPECT_EQ(readahead->next(0).status, ReadaheadStatus::Starved);
    EXPECT_EQ(readahead->starved(), 1U);
    EXPECT_EQ(readahead->late(), 0U);
    first.slab.reset();
    EXPECT_EQ(readahead->next(kNoDeadline).frame, 2U);
}

TEST(Readahead, CarriesAnErrorBehindTheFramesBeforeIt)
{
    GatedSource source;
    source.failAt = 2;
    const PoolPtr pool = makePool(4);
    const auto readahead = start(source, *pool);
    EXPECT_EQ(readahead->next(kNoDeadline).frame, 0U);
    EXPECT_EQ(readahead->next(kNoDeadline).frame, 1U);
    for (int again = 0; again < 2; again++) {
        EXPECT_EQ(readahead->next(kNoDeadline).status, ReadaheadStatus::Error);
        EXPECT_EQ(readahead->error().message, "frames.npy: reading failed; check the disk");
        EXPECT_EQ(readahead->error().sysErrno, 5);
    }
    EXPECT_EQ(held(*pool), 0U);
}

TEST(Readahead, AnInterruptEndsAWaitAndCanBeTakenBack)
{
    GatedSource source;
    source.open(0);
    const PoolPtr pool = makePool(4);
    const auto readahead = start(source, *pool);
    std::thread interrupter([&] { readahead->setInterrupted(true); });
    EXPECT_EQ(readahead->next(kNoDeadline).status, ReadaheadStatus::Interrupted);
    interrupter.join();
    source.open();
    awaitRead(*readahead, 1);
    EXPECT_EQ(readahead->next(kNoDeadline).status, ReadaheadStatus::Interrupted) << "also with a frame there";
    readahead->setInterrupted(false);
    EXPECT_EQ(readahead->next(kNoDeadline).frame, 0U) << "an interrupt loses nothing";
}

TEST(Readahead, SkipsFramesThatAreNotWantedAnyMore)
{
    GatedSource source;
    const PoolPtr pool = makePool(4);
    const auto readahead = start(source, *pool, {.depth = 3});
    awaitRead(*readahead, 3);
    readahead->skipTo(2); // one that is read
    EXPECT_EQ(readahead->next(kNoDeadline).frame, 2U);
    readahead->skipTo(1000); // one that is not
    readahead->skipTo(5);    // never back
    const ReadaheadFrame frame = readahead->next(kNoDeadline);
    EXPECT_EQ(frame.frame, 1000U);
    EXPECT_EQ(verifyStamp(frame.slab.bytes()).sequence, 1000U);
    readahead->stop();
    EXPECT_LT(source.frames.size(), 20U) << "frames that nobody wants were read";
}

TEST(Readahead, StopsWhileItWaitsForASlab)
{
    GatedSource source;
    const PoolPtr pool = makePool(2);
    const auto readahead = start(source, *pool, {.depth = 2});
    const ReadaheadFrame a = readahead->next(kNoDeadline);
    const ReadaheadFrame b = readahead->next(kNoDeadline);
    while (!pool->hasWaiter())
        std::this_thread::yield();
    readahead->stop();
    EXPECT_EQ(readahead->next(kNoDeadline).status, ReadaheadStatus::Interrupted);
    EXPECT_EQ(held(*pool), 2U);
    EXPECT_FALSE(pool->tryAcquire());
    readahead->stop(); // again, for nothing
}

TEST(Readahead, StopsWhileItWaitsForRoom)
{
    GatedSource source;
    const PoolPtr pool = makePool(4);
    const auto readahead = start(source, *pool, {.depth = 2});
    awaitRead(*readahead, 2);
    readahead->stop();
    EXPECT_EQ(held(*pool), 0U);
    EXPECT_TRUE(pool->acquire(0)) << "the pool must be usable afterwards";
}

TEST(Readahead, SurvivesAPoolThatItsOwnerInterrupts)
{
    GatedSource source;
    const PoolPtr pool = makePool(2);
    pool->setInterrupted(true);
    const auto readahead = start(source, *pool, {.depth = 2});
    EXPECT_EQ(source.asked.load(), 0U);
    pool->setInterrupted(false);
    EXPECT_EQ(readahead->next(kNoDeadline).frame, 0U);
}

TEST(Readahead, RefusesADepthThatThePoolCannotGive)
{
    GatedSource source;
    const PoolPtr pool = makePool(4);
    for (const std::uint32_t depth : {0U, 5U}) {
        const auto readahead = Readahead::start(source, *pool, {.depth = depth});
        ASSERT_FALSE(readahead);
        EXPECT_EQ(readahead.error().code, Errc::InvalidArgument);
        EXPECT_NE(readahead.error().message.find("1..4"), std::string::npos) << readahead.error().message;
    }
}

TEST(Readahead, TurnsASourceOutOfMemoryIntoAnError)
{
    struct Greedy final : FrameSource
    {
        FillStatus fill(const FillTarget &, std::uint64_t, std::uint64_t) override { throw std::bad_alloc(); }
        [[nodiscard]] const Error &lastError() const override { return error; }
        Error error;
    } source;
    const PoolPtr pool = makePool(2);
    const auto readahead = start(source, *pool, {.depth = 1});
    EXPECT_EQ(readahead->next(kNoDeadline).status, ReadaheadStatus::Error);
    EXPECT_EQ(readahead->error().code, Errc::NoMemory);
}

TEST(Readahead, ReadsFilesIntoTheVerySlabsThatComeOut)
{
    const test::TempDir dir;
    for (unsigned i = 0; i < 5; i++)
        (void)dir.write(std::to_string(i) + ".npy",
                        test::npyHeader(test::npyDict("<i2", "(30, 31)")) + test::pixels(1860, i));
    const FrameLayout layout = FrameLayout::padded(62, 30, 64);
    const auto source = *FileFrameSource::create(*FileSet::open(dir.path()), layout);
    const PoolPtr pool = makePool(3, layout.frameBytes);
    const auto readahead = start(*source, *pool, {.depth = 2});
    for (unsigned k = 0; k < 5; k++) {
        const ReadaheadFrame frame = readahead->next(kNoDeadline);
        ASSERT_EQ(frame.status, ReadaheadStatus::Frame);
        EXPECT_EQ(frame.slab.data(), pool->arena().slab(frame.slab.index()).data());
        const std::string expected = test::pixels(1860, k);
        for (std::size_t y = 0; y < 30; y++)
            ASSERT_EQ(std::memcmp(frame.slab.data() + y * 64, expected.data() + y * 62, 62), 0) << k;
    }
    EXPECT_EQ(readahead->next(kNoDeadline).status, ReadaheadStatus::EndOfStream);
}

TEST(Readahead, StopsThoughTheOwnerTakesThePoolsInterruptionBack)
{
    GatedSource source;
    const PoolPtr pool = makePool(1);
    const SlabRef only = *pool->tryAcquire();
    std::atomic<bool> done{false};
    std::thread owner([&] {
        while (!done.load())
            pool->setInterrupted(false);
    });
    for (int round = 0; round < 1000; round++) {
        const auto readahead = start(source, *pool, {.depth = 1});
        while (!pool->hasWaiter())
            std::this_thread::yield();
        readahead->stop(); // would never return if one interruption had to do
    }
    done.store(true);
    owner.join();
    EXPECT_EQ(source.asked.load(), 0U);
}

TEST(ReadaheadTorture, NoFrameIsWrongWhileHoldersComeAndGo)
{
    const std::uint64_t seed = test::soakSeed();
    const std::uint64_t frames = test::soakCount(20'000, 1'000'000);
    std::mt19937_64 random(seed);
    const auto source = *SyntheticSource::create(Pattern::Counter, FrameLayout::packed(256, 4));
    const PoolPtr pool = makePool(6, 1024);
    const auto readahead = start(*source, *pool, {.depth = 4});
    std::vector<ReadaheadFrame> kept(5); // up to one less than the pool, so that it can never stand still
    std::uint64_t expected = 0;
    for (std::uint64_t i = 0; i < frames; i++) {
        const std::uint64_t what = random();
        if (what % 64 == 0) {
            expected += what >> 32 & 7;
            readahead->skipTo(expected);
        }
        ReadaheadFrame frame = readahead->next(kNoDeadline);
        ASSERT_EQ(frame.status, ReadaheadStatus::Frame);
        ASSERT_EQ(frame.frame, expected++);
        ReadaheadFrame &old = kept[what % kept.size()];
        old = std::move(frame);
        for (const ReadaheadFrame &k : kept) {
            if (!k.slab)
                continue;
            const StampCheck check = verifyStamp(k.slab.bytes().first(1024));
            ASSERT_EQ(check.status, StampStatus::Ok);
            ASSERT_EQ(check.sequence, k.frame);
        }
    }
    readahead->stop();
    kept.clear();
    EXPECT_EQ(held(*pool), 0U);
    EXPECT_EQ(pool->levels().staleHandles, 0U);
}

} // namespace dmaslab
