// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/manifest.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "dmaslab/unique_fd.h"

#include "capture_test_files.h"

namespace dmaslab {

namespace {

ManifestSeries seriesOf(SeriesFormat format)
{
    return {format, *chooseLayout(format, ArchiveLayout::Auto)};
}

Manifest example()
{
    Manifest manifest;
    manifest.state = RecordingState::Closed;
    manifest.id = "0f3c0f3c0f3c0f3c0f3c0f3c0f3c0f3c";
    manifest.software = "dmaslab 0.1.0";
    manifest.host = "bench";
    manifest.device = "camera \"left\"";
    manifest.createdNs = 1'795'683'600'000'000'000;
    manifest.created = utcText(manifest.createdNs);
    manifest.closed = utcText(manifest.createdNs + 1);
    manifest.everyNth = 5;
    manifest.nthPhase = 2;
    manifest.metadataJson = R"({"zoom":2,"a":[1,{"b":null}]})";
    manifest.tagsJson = R"({"title":"é"})";
    manifest.series = {
        seriesOf({"video/x-raw", 614'400, "<u2", {480, 640}, {}, {{0, 1280, 1280, 480}}}),
        seriesOf({"video/x-raw", 240 * 324, "|u1", {240, 324}, {240, 320}, {{0, 320, 324, 240}}}),
        seriesOf({"image/jpeg", 0, "|u1", {}, {}, {}}),
        seriesOf({"application/x-ndarray", 24, "|u1", {24}, {}, {}, "[('a', '<u8'), ('b', '<u4', (2, 2))]"}),
        seriesOf({"application/x-ndarray", 4096, "|u1", {4096}, {}, {}, "[('a', '<u8', (512,))]"})};
    manifest.segments = {{4, 0, true, 500, 1, 307'204'096, 0, 2495},
                         {5, 0, true, 0, 0, 4096, {}, {}},
                         {7, 2, false, 0, 0, 0, {}, {}}};
    manifest.losses = 3;
    return manifest;
}

void expectSame(const Manifest &a, const Manifest &b)
{
    EXPECT_EQ(a.state, b.state);
    EXPECT_EQ(a.id + a.software + a.host + a.device, b.id + b.software + b.host + b.device);
    EXPECT_EQ(a.created + a.closed, b.created + b.closed);
    EXPECT_EQ(a.createdNs, b.createdNs);
    EXPECT_EQ(a.everyNth, b.everyNth);
    EXPECT_EQ(a.nthPhase, b.nthPhase);
    EXPECT_EQ(a.hashed, b.hashed);
    EXPECT_EQ(a.metadataJson, b.metadataJson);
    EXPECT_EQ(a.tagsJson, b.tagsJson);
    EXPECT_EQ(a.losses, b.losses);
    ASSERT_EQ(a.series.size(), b.series.size());
    for (std::size_t i = 0; i < a.series.size(); ++i) {
        EXPECT_EQ(a.series[i].format, b.series[i].format) << i;
        EXPECT_EQ(a.series[i].layout.layout, b.series[i].layout.layout) << i;
        EXPECT_EQ(a.series[i].layout.reason, b.series[i].layout.reason) << i;
        EXPECT_EQ(a.series[i].layout.recordBytes, b.series[i].layout.recordBytes) << i;
        EXPECT_EQ(a.series[i].layout.shape, b.series[i].layout.shape) << i;
        EXPECT_EQ(a.series[i].layout.crop, b.series[i].layout.crop) << i;
        EXPECT_EQ(a.series[i].layout.descr, b.series[i].layout.descr) << i;
    }
    ASSERT_EQ(a.segments.size(), b.segments.size());
    for (std::size_t i = 0; i < a.segments.size(); ++i) {
        EXPECT_EQ(a.segments[i].number, b.segments[i].number) << i;
        EXPECT_EQ(a.segments[i].series, b.segments[i].series) << i;
        EXPECT_EQ(a.segments[i].closed, b.segments[i].closed) << i;
        EXPECT_EQ(a.segments[i].frames, b.segments[i].frames) << i;
        EXPECT_EQ(a.segments[i].bad, b.segments[i].bad) << i;
        EXPECT_EQ(a.segments[i].bytes, b.segments[i].bytes) << i;
        EXPECT_EQ(a.segments[i].firstSequence, b.segments[i].firstSequence) << i;
        EXPECT_EQ(a.segments[i].lastSequence, b.segments[i].lastSequence) << i;
    }
}

std::string with(std::string json, const std::string &what, const std::string &instead)
{
    const std::size_t at = json.find(what);
    if (at == json.npos) {
        ADD_FAILURE() << "no " << what;
        return json;
    }
    return json.replace(at, what.size(), instead);
}

TEST(ArchiveManifest, ComesBackAsItWas)
{
    const Manifest manifest = example();
    const auto parsed = Manifest::parse(manifest.toJson(), "m");
    ASSERT_TRUE(parsed) << parsed.error().message;
    expectSame(*parsed, manifest);
    EXPECT_EQ(parsed->toJson(), manifest.toJson());
}

TEST(ArchiveManifest, IsWrittenInTheOrderOfTheSpecification)
{
    const std::string json = example().toJson();
    std::size_t at = 0;
    for (const char *key : {"\n  \"format\": \"dmaslab-recording\"",
                            "\n  \"version\": 1",
                            "\n  \"state\": \"closed\"",
                            "\n  \"id\"",
                            "\n  \"software\"",
                            "\n  \"host\"",
                            "\n  \"device\"",
                            "\n  \"created\": \"2026-11-26T09:00:00.000000000Z\"",
                            "\n  \"created_ns\": 1795683600000000000",
                            "\n  \"closed\": \"2026-11-26T09:00:00.000000001Z\"",
                            "\n  \"clocks\"",
                            "\n  \"every_nth\": 5",
                            "\n  \"nth_phase\": 2",
                            "\n  \"checksum\": \"xxh3-64\"",
                            "\n  \"metadata\"",
                            "\n    \"zoom\"",
                            "\n    \"a\"",
                            "\n  \"tags\"",
                            "\n  \"series\"",
                            "\n      \"caps\"",
                            "\n      \"layout\": \"plain\"",
                            "\n      \"layout_reason\"",
                            "\n      \"dtype\": \"<u2\"",
                            "\n      \"shape\"",
                            "\n      \"crop\": null",
                            "\n      \"fields\": null",
                            "\n      \"frame_bytes\": 614400",
                            "\n      \"record_bytes\": 614400",
                            "\n      \"file_shape\"",
                            "\n      \"file_crop\": null",
                            "\n      \"descr\": \"'<u2'\"",
                            "\n      \"planes\"",
                            "\n          \"offset\": 0",
                            "\"row_bytes\": 1280",
                            "\"stride\": 1280",
                            "\"rows\": 480",
                            "\n      \"numpy\": \"np.load('frames-000004.npy', mmap_mode='r')\"",
                            "\n  \"segments\"",
                            "\n      \"number\": 4",
                            "\n      \"series\": 0",
                            "\n      \"state\": \"closed\"",
                            "\n      \"frames_file\": \"frames-000004.npy\"",
                            "\n      \"index_file\": \"index-000004.npy\"",
                            "\n      \"frames\": 500",
                            "\n      \"bad\": 1",
                            "\n      \"bytes\": 307204096",
                            "\n      \"first_sequence\": 0",
                            "\n      \"last_sequence\": 2495",
                            "\"frames\": 0",
                            "\"first_sequence\": null",
                            "\"state\": \"open\"",
                            "\"frames\": null",
                            "\"bytes\": null",
                            "\n  \"losses\": 3\n}\n"}) {
        const std::size_t found = json.find(key, at);
        ASSERT_NE(found, json.npos) << key << " after\n" << json.substr(0, at);
        at = found + 1;
    }
}

TEST(ArchiveManifest, OfARecordingUnderWayLeavesTheCountsToTheHeaders)
{
    Manifest manifest = example();
    manifest.state = RecordingState::Recording;
    manifest.closed.clear();
    const std::string json = manifest.toJson();
    EXPECT_NE(json.find("\"losses\": null"), json.npos);
    EXPECT_NE(json.find("\"closed\": null"), json.npos);
    const auto parsed = Manifest::parse(json, "m");
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->state, RecordingState::Recording);
    EXPECT_EQ(parsed->losses, 0u);
}

TEST(ArchiveManifest, IgnoresKeysItDoesNotKnow)
{
    const std::string json =
        with(example().toJson(), "\"state\": \"closed\"", "\"new\": [], \"state\": \"closed\"");
    EXPECT_TRUE(Manifest::parse(json, "m"));
}

TEST(ArchiveManifest, RefusesWhatDoesNotAddUpAndNamesIt)
{
    const std::string json = example().toJson();
    const std::string deep = std::string(100, '[') + std::string(100, ']');
    std::string many = "\"metadata\": {";
    for (int i = 0; i < 10'001; ++i)
        many += "\"" + std::to_string(i) + "\":0,";
    for (const auto &[what, instead, expected] : std::vector<std::array<std::string, 3>>{
             {"{", "", "damaged at line 2: "},
             {"dmaslab-recording", "other", "format"},
             {"\"version\": 1", "\"version\": 2", "newer"},
             {"\"state\": \"closed\"", "\"state\": \"ended\"", "ended"},
             {"\"every_nth\": 5", "\"every_nth\": 0", "every_nth"},
             {"\"every_nth\": 5", "\"every_nth\": 5000000000", "every_nth"},
             {"\"every_nth\": 5", "\"every_nth\": -5", "every_nth"},
             {"\"every_nth\": 5", "\"every_nth\": 5.0", "every_nth"},
             {"\"every_nth\": 5", "\"every_nth\": \"5\"", "every_nth"},
             {"xxh3-64", "crc", "crc"},
             {"\"metadata\": {", "\"metadata\": " + deep + ", \"x\": {", "nested"},
             {"\"metadata\": {", many, "10000 keys"},
             {"\"metadata\": {", "\"metadata\": 3, \"x\": {", "metadata"},
             {"\"layout\": \"plain\"", "\"layout\": \"auto\"", "auto"},
             {"\"layout\": \"plain\"", "\"layout\": \"blob\"", "record_bytes"},
             {"\"dtype\": \"<u2\"", "\"dtype\": \"O\"", "dtype"},
             {"\"frame_bytes\": 614400", "\"frame_bytes\": 614402", "shape"},
             {"\"record_bytes\": 614400", "\"record_bytes\": 618496", "record_bytes"},
             {"\"record_bytes\": 614400", "\"record_bytes\": 0", "record_bytes"},
             {"\"stride\": 1280", "\"stride\": 1281", "planes"},
             {"\"stride\": 1280", "\"stride\": 18446744073709551615", "planes"},
             {"\"stride\": 1280", "\"stride\": 99999999999999999999", "stride"},
             {"\"crop\": [\n        240,\n        320", "\"crop\": [\n        241,\n        320", "crop"},
             {"\"crop\": [\n        240,", "\"crop\": [", "crop"},
             {"\"number\": 5", "\"number\": 4", "file"},
             {"\"frames_file\": \"frames-000004.npy\"", "\"frames_file\": \"../frames-000004.npy\"", "file"},
             {"\"series\": 2", "\"series\": 5", "series"},
             {"\"fields\": \"[('a', '<u8'), ", "\"fields\": \"[('a', '<u4'), ", "fields"},
             {"\"fields\": \"[('a', '<u8'), ", "\"fields\": \"[('a', 'O'), ", "fields"},
             {"\"fields\": null", "\"fields\": \"[('a', '<u2')]\"", "fields"},
             {"\"state\": \"open\"", "\"state\": \"ajar\"", "ajar"},
             {"\"segments\": [", "\"segments\": {}, \"x\": [", "segments"},
             {"\"segments\": [", "\"segments\": [ null, ", "entry 0"},
         }) {
        const auto parsed = Manifest::parse(with(json, what, instead), "dir/manifest.json");
        ASSERT_FALSE(parsed) << instead.substr(0, 100);
        EXPECT_EQ(parsed.error().code, Errc::Format);
        EXPECT_TRUE(parsed.error().message.starts_with("dir/manifest.json: ")) << parsed.error().message;
        EXPECT_NE(parsed.error().message.find(expected), std::string::npos) << parsed.error().message;
    }
}

TEST(ArchiveManifest, RefusesSegmentsThatDoNotFollowEachOther)
{
    Manifest manifest = example();
    std::swap(manifest.segments[0], manifest.segments[1]);
    const auto parsed = Manifest::parse(manifest.toJson(), "m");
    ASSERT_FALSE(parsed);
    EXPECT_NE(parsed.error().message.find("does not grow: 4"), std::string::npos) << parsed.error().message;
}

TEST(ArchiveManifest, AnyTextCanBeWritten)
{
    Manifest manifest = example();
    manifest.device = "\xff\xfe broken";
    manifest.metadataJson = "no JSON";
    const auto parsed = Manifest::parse(manifest.toJson(), "m");
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->metadataJson, "{}");
}

TEST(ArchiveManifest, IsReplacedAsAWhole)
{
    const test::TempDir dir;
    const UniqueFd fd(open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto read = Manifest::read(fd.get(), dir.path());
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Errc::NotFound);
    Manifest manifest = example();
    ASSERT_TRUE(manifest.replace(fd.get(), dir.path()));
    const UniqueFd old(openat(fd.get(), kManifestName, O_RDONLY | O_CLOEXEC));
    manifest.host = "x";
    ASSERT_TRUE(manifest.replace(fd.get(), dir.path()));
    read = Manifest::read(fd.get(), dir.path());
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->host, "x");
    EXPECT_FALSE(std::filesystem::exists(dir.path() + "/manifest.json.new"));
    std::string before(example().toJson().size(), '\0');
    ASSERT_EQ(pread(old.get(), before.data(), before.size(), 0), ssize_t(before.size()));
    EXPECT_EQ(before, example().toJson());
}

TEST(ArchiveManifest, ThatCannotBeReplacedStays)
{
    const test::TempDir dir;
    const UniqueFd fd(open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::filesystem::create_directories(dir.path() + "/manifest.json/x");
    const auto replaced = example().replace(fd.get(), dir.path());
    ASSERT_FALSE(replaced);
    EXPECT_FALSE(std::filesystem::exists(dir.path() + "/manifest.json.new"));
}

TEST(ArchiveManifest, TimesBefore1970HaveTheirText)
{
    EXPECT_EQ(utcText(-1), "1969-12-31T23:59:59.999999999Z");
    EXPECT_EQ(utcText(0), "1970-01-01T00:00:00.000000000Z");
}

} // namespace

} // namespace dmaslab
