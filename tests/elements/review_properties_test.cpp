// SPDX-License-Identifier: LGPL-2.1-or-later
// A property that cannot change now says so; a silent refusal looks like one that does nothing.
#include "element_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

TEST(SlabQueueProperties, APlacementSetWhilePlayingIsRefusedByName)
{
    for (const char *name : {"cpu", "rt-priority"}) {
        SCOPED_TRACE(name);
        ElementBench bench("slabqueue");
        bench.start();
        gint before = 0, after = 0;
        g_object_get(bench.element(), name, &before, nullptr);
        g_object_set(bench.element(), name, 1, nullptr);
        g_object_get(bench.element(), name, &after, nullptr);
        EXPECT_EQ(after, before);
        const MessagePtr warning = bench.popMessage(GST_MESSAGE_WARNING);
        ASSERT_TRUE(warning);
        GError *raw = nullptr;
        gst_message_parse_warning(warning.get(), &raw, nullptr);
        const ErrorPtr error(raw);
        EXPECT_NE(std::string(error->message).find(name), std::string::npos) << error->message;
    }
}
