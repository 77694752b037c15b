// SPDX-License-Identifier: LGPL-2.1-or-later
// uringarchivesrc: recordings that are being written while they are played.
#include "replay_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

using Story = std::vector<std::string>;

class Follow : public testing::Test
{
protected:
    void SetUp() override
    {
        builder_.emplace(path());
        builder_->beginSeries(greyFormat(64, 64));
    }
    std::string path() const { return dir_.path() + "/recording"; }
    void add(unsigned frames)
    {
        for (unsigned i = 0; i < frames; ++i)
            builder_->add(pixels(kGreyBytes, next_++));
    }
    static Story lines(unsigned first, unsigned last)
    {
        Story story = bufferLines(first, last);
        story.push_back("eos");
        return story;
    }

    TempDir dir_;
    std::optional<RecordingBuilder> builder_;
    unsigned next_ = 0;
};

} // namespace

TEST_F(Follow, GoesOnUntilTheRecordingIsClosed)
{
    add(3);
    builder_->commit();
    ReplayBench bench(path(), "follow=true");
    bench.play();
    bench.waitForFrames(3);
    for (unsigned round = 0; round < 4; ++round) {
        if (round == 2)
            builder_->split();
        add(5);
        builder_->commit();
        bench.waitForFrames(next_);
    }
    EXPECT_EQ(bench.times("eos"), 0u);
    gint64 frames = 0;
    ASSERT_TRUE(gst_element_query_duration(bench.element(), GST_FORMAT_DEFAULT, &frames));
    EXPECT_EQ(frames, next_);
    add(2);
    builder_->close();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.story(), lines(0, next_ - 1));
    const auto played = bench.frames();
    for (unsigned i = 0; i < played.size(); ++i)
        EXPECT_EQ(played[i].bytes, pixels(kGreyBytes, i)) << i;
    bench.stop();
    EXPECT_TRUE(bench.texts(GST_MESSAGE_ERROR).empty());
}

TEST_F(Follow, WaitsForTheFirstFrameAndItsCaps)
{
    builder_->commit();
    ReplayBench bench(path(), "follow=true");
    bench.play();
    builder_->commit();
    add(1);
    builder_->commit();
    bench.waitForFrames(1);
    EXPECT_EQ(bench.currentCaps(), greyFormat(64, 64).caps);
    builder_->close();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.story(), lines(0, 0));
}

TEST_F(Follow, WaitsForAManifestThatComesWithTheFirstSegment)
{
    ReplayBench bench(path(), "follow=true");
    bench.play();
    gint64 frames = -1;
    EXPECT_TRUE(gst_element_query_duration(bench.element(), GST_FORMAT_DEFAULT, &frames));
    EXPECT_EQ(frames, 0);
    add(2);
    builder_->commit();
    bench.waitForFrames(2);
    builder_->close();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.story(), lines(0, 1));
    EXPECT_EQ(bench.currentCaps(), greyFormat(64, 64).caps);
    bench.stop();
    EXPECT_TRUE(bench.texts(GST_MESSAGE_ERROR).empty());
}

TEST_F(Follow, WithoutAManifestAndAWriterThereIsNothingToWaitFor)
{
    {
        ReplayBench bench(path());
        bench.play();
        EXPECT_NE(textOf(bench.pop(GST_MESSAGE_ERROR).get()).find("is being begun"), std::string::npos);
    }
    ReplayBench bench(path(), "follow=true");
    bench.play();
    builder_->abandon();
    EXPECT_NE(textOf(bench.pop(GST_MESSAGE_ERROR).get()).find("its writer has ended"), std::string::npos);
    bench.stop();
    ReplayBench late(path(), "follow=true");
    late.play();
    EXPECT_NE(textOf(late.pop(GST_MESSAGE_ERROR).get()).find("no manifest.json"), std::string::npos);
}

