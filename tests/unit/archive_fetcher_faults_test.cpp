// SPDX-License-Identifier: LGPL-2.1-or-later
// FrameFetcher behind a reader that fails as disks and kernels do.
#include <cstring>
#include <functional>
#include <map>

#include "archive_test_recording.h"
#include "capture_test_files.h"
#include "dmaslab/archive/block_reader.h"
#include "dmaslab/archive/frame_fetcher.h"
#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

constexpr std::size_t kFrame = 8192;

/** Answers the n-th read of a frame as it was told to; what it was not told about is read. */
class FaultyReader final : public BlockReader
{
public:
    using Script = std::map<std::uint64_t, std::vector<std::int32_t>>; ///< by offset: results to give first

    FaultyReader(Script script, std::vector<BlockRead> &reads, bool newestFirst = false)
        : script_(std::move(script)), reads_(reads), newestFirst_(newestFirst)
    {
    }
    std::function<void()> beforeFirst; ///< what happens while the first read is under way
    bool isDirect() const override { return true; }
    std::uint32_t depth() const override { return 4; }
    void useFile(std::uint32_t place, int fd) override { files_[place] = fd; }
    void submit(const BlockRead &read) override
    {
        queue_.push_back(read);
        reads_.push_back(read);
    }
    void flush() override {}
    std::size_t reap(std::span<BlockDone> done, std::int64_t) override
    {
        if (queue_.empty())
            return 0;
        if (beforeFirst)
            std::exchange(beforeFirst, {})();
        const auto at = newestFirst_ ? queue_.end() - 1 : queue_.begin();
        const BlockRead read = *at;
        queue_.erase(at);
        std::vector<std::int32_t> &told = script_[read.offset];
        std::int32_t result = std::int32_t(read.bytes);
        if (!told.empty()) {
            result = told.front();
            told.erase(told.begin());
        }
        if (result > 0) {
            const ssize_t got = ::pread(files_[read.file], read.dest, read.bytes, off_t(read.offset));
            EXPECT_EQ(got, ssize_t(read.bytes));
            std::memset(read.dest + result, 0, read.bytes - std::size_t(result)); // it never came
        }
        done[0] = {read.slot, result};
        return 1;
    }
    std::string name() const override { return "faulty"; }
    std::uint64_t systemCalls() const override { return 0; }

private:
    Script script_;
    std::vector<BlockRead> &reads_;
    const bool newestFirst_;
    std::vector<BlockRead> queue_;
    std::map<std::uint32_t, int> files_;
};

class FetcherFaults : public testing::Test
{
protected:
    void SetUp() override
    {
        RecordingBuilder builder(dir_.path() + "/recording");
        builder.beginSeries(greyFormat(64, 64));
        for (unsigned i = 0; i < 6; ++i)
            builder.add(pixels(kFrame, i));
        builder.close();
        auto opened = Recording::open(dir_.path() + "/recording");
        ASSERT_TRUE(opened);
        recording_ = std::make_unique<Recording>(std::move(*opened));
    }
    static std::uint64_t at(unsigned frame) { return 4096 + frame * kFrame; }

    std::unique_ptr<FrameFetcher> fetcher(FaultyReader::Script script, bool newestFirst = false,
                                          FetchIo io = FetchIo::Auto)
    {
        FetchSettings settings;
        settings.io = io;
        auto made = std::make_unique<FrameFetcher>(
            *recording_, *pool_, settings,
            std::make_unique<FaultyReader>(std::move(script), reads_, newestFirst));
        made->setRange(0, recording_->frames());
        return made;
    }
    void expectFrames(FrameFetcher &fetcher, std::vector<unsigned> lost = {})
    {
        for (unsigned i = 0; i < 6; ++i) {
            const FetchedFrame frame = fetcher.next();
            EXPECT_EQ(frame.frame, i);
            const bool isLost = std::find(lost.begin(), lost.end(), i) != lost.end();
            ASSERT_EQ(frame.status, isLost ? FetchStatus::Lost : FetchStatus::Frame) << i;
            if (isLost)
                EXPECT_EQ(frame.loss, FetchLoss::IoError);
            else
                EXPECT_EQ(std::memcmp(frame.slab.data(), pixels(kFrame, i).data(), kFrame), 0) << i;
        }
        EXPECT_EQ(fetcher.next().status, FetchStatus::End);
        EXPECT_EQ(pool_->levels().held, 0u);
    }

