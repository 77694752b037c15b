// SPDX-License-Identifier: LGPL-2.1-or-later
// Whatever a branch answers to the ALLOCATION query, the user learns what is wrong and what to set.
#include "source_bench.h"

using namespace dmaslab;
using namespace dmaslab::test;

TEST(HostileAllocation, AnErrorSaysWhoAskedForSoManySlabsAndWhatToSet)
{
    SourceBench bench("backend=test memory=memfd",
                      "video/x-raw,format=GRAY8,width=16384,height=16384,framerate=100/1");
    bench.declare(G_MAXUINT);
    bench.play();
    std::vector<std::string> errors;
    bench.waitUntil(
        [&] {
            errors = bench.texts(GST_MESSAGE_ERROR);
            return !errors.empty();
        },
        "an error");
    EXPECT_NE(errors[0].find("4294967295 (declared by the branches)"), std::string::npos) << errors[0];
    EXPECT_NE(errors[0].find("Set slabs"), std::string::npos) << errors[0];
}

TEST(HostileAllocation, ANumberThatWasSetStandsWhateverIsDeclared)
{
    SourceBench bench("backend=test memory=memfd slabs=4");
    bench.declare(G_MAXUINT);
    bench.play();
    bench.waitForFrames(1);
    EXPECT_EQ(bench.count("slabs"), 4u);
}
