// SPDX-License-Identifier: LGPL-2.1-or-later
// Two archives share frames that verify themselves, from a pool that runs dry: a frame that is held does not
// change, and what is not in a recording is named in it.
#include <algorithm>
#include <numeric>

#include "../unit/soak.h"
#include "archive_bench.h"
#include "dmaslab/capture/stamp.h"
#include "pipeline_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;
using Numbers = std::vector<std::uint64_t>;

namespace {

constexpr guint64 slabCount = 4;

/** One of the two: which frames it takes, and how it stores them. */
struct Branch
{
    const char *name;
    guint nth, phase;
    const char *layout;
    const char *io;
};

struct Beside
{
    const char *name;
    const char *onStarvation;
    const char *reuse;
    const char *size;
    Branch first, second;
};

std::string lineOf(const Branch &branch, const TemporaryDirectory &directory)
{
    return "t. ! slabqueue max-size-buffers=8 ! uringarchive on-full=wait name=" + std::string(branch.name) +
           " every-nth=" + std::to_string(branch.nth) + " nth-phase=" + std::to_string(branch.phase) +
           " layout=" + branch.layout + " io=" + branch.io + " location=" + directory.path(branch.name) + " ";
}

/** Every delivered frame that the branch wants is there, is whole and is the one that its number says. */
void expectFrames(const Recorded &recorded, const Branch &branch, const std::vector<guint64> &delivered)
{
    Numbers expected;
    std::copy_if(delivered.begin(), delivered.end(), std::back_inserter(expected),
                 [&branch](guint64 sequence) { return sequence % branch.nth == branch.phase; });
    EXPECT_EQ(recorded.sequences(), expected) << branch.name;
    guint64 wrong = 0, misnumbered = 0;
    for (std::size_t i = 0; i < recorded.frames.size(); ++i) {
        const StampCheck check = verifyStamp(recorded.frames[i]);
        wrong += check.status != StampStatus::Ok;
        misnumbered += check.sequence != recorded.index[i].sequence;
    }
    EXPECT_EQ(wrong, 0u) << branch.name << ": frames with bytes of another one";
    EXPECT_EQ(misnumbered, 0u) << branch.name;
}

/** The recording names each frame that the source lost, once. */
void expectLosses(const Recorded &recorded, const Branch &branch, const std::vector<Loss> &lost)
{
    Numbers named, expected;
    const auto add = [](Numbers &numbers, std::uint64_t first, std::uint64_t last) {
        for (; first <= last; ++first)
            numbers.push_back(first);
    };
    for (const LossRecord &loss : recorded.losses) {
        EXPECT_EQ(loss.reasonText(), "starved") << branch.name;
        EXPECT_EQ(loss.elementText(), "src") << branch.name;
        EXPECT_EQ(loss.count, loss.last - loss.first + 1) << branch.name;
        add(named, loss.first, loss.last);
    }
    for (const Loss &loss : lost)
        add(expected, loss.first, loss.last);
    EXPECT_EQ(named, expected) << branch.name;
    const auto before =
        std::accumulate(recorded.index.begin(), recorded.index.end(), guint64{0},
                        [](guint64 sum, const IndexRecord &record) { return sum + record.dropsBefore; });
    EXPECT_LE(before, named.size()) << branch.name;
    // The stream ends with a frame, so every loss is before one.
    EXPECT_TRUE(branch.nth != 1 || before == named.size()) << branch.name << ": " << before;
}

void expectCounts(const Pipeline &pipeline, const Branch &branch, const Recorded &recorded)
{
    const auto stat = [&](const char *field) { return pipeline.stat(branch.name, field); };
    EXPECT_EQ(stat("frames-archived"), recorded.frames.size()) << branch.name;
    EXPECT_EQ(stat("frames-in") + stat("skipped"), pipeline.stat("src", "frames-out")) << branch.name;
    EXPECT_EQ(stat("gaps"), pipeline.stat("src", "dropped")) << branch.name;
    EXPECT_EQ(stat("dropped"), 0u) << branch.name;
    expectConservation(pipeline, branch.name);
}

class TwoArchives : public testing::TestWithParam<Beside>
{
};

} // namespace

TEST_P(TwoArchives, EachHoldsTheFramesAsTheyWereCaptured)
{
    const Beside &beside = GetParam();
    const bool drops = std::string(beside.onStarvation) == "drop";
    const guint64 frames = soakCount(300, 5'000);
    TemporaryDirectory directory;
    Pipeline pipeline(
        "dmaslabsrc name=src backend=test pattern=counter pacing=off slabs=" + std::to_string(slabCount) +
        " on-starvation=" + beside.onStarvation + " reuse=" + beside.reuse +
        " num-buffers=" + std::to_string(frames) + " ! video/x-raw,format=AYUV,framerate=1000/1," +
        beside.size + " ! tee name=t " + lineOf(beside.first, directory) + lineOf(beside.second, directory));
    guint64 seen = 0, dry = 0;
    // Now and then a branch stands still until the source has no slab left.
    PadWatch stalled(pipeline, beside.first.name, "sink", [&](GstBuffer *) {
        if (seen++ % 50 != 0 || seen + 2 * slabCount > frames)
            return;
        const guint64 dropped = pipeline.stat("src", "dropped-starved");
        dry += Pipeline::waitUntil([&] {
            return drops ? pipeline.stat("src", "dropped-starved") > dropped + 2
                         : pipeline.stat("src", "slabs-free") == 0;
        });
    });
    PadWatch made(pipeline, "src", "src");
    pipeline.runToEnd(soakCount(60, 1800) * GST_SECOND);

    EXPECT_GE(dry, frames / 50) << "the pool did not run dry";
    EXPECT_EQ(pipeline.stat("src", "slabs-low"), 0u);
    EXPECT_EQ(pipeline.stat("src", "frames-out"), frames);
    EXPECT_EQ(pipeline.stat("src", "dropped") > 0, drops);
    EXPECT_EQ(pipeline.stat("src", "bytes-copied"), 0u);
    made.expectEveryFrameOrItsLoss(pipeline.stat("src", "frames-in"));
    EXPECT_EQ(made.wrong(), 0u);
    for (const Branch &branch : {beside.first, beside.second}) {
        const Recorded recorded(directory.path(branch.name));
        expectFrames(recorded, branch, made.sequences());
        expectLosses(recorded, branch, made.losses());
        expectCounts(pipeline, branch, recorded);
    }
    expectAllHome(pipeline);
}

INSTANTIATE_TEST_SUITE_P(, TwoArchives,
                         testing::Values(Beside{"WaitPlainAndRecord",
                                                "wait",
                                                "lifo",
                                                "width=32,height=32",
                                                {"every", 1, 0, "plain", "auto"},
                                                {"third", 3, 1, "record", "pwrite"}},
                                         Beside{"DropPlainAndBlob",
                                                "drop",
                                                "lifo",
                                                "width=32,height=32",
                                                {"every", 1, 0, "plain", "auto"},
                                                {"fifth", 5, 2, "blob", "auto"}},
                                         Beside{"WaitRowsAndBlob",
                                                "wait",
                                                "fifo",
                                                "width=30,height=30",
                                                {"second", 2, 1, "rows", "pwrite"},
                                                {"every", 1, 0, "blob", "auto"}},
                                         Beside{"DropRecordAndRows",
                                                "drop",
                                                "fifo",
                                                "width=30,height=30",
                                                {"third", 3, 0, "record", "auto"},
                                                {"every", 1, 0, "rows", "pwrite"}}),
                         [](const auto &each) { return std::string(each.param.name); });
