// SPDX-License-Identifier: LGPL-2.1-or-later
// FrameFetcher: frames of a recording in slabs, by either way of reading, with all that can go wrong on it.
#include <cstring>
#include <filesystem>
#include <thread>

#include <fcntl.h>

#include "archive_test_recording.h"
#include "capture_test_files.h"
#include "dmaslab/archive/block_reader.h"
#include "dmaslab/archive/frame_fetcher.h"
#include "slab_test_support.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

std::string bytesIn(const FetchedFrame &frame)
{
    return {reinterpret_cast<const char *>(frame.slab.data()), frame.index.length};
}

struct Opened
{
    Recording recording;
    PoolPtr pool;

    Opened(const std::string &path, std::uint32_t slabs, std::size_t bytes)
        : recording(std::move(*Recording::open(path))), pool(makePool(slabs, Reuse::Lifo, bytes))
    {
    }
    std::unique_ptr<FrameFetcher> fetcher(const FetchSettings &settings)
    {
        auto made = FrameFetcher::create(recording, *pool, settings);
        EXPECT_TRUE(made) << made.error().message;
        (*made)->setRange(0, recording.frames());
        return std::move(*made);
    }
};

} // namespace

class FetcherIo : public testing::TestWithParam<FetchIo>
{
protected:
    void SetUp() override
    {
        if (GetParam() != FetchIo::Uring)
            return;
        std::vector<std::string> said;
        const auto ring = openUringReader({}, said);
        if (!ring)
            GTEST_SKIP() << ring.error().message;
        const int direct = ::open(dir_.write("probe", "x").c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
        if (direct < 0)
            GTEST_SKIP() << dir_.path() << ": no O_DIRECT here";
        ::close(direct);
    }
    FetchSettings settings() const { return {.depth = 4, .io = GetParam()}; }
    std::string path() const { return dir_.path() + "/recording"; }
    TempDir dir_;
};

INSTANTIATE_TEST_SUITE_P(, FetcherIo, testing::Values(FetchIo::Uring, FetchIo::Pread), [](const auto &way) {
    return std::string(way.param == FetchIo::Uring ? "Uring" : "Pread");
});

TEST_P(FetcherIo, DeliversEveryLayoutInOrder)
{
    struct Case
    {
        SeriesFormat format;
        ArchiveLayout layout;
    };
    for (const Case &each :
         {Case{greyFormat(64, 64), ArchiveLayout::Plain},
          Case{greyFormat(64, 255, false), ArchiveLayout::Rows},
          Case{greyFormat(50, 30), ArchiveLayout::Record}, Case{blobFormat(), ArchiveLayout::Blob}}) {
        SCOPED_TRACE(toString(each.layout));
        const std::string path = this->path() + toString(each.layout);
        std::vector<std::string> frames;
        {
            RecordingBuilder builder(path);
            ASSERT_EQ(builder.beginSeries(each.format).layout, each.layout);
            for (unsigned i = 0; i < 23; ++i) {
                const std::size_t bytes = each.format.frameBytes ? each.format.frameBytes : 100 + i * 997;
                frames.push_back(pixels(bytes, i));
                builder.add(frames.back());
                if (i == 9 || i == 10)
                    builder.split();
            }
            builder.close();
        }
        Opened opened(path, 6, std::max<std::size_t>(each.format.frameBytes, 100 + 23 * 997));
        const auto fetcher = opened.fetcher(settings());
        for (unsigned i = 0; i < frames.size(); ++i) {
            const FetchedFrame frame = fetcher->next();
            ASSERT_EQ(frame.status, FetchStatus::Frame) << i;
            EXPECT_EQ(frame.frame, i);
            EXPECT_EQ(frame.index.sequence, i);
            EXPECT_EQ(bytesIn(frame), frames[i]) << i;
        }
        EXPECT_EQ(fetcher->next().status, FetchStatus::End);
        EXPECT_EQ(fetcher->next().status, FetchStatus::End);
        EXPECT_EQ(opened.pool->levels().held, 0u);
        EXPECT_TRUE(fetcher->takeDegradations().empty());
        EXPECT_EQ(fetcher->io().find("uring") != std::string::npos, GetParam() == FetchIo::Uring);
    }
}

TEST_P(FetcherIo, ReadsAgainFromWhereItIsTold)
{
    RecordingBuilder builder(path());
    builder.beginSeries(greyFormat(64, 32));
    for (unsigned i = 0; i < 20; ++i)
        builder.add(pixels(4096, i));
    builder.close();
    Opened opened(path(), 4, 4096);
    const auto fetcher = opened.fetcher(settings());
    EXPECT_EQ(fetcher->next().frame, 0u);
    fetcher->setRange(15, 17);
    for (const unsigned frame : {15u, 16u})
        EXPECT_EQ(bytesIn(fetcher->next()), pixels(4096, frame));
    EXPECT_EQ(fetcher->next().status, FetchStatus::End);
    fetcher->setRange(3, 20);
    EXPECT_EQ(bytesIn(fetcher->next()), pixels(4096, 3));
}

TEST_P(FetcherIo, StarvesWithoutLosingAndSkipsWhatIsGivenUp)
{
    RecordingBuilder builder(path());
    builder.beginSeries(greyFormat(64, 32));
    for (unsigned i = 0; i < 5; ++i)
        builder.add(pixels(4096, i));
    builder.close();
    Opened opened(path(), 2, 4096);
    const auto fetcher = opened.fetcher(settings());
    std::vector<FetchedFrame> held;
    held.push_back(fetcher->next());
    held.push_back(fetcher->next());
    const FetchedFrame starved = fetcher->next(0);
    EXPECT_EQ(starved.status, FetchStatus::Starved);
    EXPECT_EQ(starved.index.sequence, 2u) << "what it is that has no slab";
    EXPECT_EQ(fetcher->skip().frame, 2u);
    EXPECT_EQ(fetcher->next(0).status, FetchStatus::Starved);
    EXPECT_EQ(bytesIn(held[0]), pixels(4096, 0));
    held.clear();
    EXPECT_EQ(bytesIn(fetcher->next()), pixels(4096, 3));
}

TEST_P(FetcherIo, AnInterruptWakesAWaitForSlabsAndLosesNothing)
{
    RecordingBuilder builder(path());
    builder.beginSeries(greyFormat(64, 32));
    for (unsigned i = 0; i < 3; ++i)
        builder.add(pixels(4096, i));
    builder.close();
    Opened opened(path(), 2, 4096);
    const auto fetcher = opened.fetcher(settings());
    std::vector<FetchedFrame> held;
    held.push_back(fetcher->next());
    held.push_back(fetcher->next());
    std::thread interrupter([&] {
        untilAsleep(*opened.pool);
        fetcher->setInterrupted(true);
    });
    EXPECT_EQ(fetcher->next().status, FetchStatus::Interrupted);
    interrupter.join();
    EXPECT_EQ(fetcher->next().status, FetchStatus::Interrupted) << "until it is taken back";
    fetcher->setInterrupted(false);
    held.clear();
    EXPECT_EQ(bytesIn(fetcher->next()), pixels(4096, 2));
}

TEST_P(FetcherIo, VerifiesHashesWhenAskedTo)
{
    RecordingBuilder builder(path());
    builder.beginSeries(greyFormat(64, 32));
    builder.add(pixels(4096, 0));
    builder.add(pixels(4096, 1), {.wrongHash = true});
    builder.add(pixels(4096, 2), {.flags = kFrameUnhashed, .wrongHash = true});
    builder.close();
    for (const bool verify : {false, true}) {
        Opened opened(path(), 4, 4096);
        FetchSettings asked = settings();
        asked.verify = verify;
        const auto fetcher = opened.fetcher(asked);
        EXPECT_EQ(fetcher->next().status, FetchStatus::Frame);
        const FetchedFrame wrong = fetcher->next();
        EXPECT_EQ(wrong.status, verify ? FetchStatus::Lost : FetchStatus::Frame);
        EXPECT_EQ(wrong.loss, verify ? FetchLoss::Corrupt : FetchLoss::None);
        EXPECT_EQ(wrong.index.sequence, 1u);
        EXPECT_EQ(fetcher->next().status, FetchStatus::Frame) << "unhashed";
    }
}

TEST_P(FetcherIo, PassesOverBadFrames)
{
    RecordingBuilder builder(path());
    builder.beginSeries(greyFormat(64, 32));
    for (unsigned i = 0; i < 4; ++i)
        builder.add(pixels(4096, i), {.flags = std::uint16_t(i == 1 || i == 3 ? kFrameBad : 0)});
    builder.close();
    Opened opened(path(), 4, 4096);
    const auto fetcher = opened.fetcher(settings());
    EXPECT_EQ(fetcher->next().frame, 0u);
    EXPECT_EQ(fetcher->next().frame, 2u);
    EXPECT_EQ(fetcher->next().status, FetchStatus::End);
}

TEST_P(FetcherIo, AFileThatLostItsEndLosesTheFramesThere)
{
    RecordingBuilder builder(path());
    builder.beginSeries(greyFormat(64, 64));
    for (unsigned i = 0; i < 4; ++i)
        builder.add(pixels(8192, i));
    builder.split();
    builder.add(pixels(8192, 4));
    builder.close();
    Opened opened(path(), 8, 8192);
    std::filesystem::resize_file(path() + "/frames-000000.npy", 4096 + 2 * 8192 + 4096);
    const auto fetcher = opened.fetcher(settings());
    std::vector<FetchStatus> seen;
    std::vector<std::uint64_t> lost;
    for (unsigned i = 0; i < 5; ++i) {
        const FetchedFrame frame = fetcher->next();
        seen.push_back(frame.status);
        if (frame.status == FetchStatus::Lost) {
            EXPECT_EQ(frame.loss, FetchLoss::IoError);
            EXPECT_FALSE(frame.slab);
            lost.push_back(frame.index.sequence);
        }
    }
    EXPECT_EQ(lost, (std::vector<std::uint64_t>{2, 3}));
    EXPECT_EQ(seen.back(), FetchStatus::Frame);
    EXPECT_EQ(opened.pool->levels().held, 0u);
}

TEST_P(FetcherIo, AFrameThatIsTooLargeStopsBeforeIt)
{
    RecordingBuilder builder(path());
    builder.beginSeries(blobFormat());
    builder.add(pixels(1000, 0));
    builder.add(pixels(9000, 1));
    builder.close();
    Opened opened(path(), 4, 4096);
    const auto fetcher = opened.fetcher(settings());
    EXPECT_EQ(fetcher->next().status, FetchStatus::Frame);
    const FetchedFrame large = fetcher->next();
    EXPECT_EQ(large.status, FetchStatus::TooLarge);
    EXPECT_EQ(large.frame, 1u);
    EXPECT_EQ(large.index.length, 9000u);
}

TEST_P(FetcherIo, AFileThatARingGaveAwayIsReclaimed)
{
    RecordingBuilder builder(path());
    builder.beginSeries(greyFormat(64, 32));
    for (unsigned i = 0; i < 9; ++i) {
        builder.add(pixels(4096, i));
        if (i % 3 == 2 && i < 8)
            builder.split();
    }
    builder.commit();
    Opened opened(path(), 8, 4096);
    FetchSettings one = settings();
    one.depth = 1; // nothing is read ahead of the change
    const auto fetcher = opened.fetcher(one);
    EXPECT_EQ(bytesIn(fetcher->next()), pixels(4096, 0));
    builder.recycle(); // segment 0 has the files of segment 3 now
    for (unsigned i = 9; i < 12; ++i)
        builder.add(pixels(4096, i));
    builder.commit();
    const FetchedFrame frame = fetcher->next();
    EXPECT_EQ(frame.status, FetchStatus::Reclaimed);
    EXPECT_EQ(frame.frame, 1u);
    fetcher->stop();
    ASSERT_TRUE(opened.recording.refresh());
    const auto again = opened.recording.findSequence(1);
    ASSERT_TRUE(again);
    fetcher->setRange(*again, opened.recording.frames());
    for (unsigned i = 3; i < 12; ++i) {
        const FetchedFrame next = fetcher->next();
        ASSERT_EQ(next.status, FetchStatus::Frame) << i;
        EXPECT_EQ(next.index.sequence, i);
        EXPECT_EQ(bytesIn(next), pixels(4096, i));
    }
}

TEST_P(FetcherIo, AnImpossibleIndexEntryIsOneLoss)
{
    RecordingBuilder builder(path());
    builder.beginSeries(greyFormat(64, 32));
    for (unsigned i = 0; i < 4; ++i)
        builder.add(pixels(4096, i));
    builder.close();
    IndexRecord wrong;
    wrong.sequence = 2;
    wrong.block = 4'000'000;
    wrong.length = 4096;
    {
        std::fstream file(path() + "/index-000000.npy", std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(4096 + 2 * sizeof wrong);
        file.write(reinterpret_cast<const char *>(&wrong), sizeof wrong);
    }
    Opened opened(path(), 4, 4096);
    const auto fetcher = opened.fetcher(settings());
    EXPECT_EQ(fetcher->next().status, FetchStatus::Frame);
    EXPECT_EQ(fetcher->next().status, FetchStatus::Frame);
    const FetchedFrame lost = fetcher->next();
    EXPECT_EQ(lost.status, FetchStatus::Lost);
    EXPECT_EQ(lost.loss, FetchLoss::Corrupt);
    EXPECT_EQ(lost.index.sequence, 2u);
    EXPECT_EQ(fetcher->next().index.sequence, 3u);
}

TEST_P(FetcherIo, ManyImpossibleEntriesInARowAreALossEach)
{
    RecordingBuilder builder(path());
    builder.beginSeries(greyFormat(64, 32));
    for (unsigned number = 0; number < 20; ++number)
        builder.add(pixels(4096, number));
    builder.close();
    {
        std::fstream file(path() + "/index-000000.npy", std::ios::in | std::ios::out | std::ios::binary);
        const std::string nothing(11 * sizeof(IndexRecord), '\0'); // 3 to 13
        file.seekp(4096 + 3 * sizeof(IndexRecord));
        file.write(nothing.data(), std::streamsize(nothing.size()));
    }
    Opened opened(path(), 8, 4096);
    const auto fetcher = opened.fetcher(settings());
    for (unsigned number = 0; number < 20; ++number) {
        const FetchedFrame frame = fetcher->next();
        EXPECT_EQ(frame.frame, number);
        ASSERT_EQ(frame.status, number >= 3 && number < 14 ? FetchStatus::Lost : FetchStatus::Frame)
            << number;
        if (frame.status == FetchStatus::Frame) {
            EXPECT_EQ(bytesIn(frame), pixels(4096, number)) << number;
        }
    }
    EXPECT_EQ(fetcher->next().status, FetchStatus::End);
}

TEST_P(FetcherIo, ReadsTheIndexOfManyFramesAtOnce)
{
    constexpr unsigned frames = 200;
    RecordingBuilder builder(path());
    builder.beginSeries(greyFormat(64, 64));
    for (unsigned number = 0; number < frames; ++number) {
        if (number == 70)
            builder.split();
        builder.add(pixels(8192, number));
    }
    builder.close();
    Opened opened(path(), 8, 8192);
    const auto fetcher = opened.fetcher(settings());
    EXPECT_EQ(fetcher->next().index.sequence, 0u);
    // What is read by now may be lost on disk: it is not asked for again.
    std::filesystem::resize_file(path() + "/index-000000.npy", 4096 + 64 * 30);
    for (unsigned number = 1; number < 70; ++number) {
        const FetchedFrame frame = fetcher->next();
        ASSERT_EQ(frame.frame, number);
        ASSERT_EQ(frame.status, number < 64 ? FetchStatus::Frame : FetchStatus::Lost) << number;
    }
    for (unsigned number = 70; number < frames; ++number) {
        const FetchedFrame frame = fetcher->next();
        ASSERT_EQ(frame.status, FetchStatus::Frame) << number;
        EXPECT_EQ(bytesIn(frame), pixels(8192, number)) << number;
    }
    EXPECT_EQ(fetcher->next().status, FetchStatus::End);
}

TEST(Fetcher, ItsFilesMayBeRenamedOrRemovedUnderIt)
{
    const TempDir dir;
    const std::string path = dir.path() + "/recording";
    RecordingBuilder builder(path);
    builder.beginSeries(greyFormat(64, 32));
    for (unsigned i = 0; i < 4; ++i)
        builder.add(pixels(4096, i));
    builder.close();
    Opened opened(path, 4, 4096);
    const auto fetcher = opened.fetcher({});
    std::filesystem::remove(path + "/frames-000000.npy");
    for (unsigned i = 0; i < 4; ++i)
        EXPECT_EQ(bytesIn(fetcher->next()), pixels(4096, i));
}
