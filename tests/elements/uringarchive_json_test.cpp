// SPDX-License-Identifier: LGPL-2.1-or-later
// Whatever a user or a stream says about itself, the manifest stays JSON.
#include <cmath>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/handles.h"
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
