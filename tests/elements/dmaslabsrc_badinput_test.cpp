// SPDX-License-Identifier: LGPL-2.1-or-later
// dmaslabsrc and what cannot work: one error that names property, value and remedy, and the way back.
#include <algorithm>
#include <filesystem>

#include <unistd.h>

#include "../unit/capture_test_files.h"
#include "source_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

const std::string kSmall = "video/x-raw,format=GRAY8,width=8,height=6,framerate=30/1";

/** The errors that the source itself posted, without the base class's general one at the end. */
std::vector<std::string> ownErrors(SourceBench &bench)
{
    std::vector<std::string> errors = bench.texts(GST_MESSAGE_ERROR);
    const auto general = [](const std::string &text) {
        return text == "Internal data stream error." ||
               text.starts_with("GStreamer error: state change failed and some element failed to post");
    };
    if (!errors.empty() && general(errors.back()))
        errors.pop_back();
    return errors;
}

void expectParts(const std::string &text, const std::vector<std::string> &parts)
{
    for (const std::string &part : parts)
        EXPECT_NE(text.find(part), std::string::npos) << "\"" << part << "\" is not in: " << text;
}

void expectOneError(SourceBench &bench, const std::vector<std::string> &parts)
{
    const auto errors = ownErrors(bench);
    ASSERT_EQ(errors.size(), 1u) << (errors.empty() ? "no error" : errors.back());
    expectParts(errors[0], parts);
}

void set(SourceBench &bench, const char *property, const std::string &value)
{
    gst_util_set_object_arg(G_OBJECT(bench.element()), property, value.c_str());
}