    TempDir dir_;
    std::unique_ptr<Recording> recording_;
    PoolPtr pool_ = makePool(6, Reuse::Lifo, kFrame);
    std::vector<BlockRead> reads_;
};

} // namespace

TEST_F(FetcherFaults, FramesComeInOrderHoweverTheDiskAnswers)
{
    expectFrames(*fetcher({}, true));
}

TEST_F(FetcherFaults, ShortReadsGoOnAtTheBlockTheyEndedIn)
{
    expectFrames(*fetcher({{at(1), {5000}}, {at(2), {4096}}}));
    unsigned rests = 0;
    for (const BlockRead &read : reads_) {
        EXPECT_EQ(read.offset % 4096, 0u);
        EXPECT_EQ(read.bytes % 4096, 0u);
        rests += read.bytes == 4096;
    }
    EXPECT_EQ(rests, 2u);
}

TEST_F(FetcherFaults, WhatIsPutOffIsAskedForAgain)
{
    expectFrames(*fetcher({{at(0), {-EAGAIN, -EINTR, -ECANCELED}}, {at(3), {-EAGAIN}}}));
    EXPECT_EQ(reads_.size(), 10u);
}

TEST_F(FetcherFaults, WhatIsPutOffForEverIsLost)
{
    expectFrames(*fetcher({{at(2), std::vector<std::int32_t>(1000, -EAGAIN)}}), {2});
    EXPECT_LT(reads_.size(), 200u);
}

TEST_F(FetcherFaults, ABadSectorCostsItsFrameOnly)
{
    expectFrames(*fetcher({{at(1), {-EIO}}, {at(4), {0}}}), {1, 4});
}

TEST_F(FetcherFaults, SlabsTheDiskCannotReachAreReadTheOtherWay)
{
    const auto reading = fetcher({{at(2), {-EFAULT}}});
    expectFrames(*reading);
    const auto said = reading->takeDegradations();
    ASSERT_EQ(said.size(), 1u);
    EXPECT_NE(said[0].find("io=pread"), std::string::npos) << said[0];
    EXPECT_EQ(reading->io(), "pread");
}

TEST_F(FetcherFaults, InsistingOnTheRingMakesThatALoss)
{
    expectFrames(*fetcher({{at(2), {-EINVAL}}}, false, FetchIo::Uring), {2});
}

TEST_F(FetcherFaults, ANewRangeWaitsForWhatIsUnderWay)
{
    const auto reading = fetcher({});
    EXPECT_EQ(reading->next().frame, 0u);
    EXPECT_GT(reads_.size(), 1u);
    reading->setRange(5, 6);
    EXPECT_EQ(pool_->levels().held, 0u);
    EXPECT_EQ(reading->next().frame, 5u);
}

TEST(FetcherRace, AFrameThatIsOverwrittenWhileItIsReadIsNotThatFrame)
{
    const TempDir dir;
    RecordingBuilder builder(dir.path() + "/recording");
    builder.beginSeries(greyFormat(64, 64));
    for (unsigned i = 0; i < 6; ++i) {
        if (i % 2 == 0)
            builder.split();
        builder.add(pixels(kFrame, i));
    }
    builder.commit();
    auto recording = Recording::open(builder.path());
    ASSERT_TRUE(recording);
    const PoolPtr pool = makePool(4, Reuse::Lifo, kFrame);
    std::vector<BlockRead> reads;
    auto reader = std::make_unique<FaultyReader>(FaultyReader::Script{}, reads);
    for (const bool counted : {true, false}) {
        // With the new frames counted the entry tells the lives apart, before that the count does.
        reader->beforeFirst = [&] {
            builder.recycle();
            builder.add(pixels(kFrame, 6));
            builder.add(pixels(kFrame, 7));
            if (counted)
                builder.commit();
        };
        FrameFetcher fetcher(*recording, *pool, {}, std::move(reader));
        fetcher.setRange(counted ? 0 : *recording->findSequence(2), recording->frames());
        EXPECT_EQ(fetcher.next().status, FetchStatus::Reclaimed) << counted;
        fetcher.stop();
        ASSERT_TRUE(recording->refresh());
        reader = std::make_unique<FaultyReader>(FaultyReader::Script{}, reads);
    }
}
