// SPDX-License-Identifier: LGPL-2.1-or-later
// What the properties promise, and what is said before the first frame when it cannot be kept.
#include <fstream>

#include "archive_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

/** One error, before any frame, with this in it; and whatever was there is untouched. */
void expectRefusal(ArchiveBench &bench, const std::string &what)
{
    EXPECT_EQ(bench.setState(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    const auto errors = bench.texts(GST_MESSAGE_ERROR);
    ASSERT_EQ(errors.size(), 1u);
    EXPECT_NE(errors[0].find(what), std::string::npos) << errors[0];
}

void setLocation(ArchiveBench &bench, const std::string &location)
{
    g_object_set(bench.element(), "location", location.c_str(), nullptr);
}

} // namespace

TEST(UringArchiveProperties, AnArchiveNeitherWaitsForTheClockNorKeepsTheLastFrame)
{
    ArchiveBench bench;
    gboolean sync = TRUE, qos = TRUE, last = TRUE, async = FALSE;
    guint64 deadline = 1;
    g_object_get(bench.element(), "sync", &sync, "qos", &qos, "enable-last-sample", &last, "async", &async,
                 "processing-deadline", &deadline, nullptr);
    EXPECT_FALSE(sync);
    EXPECT_FALSE(qos);
    EXPECT_FALSE(last);
    EXPECT_TRUE(async);
    EXPECT_EQ(deadline, 0u);
}

TEST(UringArchiveProperties, TheStatsPropertyExplainsEveryFieldOfItsStructure)
{
    ArchiveBench bench;
    GParamSpec *spec = g_object_class_find_property(G_OBJECT_GET_CLASS(bench.element()), "stats");
    const std::string blurb = g_param_spec_get_blurb(spec);
    GstStructure *raw = nullptr;
    g_object_get(bench.element(), "stats", &raw, nullptr);
    const StructurePtr stats(raw);
    for (gint i = 0; i < gst_structure_n_fields(stats.get()); ++i) {
        const std::string field = gst_structure_nth_field_name(stats.get(), guint(i));
        EXPECT_NE(blurb.find(field.starts_with("dropped-") ? "dropped-<reason>" : field), std::string::npos)
            << field;
    }
}

TEST(UringArchiveProperties, WhatNeedsARestartIsRefusedWhilePlaying)
{
    ArchiveBench bench;
    bench.start();
    g_object_set(bench.element(), "every-nth", 3u, nullptr);
    guint everyNth = 0;
    g_object_get(bench.element(), "every-nth", &everyNth, nullptr);
    EXPECT_EQ(everyNth, 1u);
    const auto warnings = bench.texts(GST_MESSAGE_WARNING);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("every-nth=3 is refused"), std::string::npos) << warnings[0];
}

TEST(UringArchiveProperties, NoLocationIsAnErrorThatSaysWhatToSet)
{
    ArchiveBench bench;
    g_object_set(bench.element(), "location", nullptr, nullptr);
    expectRefusal(bench, "Set location=DIRECTORY");
}

TEST(UringArchiveProperties, AMissingParentIsAnErrorBeforeTheFirstFrame)
{
    ArchiveBench bench;
    setLocation(bench, bench.directory().path("missing/rec"));
    expectRefusal(bench, "create its parent directory first");
}

TEST(UringArchiveProperties, AFileInTheWayIsAnErrorBeforeTheFirstFrame)
{
    ArchiveBench bench;
    std::ofstream(bench.location()) << "mine";
    expectRefusal(bench, "is a file");
    std::string text;
    std::ifstream(bench.location()) >> text;
    EXPECT_EQ(text, "mine");
}

TEST(UringArchiveProperties, AFileAsParentIsAnErrorBeforeTheFirstFrame)
{
    ArchiveBench bench;
    std::ofstream(bench.location()) << "mine";
    setLocation(bench, bench.location("/rec"));
    expectRefusal(bench, "create its parent directory first");
}

TEST(UringArchiveProperties, AnExistingRecordingIsNeverWrittenInto)
{
    ArchiveBench bench;
    bench.start();
    bench.pushAll(0, 3);
    bench.stop();
    const std::string before = bench.recorded().manifest;
    expectRefusal(bench, "never overwrites another");
    EXPECT_EQ(bench.recorded().manifest, before);
    EXPECT_EQ(bench.directory().names(), std::vector<std::string>{"rec"});
}

