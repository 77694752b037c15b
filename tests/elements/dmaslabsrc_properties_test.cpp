// SPDX-License-Identifier: LGPL-2.1-or-later
// dmaslabsrc: what gst-inspect-1.0 shows. The names, types and defaults are a contract.
#include <map>
#include <set>

#include "source_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

class DmaSlabSrcProperties : public testing::Test
{
protected:
    GParamSpec *spec(const char *name) const
    {
        GParamSpec *found = g_object_class_find_property(G_OBJECT_GET_CLASS(element_.get()), name);
        EXPECT_TRUE(found) << name;
        return found;
    }
    std::string defaultOf(const char *name) const
    {
        GParamSpec *property = spec(name);
        if (!property)
            return "missing";
        const GValue *value = g_param_spec_get_default_value(property);
        if (G_VALUE_HOLDS_ENUM(value))
            return g_enum_get_value(G_PARAM_SPEC_ENUM(property)->enum_class, g_value_get_enum(value))
                ->value_nick;
        if (G_VALUE_HOLDS_STRING(value))
            return g_value_get_string(value) ? g_value_get_string(value) : "null";
        const CharPtr text(gst_value_serialize(value));
        return text.get();
    }
    std::set<std::string> nicks(const char *name) const
    {
        std::set<std::string> all;
        const GEnumClass *values = G_PARAM_SPEC_ENUM(spec(name))->enum_class;
        for (guint i = 0; i < values->n_values; ++i)
            all.insert(values->values[i].value_nick);
        return all;
    }

    ObjectPtr<GstElement> element_ = launch("dmaslabsrc");
};

} // namespace

TEST_F(DmaSlabSrcProperties, DefaultsAreThoseOfTheContract)
{
    const std::map<std::string, std::string> contract = {
        {"backend", "auto"},
        {"location", "null"},
        {"memory", "auto"},
        {"slabs", "0"},
        {"max-latency", "100000000"},
        {"reuse", "lifo"},
        {"pacing", "auto"},
        {"max-rate", "0/1"},
        {"on-overrun", "skip"},
        {"on-starvation", "auto"},
        {"loop", "false"},
        {"pattern", "counter"},
        {"spin", "-1"},
        {"numa-node", "-1"},
        {"stats-interval", "0"},
        {"cpu", "-1"},
        {"rt-priority", "0"},
    };
    for (const auto &[name, value] : contract)
        EXPECT_EQ(defaultOf(name.c_str()), value) << name;
}

TEST_F(DmaSlabSrcProperties, TypesAreThoseOfTheContract)
{
    const std::map<std::string, GType> contract = {
        {"location", G_TYPE_STRING},     {"slabs", G_TYPE_UINT},
        {"max-latency", G_TYPE_UINT64},  {"max-rate", GST_TYPE_FRACTION},
        {"loop", G_TYPE_BOOLEAN},        {"spin", G_TYPE_INT},
        {"numa-node", G_TYPE_INT},       {"stats", GST_TYPE_STRUCTURE},
        {"stats-interval", G_TYPE_UINT}, {"cpu", G_TYPE_INT},
        {"rt-priority", G_TYPE_INT},
    };
    for (const auto &[name, type] : contract)
        EXPECT_EQ(spec(name.c_str())->value_type, type) << name;
}

TEST_F(DmaSlabSrcProperties, EnumsHoldWhatExistsAndNothingElse)
{
    using Nicks = std::set<std::string>;
    EXPECT_EQ(nicks("backend"), (Nicks{"auto", "test", "files"}));
    EXPECT_EQ(nicks("memory"), (Nicks{"auto", "udmabuf", "hugetlb", "memfd", "dma-heap"}));
    EXPECT_EQ(nicks("reuse"), (Nicks{"lifo", "fifo"}));
    EXPECT_EQ(nicks("pacing"), (Nicks{"auto", "deadline", "off"}));
    EXPECT_EQ(nicks("on-overrun"), (Nicks{"skip", "burst"}));
    EXPECT_EQ(nicks("on-starvation"), (Nicks{"auto", "drop", "wait", "error"}));
    EXPECT_EQ(nicks("pattern"), (Nicks{"counter", "gradient", "noise", "prefilled"}));
}

TEST_F(DmaSlabSrcProperties, OnlyMaxRateAndStatsIntervalMayChangeWhilePlaying)
{
    const std::set<std::string> playing = {"max-rate", "stats-interval"};
    guint number = 0;
    GParamSpec **all = g_object_class_list_properties(G_OBJECT_GET_CLASS(element_.get()), &number);
    for (guint i = 0; i < number; ++i) {
        if (all[i]->owner_type != G_OBJECT_TYPE(element_.get()) || !(all[i]->flags & G_PARAM_WRITABLE))
            continue;
        const bool may = playing.count(all[i]->name) > 0;
        EXPECT_EQ((all[i]->flags & GST_PARAM_MUTABLE_PLAYING) != 0, may) << all[i]->name;
        EXPECT_EQ((all[i]->flags & GST_PARAM_MUTABLE_READY) != 0, !may) << all[i]->name;
    }
    g_free(all);
}

TEST_F(DmaSlabSrcProperties, EveryOneReadsLikeDocumentation)
{
    guint number = 0;
    GParamSpec **all = g_object_class_list_properties(G_OBJECT_GET_CLASS(element_.get()), &number);
    for (guint i = 0; i < number; ++i) {
        if (all[i]->owner_type != G_OBJECT_TYPE(element_.get()))
            continue;
        EXPECT_GT(std::string(g_param_spec_get_blurb(all[i])).size(), 20u) << all[i]->name;
    }
    g_free(all);
}

TEST_F(DmaSlabSrcProperties, EveryOneReadsBackWhatWasSet)
{
    const std::map<std::string, std::string> wanted = {
        {"backend", "files"},
        {"location", "/tmp/frames"},
        {"memory", "memfd"},
        {"slabs", "9"},
        {"max-latency", "12345"},
        {"reuse", "fifo"},
        {"pacing", "off"},
        {"max-rate", "25/2"},
        {"on-overrun", "burst"},
        {"on-starvation", "error"},
        {"loop", "true"},
        {"pattern", "noise"},
        {"spin", "7"},
        {"numa-node", "0"},
        {"stats-interval", "250"},
        {"cpu", "0"},
        {"rt-priority", "3"},
    };
    for (const auto &[name, value] : wanted) {
        gst_util_set_object_arg(G_OBJECT(element_.get()), name.c_str(), value.c_str());
        GValue got = G_VALUE_INIT;
        g_value_init(&got, spec(name.c_str())->value_type);
        g_object_get_property(G_OBJECT(element_.get()), name.c_str(), &got);
        const CharPtr text(G_VALUE_HOLDS_STRING(&got) ? g_value_dup_string(&got) : gst_value_serialize(&got));
        EXPECT_EQ(text.get(), value) << name;
        g_value_unset(&got);
    }
}

TEST_F(DmaSlabSrcProperties, ItIsAVideoSourceOfNoRank)
{
    GstElementFactory *factory = gst_element_get_factory(element_.get());
    EXPECT_STREQ(gst_element_factory_get_metadata(factory, GST_ELEMENT_METADATA_KLASS), "Source/Video");
    EXPECT_EQ(gst_plugin_feature_get_rank(GST_PLUGIN_FEATURE(factory)), guint(GST_RANK_NONE));
}
