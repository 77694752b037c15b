// SPDX-License-Identifier: LGPL-2.1-or-later
// Whatever a user or a stream says about itself, the manifest stays JSON.
#include <cmath>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/handles.h"
#include "dmaslab/archive/manifest.h"
#include "uringarchive/archive_json.h"

using namespace dmaslab;
using nlohmann::json;

TEST(ArchiveJson, NothingIsAnEmptyObject)
{
    EXPECT_EQ(structureToJson(nullptr), "{}");
    EXPECT_EQ(tagsToJson(nullptr), "{}");
}

TEST(ArchiveJson, TypesComeThroughAsTheyAre)
{
    const StructurePtr fields(gst_structure_new("x", "i", G_TYPE_INT, -3, "u", G_TYPE_UINT64, G_MAXUINT64,
                                                "d", G_TYPE_DOUBLE, 1e-9, "b", G_TYPE_BOOLEAN, FALSE, "s",
                                                G_TYPE_STRING, "text", "f", GST_TYPE_FRACTION, 1000, 3,
                                                "none", G_TYPE_STRING, nullptr, nullptr));
    const json parsed = json::parse(structureToJson(fields.get()));
    EXPECT_EQ(parsed["i"], -3);
    EXPECT_EQ(parsed["u"], G_MAXUINT64);
    EXPECT_EQ(parsed["d"], 1e-9);
    EXPECT_EQ(parsed["b"], false);
    EXPECT_EQ(parsed["s"], "text");
    EXPECT_EQ(parsed["f"], "1000/3");
    EXPECT_TRUE(parsed["none"].is_null());
}

TEST(ArchiveJson, StructuresAndListsNest)
{
    const StructurePtr fields(gst_structure_from_string(
        "x, inner=(structure)\"y\\,\\ a\\=\\(int\\)1\\;\", list=(int){1, 2}, array=(double)<0.5, 2.0>",
        nullptr));
    ASSERT_TRUE(fields);
    const json parsed = json::parse(structureToJson(fields.get()));
    EXPECT_EQ(parsed["inner"]["a"], 1);
    EXPECT_EQ(parsed["list"], json({1, 2}));
    EXPECT_EQ(parsed["array"], json({0.5, 2.0}));
}

TEST(ArchiveJson, NoTextAndNoNumberBreaksIt)
{
    const StructurePtr fields(gst_structure_new("x", "text", G_TYPE_STRING, "a\"b\\c\n\t\x01", "nan",
                                                G_TYPE_DOUBLE, std::nan(""), "inf", G_TYPE_DOUBLE, HUGE_VAL,
                                                nullptr));
    const json parsed = json::parse(structureToJson(fields.get()), nullptr, false);
    ASSERT_FALSE(parsed.is_discarded()) << structureToJson(fields.get());
    EXPECT_EQ(parsed["text"], "a\"b\\c\n\t\x01");
    EXPECT_TRUE(parsed["nan"].is_null());
    EXPECT_TRUE(parsed["inf"].is_null());
}

namespace {

/** A structure in a structure, so many times. */
StructurePtr nested(int levels)
{
    StructurePtr inner(gst_structure_new_empty("x"));
    for (int i = 1; i < levels; ++i) {
        StructurePtr outer(gst_structure_new("x", "y", GST_TYPE_STRUCTURE, inner.get(), nullptr));
        inner = std::move(outer);
    }
    return inner;
}

StructurePtr withFields(int count)
{
    StructurePtr fields(gst_structure_new_empty("x"));
    for (int i = 0; i < count; ++i)
        gst_structure_set(fields.get(), ("f" + std::to_string(i)).c_str(), G_TYPE_INT, i, nullptr);
    return fields;
}

std::string manifestWith(const GstStructure *metadata)
{
    Manifest manifest;
    manifest.metadataJson = structureToJson(metadata);
    return manifest.toJson();
}

} // namespace

TEST(ArchiveJson, WhatAReaderOfManifestsTakesIsNoExcessAndNoMore)
{
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP()
        << "so many names make GLib's table of them grow, which leaves its old blocks behind on purpose";
#endif
    EXPECT_EQ(excessOf(nullptr), "");
    for (const StructurePtr &most : {nested(63), withFields(10'000)}) {
        EXPECT_EQ(excessOf(most.get()), "");
        EXPECT_TRUE(Manifest::parse(manifestWith(most.get()), "manifest.json"));
    }
    EXPECT_EQ(excessOf(nested(64).get()), "its values are nested deeper than 63 times");
    EXPECT_EQ(excessOf(withFields(10'001).get()), "one structure has more than 10000 fields");
    for (const StructurePtr &more : {nested(64), withFields(10'001)})
        EXPECT_FALSE(Manifest::parse(manifestWith(more.get()), "manifest.json"));
}

TEST(ArchiveJson, ListsAreLevelsToo)
{
    const StructurePtr fields(gst_structure_new_empty("x"));
    GValue value = G_VALUE_INIT;
    g_value_init(&value, G_TYPE_INT);
    for (int i = 0; i < 63; ++i) {
        GValue outer = G_VALUE_INIT;
        g_value_init(&outer, i % 2 ? GST_TYPE_LIST : GST_TYPE_ARRAY);
        if (i % 2)
            gst_value_list_append_and_take_value(&outer, &value);
        else
            gst_value_array_append_and_take_value(&outer, &value);
        value = outer;
        gst_structure_set_value(fields.get(), "a", &value);
        EXPECT_EQ(excessOf(fields.get()).empty(), i < 62) << i;
    }
    g_value_unset(&value);
}

TEST(ArchiveJson, TagsWithoutTheirPictures)
{
    GstBuffer *pixels = gst_buffer_new_allocate(nullptr, 16, nullptr);
    GstSample *picture = gst_sample_new(pixels, nullptr, nullptr, nullptr);
    GstTagList *tags =
        gst_tag_list_new(GST_TAG_TITLE, "run 7", GST_TAG_IMAGE, picture, GST_TAG_BITRATE, 5u, nullptr);
    const json parsed = json::parse(tagsToJson(tags));
    EXPECT_EQ(parsed, (json{{"title", "run 7"}, {"bitrate", 5}}));
    gst_tag_list_unref(tags);
    gst_sample_unref(picture);
    gst_buffer_unref(pixels);
}