TEST(UringArchiveProperties, AnUnwritableParentIsAnErrorBeforeTheFirstFrame)
{
    if (geteuid() == 0)
        GTEST_SKIP() << "root may write everywhere";
    ArchiveBench bench;
    std::filesystem::create_directory(bench.location());
    std::filesystem::permissions(bench.location(),
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
    setLocation(bench, bench.location("/rec"));
    expectRefusal(bench, "may write to");
}

TEST(UringArchiveProperties, ARingOfTooFewSegmentsIsRefused)
{
    for (const char *ring : {"max-segments=1", "max-segments=2"}) {
        ArchiveBench bench(ring);
        expectRefusal(bench, ring);
        EXPECT_TRUE(bench.directory().names().empty());
    }
}

TEST(UringArchiveProperties, APhaseThatNoNumberHasIsRefused)
{
    ArchiveBench bench("every-nth=5 nth-phase=5");
    expectRefusal(bench, "nth-phase=5 is not below every-nth=5");
    EXPECT_TRUE(bench.directory().names().empty());
}

TEST(UringArchiveProperties, MetadataThatNoManifestTakesIsRefused)
{
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP()
        << "so many names make GLib's table of them grow, which leaves its old blocks behind on purpose";
#endif
    ArchiveBench bench;
    GstStructure *metadata = gst_structure_new_empty("lab");
    for (int i = 0; i <= 10'000; ++i)
        gst_structure_set(metadata, ("f" + std::to_string(i)).c_str(), G_TYPE_INT, i, nullptr);
    g_object_set(bench.element(), "metadata", metadata, nullptr);
    gst_structure_free(metadata);
    expectRefusal(bench, "metadata: one structure has more than 10000 fields");
    EXPECT_TRUE(bench.directory().names().empty());
}

TEST(UringArchiveProperties, AnImpossibleCpuIsRefusedByItsNumber)
{
    ArchiveBench bench("cpu=99999");
    expectRefusal(bench, "99999");
    EXPECT_TRUE(bench.directory().names().empty());
}

TEST(UringArchiveProperties, AfterAnErrorItStartsOnceTheCauseIsGone)
{
    ArchiveBench bench;
    const std::string location = bench.location();
    setLocation(bench, "");
    expectRefusal(bench, "location is not set");
    bench.stop();
    setLocation(bench, location);
    bench.start();
    bench.pushAll(0, 2);
    bench.eos();
    EXPECT_EQ(bench.recorded().index.size(), 3u);
}

TEST(UringArchiveProperties, ALayoutThatCannotBeIsAnErrorWithItsRemedy)
{
    ArchiveBench bench("layout=plain");
    bench.start("video/x-raw,format=GRAY8,width=60,height=60,framerate=100/1");
    EXPECT_EQ(bench.push(ArchiveBench::frame(0, 3600)), GST_FLOW_ERROR);
    const auto errors = bench.texts(GST_MESSAGE_ERROR);
    ASSERT_EQ(errors.size(), 1u);
    EXPECT_NE(errors[0].find("layout=plain"), std::string::npos) << errors[0];
    EXPECT_EQ(bench.stat("frames-in"), 0u);
}

TEST(UringArchiveProperties, ALocationWithATimeGetsASuffixWhenItIsTaken)
{
    ArchiveBench bench;
    setLocation(bench, bench.directory().path("rec-%Y"));
    for (int run = 0; run < 2; ++run) {
        bench.start();
        bench.push(0);
        bench.stop();
    }
    const auto names = bench.directory().names();
    ASSERT_EQ(names.size(), 2u);
    EXPECT_EQ(names[0].size(), 8u) << names[0]; // rec-2026
    EXPECT_EQ(names[1], names[0] + "-1");
}

TEST(UringArchiveProperties, ANewStreamHasItsOwnTags)
{
    const auto tag = [](const char *name, const char *value) {
        return gst_event_new_tag(gst_tag_list_new(name, value, nullptr));
    };
    ArchiveBench bench("num-frames=1");
    bench.start();
    bench.pushEvent(tag(GST_TAG_TITLE, "tweezers"));
    bench.push(0);
    bench.pushHeader(nullptr);
    g_object_set(bench.element(), "recording", TRUE, nullptr);
    bench.push(1);
    bench.pushEvent(tag(GST_TAG_ARTIST, "atoms"));
    g_object_set(bench.element(), "recording", TRUE, nullptr);
    bench.push(2);
    bench.eos();
    EXPECT_TRUE(bench.recorded().manifestHas("tweezers"));
    EXPECT_FALSE(bench.recorded("-1").manifestHas("tweezers"));
    EXPECT_FALSE(bench.recorded("-2").manifestHas("tweezers"));
    EXPECT_TRUE(bench.recorded("-2").manifestHas("atoms"));
}

TEST(UringArchiveProperties, MetadataAndTagsAreInTheManifest)
{
    ArchiveBench bench;
    GstStructure *metadata =
        gst_structure_new("lab", "operator", G_TYPE_STRING, "a \"b\"", "exposure", G_TYPE_DOUBLE, 0.5,
                          "shots", G_TYPE_INT, 12, "cooled", G_TYPE_BOOLEAN, TRUE, nullptr);
    g_object_set(bench.element(), "metadata", metadata, nullptr);
    gst_structure_free(metadata);
    bench.start();
    GstDateTime *time = gst_date_time_new_from_iso8601_string("2026-11-26T09:00:00Z");
    bench.pushEvent(gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "tweezers", GST_TAG_TRACK_NUMBER, 3u,
                                                       GST_TAG_DATE_TIME, time, nullptr)));
    gst_date_time_unref(time);
    bench.pushEvent(gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "atoms", nullptr)));
    bench.push(0);
    bench.eos();
    std::string text = bench.recorded().manifest;
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
    for (const char *part :
         {R"("operator":"a\"b\"")", R"("exposure":0.5)", R"("shots":12)", R"("cooled":true)",
          R"("title":"atoms")", R"("track-number":3)", R"("datetime":"2026-11-26T09:00:00Z")"})
        EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
}
