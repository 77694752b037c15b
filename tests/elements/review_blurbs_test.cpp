// SPDX-License-Identifier: LGPL-2.1-or-later
// gst-inspect-1.0 is where users look up what a statistic means.
#include <gst/gst.h>
#include <gtest/gtest.h>

#include "common/handles.h"

using namespace dmaslab;

TEST(Blurbs, TheStatsPropertyExplainsEveryFieldOfItsStructure)
{
    for (const char *name : {"dmaslabsrc", "slabqueue", "simdproc"}) {
        SCOPED_TRACE(name);
        if (!ObjectPtr<GstElementFactory>(gst_element_factory_find(name)))
            continue; // not in this build
        const ObjectPtr<GstElement> element(
            GST_ELEMENT(gst_object_ref_sink(gst_element_factory_make(name, nullptr))));
        GParamSpec *spec = g_object_class_find_property(G_OBJECT_GET_CLASS(element.get()), "stats");
        const std::string blurb = g_param_spec_get_blurb(spec);
        GstStructure *raw = nullptr;
        g_object_get(element.get(), "stats", &raw, nullptr);
        const StructurePtr stats(raw);
        for (gint i = 0; i < gst_structure_n_fields(stats.get()); ++i) {
            std::string field = gst_structure_nth_field_name(stats.get(), guint(i));
            if (field.starts_with("dropped-"))
                field = "dropped-<reason>";
            if (field.starts_with("slabs-"))
                field = field.substr(5);
            EXPECT_NE(blurb.find(field), std::string::npos) << field;
        }
    }
}