TEST_F(Follow, AWaitForTheManifestEndsWithTheElement)
{
    ReplayBench bench(path(), "follow=true");
    bench.play();
    bench.stop();
    EXPECT_TRUE(bench.texts(GST_MESSAGE_ERROR).empty());
}

TEST_F(Follow, TakesOverANewSeriesAndLongerFrames)
{
    add(2);
    builder_->commit();
    ReplayBench bench(path(), "follow=true");
    bench.play();
    bench.waitForFrames(2);
    builder_->beginSeries(blobFormat());
    builder_->add(pixels(100));
    builder_->commit();
    bench.waitForFrames(3);
    EXPECT_EQ(bench.currentCaps(), blobFormat().caps);
    builder_->add(pixels(300'000));
    builder_->commit();
    bench.waitForFrames(4);
    builder_->close();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.frames().back().bytes, pixels(300'000));
    EXPECT_EQ(bench.times("caps"), 2u);
}

TEST_F(Follow, LossesComeWithTheFramesBehindThem)
{
    add(2);
    builder_->commit();
    ReplayBench bench(path(), "follow=true");
    bench.play();
    bench.waitForFrames(2);
    builder_->lose(2, 4, 3, "queue", "branch");
    builder_->add(pixels(kGreyBytes), {.sequence = 5});
    builder_->commit();
    bench.waitForFrames(3);
    builder_->lose(6, 6, 1, "full", "archive");
    builder_->close();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.story(), (Story{"b0!", "b1", "loss 2-4 queue", "b5", "loss 6-6 full", "eos"}));
}

TEST_F(Follow, FramesThatTheRingGaveUpAreReclaimed)
{
    for (unsigned segment = 0; segment < 3; ++segment) {
        add(4);
        builder_->split();
    }
    builder_->commit();
    ReplayBench bench(path(), "follow=true slabs=2 queue-depth=1");
    bench.keep(true);
    bench.play();
    bench.waitForFrames(2);
    builder_->recycle(); // takes 0 to 3
    builder_->recycle(); // takes 4 to 7
    add(2);
    builder_->close();
    bench.keep(false);
    bench.release();
    bench.waitForLog("eos");
    bench.stop();
    bench.expectConservation();
    EXPECT_EQ(bench.story(),
              (Story{"b0!", "b1", "loss 2-7 reclaimed", "b8!", "b9", "b10", "b11", "b12", "b13", "eos"}));
    EXPECT_EQ(bench.stat("dropped-reclaimed"), 6u);
    const auto played = bench.frames();
    for (const auto &frame : played)
        EXPECT_EQ(frame.bytes, pixels(kGreyBytes, unsigned(frame.sequence))) << frame.sequence;
}

TEST_F(Follow, EndsWithAWarningWhenTheWriterIsGone)
{
    add(3);
    builder_->commit();
    ReplayBench bench(path(), "follow=true");
    bench.play();
    bench.waitForFrames(3);
    builder_->abandon();
    bench.waitForLog("eos");
    bench.stop();
    bool named = false;
    for (const std::string &text : bench.texts(GST_MESSAGE_WARNING))
        named = named || text.find("dmaslab-archive recover") != text.npos;
    EXPECT_TRUE(named);
}

TEST_F(Follow, WithoutItTheEndIsWhatWasThere)
{
    add(3);
    builder_->commit();
    ReplayBench bench(path());
    bench.play();
    bench.waitForLog("eos");
    EXPECT_EQ(bench.story(), lines(0, 2));
}

TEST_F(Follow, AWaitEndsWithTheElementAndWithASeek)
{
    add(3);
    builder_->commit();
    ReplayBench bench(path(), "follow=true");
    bench.play();
    bench.waitForFrames(3);
    ASSERT_TRUE(bench.seek(GST_FORMAT_DEFAULT, 1));
    bench.waitForFrames(5);
    bench.stop();
    EXPECT_EQ(bench.storyAfterFlush(), bufferLines(1, 2));
    bench.expectConservation();
}
