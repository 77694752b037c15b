// SPDX-License-Identifier: LGPL-2.1-or-later
// uringarchivesrc: the losses of the recording in their places, and its own beside them.
#include <filesystem>

#include "common/loss_ledger.h"
#include "replay_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

using Story = std::vector<std::string>;

class ReplayLosses : public testing::Test
{
protected:
    std::string path() const { return dir_.path() + "/recording"; }
    RecordingBuilder &begin(std::uint32_t everyNth = 1)
    {
        builder_.emplace(path(), everyNth);
        builder_->beginSeries(greyFormat(64, 64));
        return *builder_;
    }
    void add(std::uint64_t sequence, std::uint16_t flags = 0, bool wrongHash = false)
    {
        builder_->add(pixels(kGreyBytes, unsigned(sequence)),
                      {.sequence = sequence, .flags = flags, .wrongHash = wrongHash});
    }
    Story play(const std::string &properties = "")
    {
        ReplayBench bench(path(), properties);
        bench.play();
        bench.waitForLog("eos");
        bench.stop();
        bench.expectConservation();
        dropped_ = bench.stat("dropped");
        errors_ = bench.stat("io-errors");
        return bench.story();
    }

    TempDir dir_;
    std::optional<RecordingBuilder> builder_;
    guint64 dropped_ = 0, errors_ = 0;
};

} // namespace

TEST_F(ReplayLosses, EachComesBeforeTheFrameBehindItAndTheLastBeforeTheEnd)
{
    RecordingBuilder &builder = begin();
    builder.lose(0, 1, 2, "starved", "camera");
    add(2);
    add(3);
    add(7, kFrameDiscont);
    builder.lose(4, 4, 1, "queue", "branch");
    builder.lose(5, 6, 2, "starved", "camera");
    builder.lose(8, 9, 2, "full", "archive");
    builder.close();
    EXPECT_EQ(play(), (Story{"loss 0-1 starved", "b2!", "b3", "loss 4-4 queue", "loss 5-6 starved", "b7!",
                             "loss 8-9 full", "eos"}));
    EXPECT_EQ(dropped_, 0u) << "they were lost long ago";
}

TEST_F(ReplayLosses, EveryFieldComesBack)
{
    RecordingBuilder &builder = begin();
    add(0);
    builder.lose(10, 20, 3, "slow-consumer", "somebody", LossKind::Loss, 4711);
    builder.lose(21, 29, 8, "", "rate", LossKind::Skip, 4712);
    builder.lose(31, 31, 1, "gremlins", "a newer version");
    add(40);
    builder.close();
    ReplayBench bench(path());
    std::vector<Loss> losses;
    std::vector<Skip> skips;
    std::vector<std::string> reasons;
    struct Seen
    {
        std::vector<Loss> &losses;
        std::vector<Skip> &skips;
        std::vector<std::string> &reasons;
    } seen{losses, skips, reasons};
    gst_pad_add_probe(
        bench.pad(), GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
        [](GstPad *, GstPadProbeInfo *info, gpointer user) {
            auto &all = *static_cast<Seen *>(user);
            GstEvent *event = GST_PAD_PROBE_INFO_EVENT(info);
            if (const auto loss = parseLossEvent(event))
                all.losses.push_back(*loss);
            if (const auto skip = parseSkipEvent(event))
                all.skips.push_back(*skip);
            if (gst_event_has_name(event, lossEventName))
                all.reasons.push_back(gst_structure_get_string(gst_event_get_structure(event), "reason"));
            return GST_PAD_PROBE_OK;
        },
        &seen, nullptr);
    bench.play();
    bench.waitForLog("eos");
    bench.stop();
    ASSERT_EQ(losses.size(), 1u);
    EXPECT_EQ(losses[0].first, 10u);
    EXPECT_EQ(losses[0].last, 20u);
    EXPECT_EQ(losses[0].count, 3u);
    EXPECT_EQ(losses[0].time, 4711u);
    EXPECT_EQ(losses[0].reason, LossReason::SlowConsumer);
    EXPECT_EQ(losses[0].element, "somebody");
    ASSERT_EQ(skips.size(), 1u);
    EXPECT_EQ(skips[0].count, 8u);
    EXPECT_EQ(skips[0].element, "rate");
    EXPECT_EQ(reasons, (Story{"slow-consumer", "gremlins"})) << "a reason we do not know stays as it is";
}

