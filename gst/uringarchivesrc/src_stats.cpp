// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchivesrc/src_stats.h"

namespace dmaslab {

const char *const replayStatsBlurb =
    "late (frames pushed more than a frame's duration after their recorded time, pacing=recorded), starved "
    "(frames lost for want of a "
    "slab), sequence (the next frame's number, at least), io (how frames are read), io-errors (frames and "
    "files that could not be read), slabs and how many are -free, -held, at the lowest free (-low), held by "
    "processing (-hot), by disk or other processes only (-warm), unheld and intact (-cold), stale-handles "
    "(refused), memory and page-size (what was got)";

StructurePtr collectStats(const Player &player)
{
    const FrameCounters &counters = player.counters();
    StructurePtr structure = counters.toStructure();
    const auto set = [&](const char *field, std::uint64_t value) {
        gst_structure_set(structure.get(), field, G_TYPE_UINT64, guint64(value), nullptr);
    };
    const PlayerStats stats = player.stats();
    set("late", stats.late);
    set("starved", counters.dropped(LossReason::Starved));
    set("sequence", stats.sequence);
    set("bytes-copied", stats.bytesCopied);
    set("io-errors", stats.ioErrors);
    gst_structure_set(structure.get(), "io", G_TYPE_STRING, stats.io.c_str(), nullptr);
    const PoolLevels &levels = stats.levels;
    set("slabs", levels.slabs);
    set("slabs-free", levels.free);
    set("slabs-held", levels.held);
    set("slabs-low", levels.low);
    set("slabs-hot", levels.hot);
    set("slabs-warm", levels.warm);
    set("slabs-cold", levels.cold);
    set("stale-handles", levels.staleHandles);
    gst_structure_set(structure.get(), "memory", G_TYPE_STRING, toString(stats.memory), nullptr);
    set("page-size", stats.pageSize);
    return structure;
}

} // namespace dmaslab
