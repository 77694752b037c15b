// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dmaslab/archive/writer.h"

namespace dmaslab::test {

/** What archive_load is asked to do; --help names each. */
struct LoadOptions
{
    std::string location;
    std::string dtype = "<u2";
    std::vector<std::uint64_t> shape{64, 64};
    std::uint64_t encoded = 0; ///< not 0: frames of different lengths up to so many bytes
    ArchiveLayout layout = ArchiveLayout::Auto;
    std::uint64_t changeAt = 0; ///< not 0: before this frame a series of changeShape begins
    std::vector<std::uint64_t> changeShape{48, 48};

    std::uint32_t slabs = 32;
    bool gather = false;    ///< frames without an address: the writer asks for their bytes
    bool arenaKnown = true; ///< false: as memory of somebody else, in no arena

    std::uint64_t frames = 0; ///< 0: until SIGTERM
    std::uint64_t rate = 0;   ///< 0: as fast as the writer takes them
    std::uint64_t firstSequence = 0;
    bool wait = true;             ///< for a slab and for the writer; otherwise the frame is lost
    std::uint64_t loseEvery = 0;  ///< one frame in so many is lost before the writer
    std::uint64_t splitEvery = 0; ///< split() each so many frames
    std::uint64_t steadyFrom = 0; ///< from this frame on calls and allocations are counted apart
    bool quiet = false;           ///< no line per commit

    RecordingInfo info;
    WriterSettings settings;
};

/** Ends the program with a sentence when an option is wrong. */
LoadOptions parseLoadOptions(int argc, char **argv);

} // namespace dmaslab::test
