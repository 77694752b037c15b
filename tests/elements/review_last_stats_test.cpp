// SPDX-License-Identifier: LGPL-2.1-or-later
// The stats that stay after a stop are read as a verdict: they may not show a leak that is none.
#include <filesystem>

#include <unistd.h>

#include "source_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

TEST(LastStats, SlabsThatWereOnlyReadAheadAreNotHeldAfterTheStop)
{
    const auto path =
        std::filesystem::temp_directory_path() / ("dmaslab-last-stats-" + std::to_string(getpid()) + ".raw");
    const std::string frames(64 * 32 * 8, 'x');
    ASSERT_TRUE(g_file_set_contents(path.c_str(), frames.data(), gssize(frames.size()), nullptr));
    {
        SourceBench bench("backend=files loop=true slabs=8 location=" + path.string());
        bench.play();
        bench.waitForFrames(1);
        bench.stop();
        EXPECT_EQ(bench.count("slabs"), 8u);
        EXPECT_EQ(bench.count("slabs-held"), 0u);
        EXPECT_EQ(bench.count("slabs-free"), 8u);
    }
    std::filesystem::remove(path);
}