/** After the error: down to NULL, and with the mistake corrected it runs. */
void expectRunsAgain(SourceBench &bench)
{
    EXPECT_EQ(gst_element_set_state(bench.element(), GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
    (void)bench.popAll(GST_MESSAGE_ANY);
    const std::size_t before = bench.arrivals().size();
    bench.play();
    bench.waitForFrames(before + 1);
    EXPECT_TRUE(ownErrors(bench).empty());
}

} // namespace

TEST(DmaSlabSrcBadInput, WithoutACameraOrALocationTheErrorNamesTheSyntheticCamera)
{
    SourceBench bench("pacing=off num-buffers=1", kSmall);
    bench.play();
    expectOneError(bench, {"location", "backend=test"});
    set(bench, "backend", "test");
    expectRunsAgain(bench);
}

TEST(DmaSlabSrcBadInput, FilesWithoutALocation)
{
    SourceBench bench("backend=files pacing=off num-buffers=1", kSmall);
    bench.play();
    expectOneError(bench, {"backend=files", "location="});
    set(bench, "backend", "test");
    expectRunsAgain(bench);
}

TEST(DmaSlabSrcBadInput, ALocationThatIsNotThere)
{
    const TempDir dir;
    SourceBench bench("pacing=off num-buffers=1 location=" + dir.path() + "/nowhere.npy", kSmall);
    bench.play();
    expectOneError(bench, {"location", dir.path() + "/nowhere.npy", "check the path"});
    set(bench, "location", dir.write("here.npy", npy2d(6, 8, 0, "|u1")));
    expectRunsAgain(bench);
}

TEST(DmaSlabSrcBadInput, ALocationThatMayNotBeRead)
{
    if (::geteuid() == 0)
        GTEST_SKIP() << "root may read everything";
    const TempDir dir;
    const std::string file = dir.write("secret.npy", npy2d(6, 8, 0, "|u1"));
    std::filesystem::permissions(file, std::filesystem::perms::none);
    SourceBench bench("pacing=off num-buffers=1 location=" + file, kSmall);
    bench.play();
    expectOneError(bench, {"location", file, "make it readable"});
    std::filesystem::permissions(file, std::filesystem::perms::owner_read);
    expectRunsAgain(bench);
}

TEST(DmaSlabSrcBadInput, ALocationThatIsNoFile)
{
    SourceBench bench("pacing=off num-buffers=1 location=/dev/null", kSmall);
    bench.play();
    expectOneError(bench, {"location", "/dev/null", "give a .npy file"});
    set(bench, "backend", "test");
    expectRunsAgain(bench);
}

TEST(DmaSlabSrcBadInput, AnEmptyDirectory)
{
    const TempDir dir;
    SourceBench bench("pacing=off num-buffers=1 location=" + dir.path(), kSmall);
    bench.play();
    expectOneError(bench, {"location", dir.path(), "put frames there"});
    (void)dir.write("one.npy", npy2d(6, 8, 0, "|u1"));
    expectRunsAgain(bench);
}

TEST(DmaSlabSrcBadInput, AFileOfNothingUsable)
{
    const TempDir dir;
    const std::string hostile[] = {
        dir.write("cut.npy", npyHeader(npyDict("<u2", "(600, 800)")) + "short"),
        dir.write("fortran.npy", npyHeader(npyDict("|u1", "(6, 8)", "True")) + pixels(48)),
        dir.write("object.npy", npyHeader(npyDict("|O", "(6, 8)")) + pixels(384)),
        dir.write("text.npy", "this is no array"),
        dir.write("five.npy", npyHeader(npyDict("|u1", "(1, 1, 6, 8, 1)")) + pixels(48)),
    };
    for (const std::string &file : hostile) {
        SourceBench bench("pacing=off num-buffers=1 location=" + file, "ANY");
        bench.play();
        expectOneError(bench, {"location", file});
        set(bench, "backend", "test");
        expectRunsAgain(bench);
    }
}

TEST(DmaSlabSrcBadInput, MixedSizesInADirectory)
{
    const TempDir dir;
    (void)dir.write("a.npy", npy2d(6, 8, 0, "|u1"));
    const std::string odd = dir.write("b.npy", npy2d(7, 8, 0, "|u1"));
    SourceBench bench("pacing=off num-buffers=1 location=" + dir.path(), kSmall);
    bench.play();
    expectOneError(bench, {"location", odd, "8x7", "8x6", "one directory per size"});
    std::filesystem::remove(odd);
    expectRunsAgain(bench);
}

TEST(DmaSlabSrcBadInput, CapsThatDoNotFitTheFile)
{
    const TempDir dir;
    const std::string file = dir.write("a.npy", npy2d(6, 8, 0, "|u1"));
    SourceBench bench("pacing=off num-buffers=1 location=" + file,
                      "video/x-raw,format=GRAY8,width=64,height=48,framerate=30/1");
    bench.play();
    bench.waitForLog("eos");
    expectOneError(bench, {"location", file, "48 bytes", "3072 bytes", "set width, height and format"});
    bench.renegotiate(kSmall);
    expectRunsAgain(bench);
}

TEST(DmaSlabSrcBadInput, CapsThatDoNotFitARawFile)
{
    const TempDir dir;
    const std::string file = dir.write("a.raw", pixels(100));
    SourceBench bench("pacing=off num-buffers=1 location=" + file, kSmall);
    bench.play();
    bench.waitForLog("eos");
    expectOneError(bench, {"location", file, "100 bytes", "48 bytes"});
    (void)dir.write("a.raw", pixels(96));
    expectRunsAgain(bench);
}

TEST(DmaSlabSrcBadInput, ARawFileWhoseFramesNobodyDescribes)
{
    const TempDir dir;
    SourceBench bench("pacing=off location=" + dir.write("frames.raw", pixels(640 * 480 * 2, 0)),
                      "video/x-raw,framerate=30/1");
    bench.play();
    bench.waitForLog("eos");
    expectOneError(bench, {"location=", "frames.raw", "format, width and height"});
}

TEST(DmaSlabSrcBadInput, OneSlab)
{
    SourceBench bench("backend=test pacing=off num-buffers=1 slabs=1", kSmall);
    bench.play();
    expectOneError(bench, {"slabs=1", "slabs=2"});
    set(bench, "slabs", "2");
    expectRunsAgain(bench);
}

TEST(DmaSlabSrcBadInput, DeadlinesWithoutAFramerate)
{
    SourceBench bench("backend=test num-buffers=1",
                      "video/x-raw,format=GRAY8,width=8,height=6,framerate=0/1");
    bench.play();
    bench.waitForLog("eos");
    expectOneError(bench, {"framerate", "0/1", "pacing=off"});
    EXPECT_EQ(gst_element_set_state(bench.element(), GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
    set(bench, "pacing", "off");
    expectRunsAgain(bench);
}

TEST(DmaSlabSrcBadInput, MoreSlabsThanMemory)
{
    SourceBench bench("backend=test pacing=off num-buffers=1 slabs=30000",
                      "video/x-raw,format=ARGB64,width=7680,height=4320,framerate=30/1");
    bench.play();
    bench.waitForLog("eos");
    expectOneError(bench, {"slabs", "30000"});
    EXPECT_EQ(gst_element_set_state(bench.element(), GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
    set(bench, "slabs", "2");
    bench.renegotiate(kSmall);
    expectRunsAgain(bench);
}

TEST(DmaSlabSrcBadInput, MoreSlabsThanMemoryByALongLatency)
{
    SourceBench bench("backend=test pacing=off num-buffers=1 max-latency=1000000000000",
                      "video/x-raw,format=ARGB64,width=7680,height=4320,framerate=30/1");
    bench.play();
    bench.waitForLog("eos");
    expectOneError(bench, {"slabs"});
}

TEST(DmaSlabSrcBadInput, ACpuThatDoesNotExist)
{
    SourceBench bench("backend=test pacing=off num-buffers=1 cpu=4095", kSmall);
    EXPECT_EQ(gst_element_set_state(bench.element(), GST_STATE_READY), GST_STATE_CHANGE_FAILURE);
    expectOneError(bench, {"cpu=4095", "available are", "-1"});
    set(bench, "cpu", "-1");
    expectRunsAgain(bench);
}

TEST(DmaSlabSrcBadInput, ANumaNodeThatDoesNotExist)
{
    SourceBench bench("backend=test pacing=off num-buffers=1 numa-node=999", kSmall);
    bench.play();
    bench.waitForLog("eos");
    expectOneError(bench, {"numa-node", "999", "-1"});
    EXPECT_EQ(gst_element_set_state(bench.element(), GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
    set(bench, "numa-node", "-1");
    expectRunsAgain(bench);
}

TEST(DmaSlabSrcBadInput, MemoryThatIsNotThereIsReplacedWithAWarning)
{
    const struct
    {
        const char *kind, *device;
    } kinds[] = {{"udmabuf", "/dev/udmabuf"}, {"dma-heap", "/dev/dma_heap/system"}};
    int tried = 0;
    for (const auto &kind : kinds) {
        if (std::filesystem::exists(kind.device))
            continue;
        ++tried;
        SourceBench bench(std::string("backend=test pacing=off num-buffers=1 memory=") + kind.kind, kSmall);
        bench.play();
        bench.waitForLog("eos");
        EXPECT_TRUE(ownErrors(bench).empty());
        const auto warnings = bench.texts(GST_MESSAGE_WARNING);
        ASSERT_FALSE(warnings.empty()) << kind.kind;
        expectParts(warnings[0], {kind.device});
        EXPECT_EQ(std::count(warnings.begin(), warnings.end(), warnings[0]), 1) << "said once";
        EXPECT_STREQ(gst_structure_get_string(bench.stats().get(), "memory"), "memfd");
    }
    if (tried == 0)
        GTEST_SKIP() << "this machine has every kind of memory";
}

TEST(DmaSlabSrcBadInput, HugepagesThatAreNotThereAreReplacedWithAWarning)
{
    SourceBench bench("backend=test pacing=off num-buffers=1 memory=hugetlb",
                      "video/x-raw,format=GRAY8,width=64,height=64,framerate=30/1");
    bench.play();
    bench.waitForLog("eos");
    if (std::string(gst_structure_get_string(bench.stats().get(), "memory")) == "hugetlb")
        GTEST_SKIP() << "this machine has hugepages";
    EXPECT_TRUE(ownErrors(bench).empty());
    const auto warnings = bench.texts(GST_MESSAGE_WARNING);
    ASSERT_FALSE(warnings.empty());
    expectParts(warnings[0], {"nr_hugepages"});
    EXPECT_EQ(std::count(warnings.begin(), warnings.end(), warnings[0]), 1) << "said once";
}

TEST(DmaSlabSrcBadInput, ChangesWhilePlayingAreRefusedWithAWarningThatNamesTheProperty)
{
    SourceBench bench("backend=test", kSmall);
    bench.play();
    bench.waitForFrames(1);
    (void)bench.texts(GST_MESSAGE_WARNING);
    const std::pair<const char *, const char *> changes[] = {
        {"backend", "files"},      {"location", "/tmp"}, {"memory", "memfd"},  {"slabs", "99"},
        {"max-latency", "1"},      {"reuse", "fifo"},    {"pacing", "off"},    {"on-overrun", "burst"},
        {"on-starvation", "wait"}, {"loop", "true"},     {"pattern", "noise"}, {"spin", "0"},
        {"numa-node", "0"},        {"cpu", "0"},         {"rt-priority", "1"},
    };
    for (const auto &[name, value] : changes) {
        GParamSpec *spec = g_object_class_find_property(G_OBJECT_GET_CLASS(bench.element()), name);
        GValue before = G_VALUE_INIT, after = G_VALUE_INIT;
        g_value_init(&before, spec->value_type);
        g_value_init(&after, spec->value_type);
        g_object_get_property(G_OBJECT(bench.element()), name, &before);
        set(bench, name, value);
        g_object_get_property(G_OBJECT(bench.element()), name, &after);
        EXPECT_EQ(g_param_values_cmp(spec, &before, &after), 0) << name;
        const auto warnings = bench.texts(GST_MESSAGE_WARNING);
        ASSERT_EQ(warnings.size(), 1u) << name;
        expectParts(warnings[0], {std::string(name) + "=", "is refused", "NULL or READY"});
        g_value_unset(&before);
        g_value_unset(&after);
    }
    bench.tick(3);
    bench.waitForFrames(4);
}

TEST(DmaSlabSrcBadInput, CapsThatNobodyUnderstandsEndTheStreamOnly)
{
    SourceBench bench("backend=test pacing=off num-buffers=1",
                      "application/x-ndarray,dtype=(string)\"<q9\",shape=(string)\"2\"");
    bench.play();
    bench.waitForLog("eos");
    expectOneError(bench, {"<q9", "dtype="});
    bench.renegotiate(kSmall);
    expectRunsAgain(bench);
}