TEST_F(ReplayLosses, NumbersThatTheArchiveLeftOutAreNoLoss)
{
    RecordingBuilder &builder = begin(5);
    for (unsigned i = 0; i < 20; i += 5)
        add(i);
    builder.close();
    EXPECT_EQ(play(), (Story{"b0!", "b5", "b10", "b15", "eos"}));
    EXPECT_EQ(dropped_, 0u);
}

TEST_F(ReplayLosses, AFrameThatWasNeverWrittenIsALossOfTheRecordingOnly)
{
    RecordingBuilder &builder = begin();
    add(0);
    add(1, kFrameBad);
    builder.lose(1, 1, 1, "io-error", "archive");
    add(2, kFrameDiscont);
    builder.close();
    EXPECT_EQ(play("verify=true"), (Story{"b0!", "loss 1-1 io-error", "b2!", "eos"}));
    EXPECT_EQ(dropped_, 0u);
}

TEST_F(ReplayLosses, WhatIsNotWhatWasRecordedIsOurs)
{
    RecordingBuilder &builder = begin();
    add(0);
    add(1, 0, true);
    add(2, 0, true);
    add(4);
    builder.lose(3, 3, 1, "queue", "branch");
    builder.close();
    EXPECT_EQ(play("verify=true"), (Story{"b0!", "loss 1-2 corrupt", "loss 3-3 queue", "b4!", "eos"}));
    EXPECT_EQ(dropped_, 2u);
    EXPECT_EQ(play("verify=false"), (Story{"b0!", "b1", "b2", "loss 3-3 queue", "b4", "eos"}));
}

TEST_F(ReplayLosses, WhatCannotBeReadIsOurs)
{
    RecordingBuilder &builder = begin();
    for (unsigned i = 0; i < 4; ++i)
        add(i);
    builder.split();
    add(4);
    builder.close();
    ReplayBench bench(path(), "slabs=2 queue-depth=1");
    bench.keep(true);
    bench.play();
    bench.waitForFrames(1);
    std::filesystem::resize_file(path() + "/frames-000000.npy", 4096 + 3 * kGreyBytes);
    bench.keep(false);
    bench.release();
    bench.waitForLog("eos");
    bench.stop();
    bench.expectConservation();
    EXPECT_EQ(bench.story(), (Story{"b0!", "b1", "b2", "loss 3-3 io-error", "b4!", "eos"}));
    EXPECT_EQ(bench.stat("io-errors"), 1u);
}

TEST_F(ReplayLosses, AMissingFileIsOneLossInItsPlaceAndAWarning)
{
    RecordingBuilder &builder = begin(2);
    for (unsigned i = 0; i < 12; i += 2) {
        if (i == 4 || i == 8)
            builder.split();
        add(i);
    }
    builder.close();
    std::filesystem::remove(path() + "/frames-000001.npy");
    EXPECT_EQ(play(), (Story{"b0!", "b2", "loss 4-6 io-error", "b8", "b10", "eos"}));
    EXPECT_EQ(dropped_, 2u);
    EXPECT_EQ(errors_, 1u);
    ReplayBench bench(path());
    bench.play();
    bench.waitForLog("eos");
    bench.stop();
    bool named = false;
    for (const std::string &text : bench.texts(GST_MESSAGE_WARNING))
        named = named || text.find("frames-000001.npy") != text.npos;
    EXPECT_TRUE(named);
}

TEST_F(ReplayLosses, ARecordingThatLostEverythingSaysSo)
{
    RecordingBuilder &builder = begin();
    builder.lose(0, 99, 100, "starved", "camera");
    builder.commit();
    builder.close();
    EXPECT_EQ(play(), (Story{"loss 0-99 starved", "eos"}));
}
