// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslabsrc/src_stats.h"

namespace dmaslab {

const char *const srcStatsBlurb =
    "late (frames that came after their deadline), starved (frames lost for want of a slab), sequence "
    "(number of "
    "the next frame), pacing-p50, pacing-p99 and pacing-max (ns after the deadline, since caps or clock last "
    "changed), slabs and how many are -free, -held, at the lowest free (-low), held by processing (-hot), by "
    "disk or other processes only (-warm), unheld and intact (-cold), stale-handles (refused), memory and "
    "page-size (what was got)";

StructurePtr collectStats(const Producer &producer)
{
    const FrameCounters &counters = producer.counters();
    StructurePtr structure = counters.toStructure();
    const auto set = [&](const char *field, std::uint64_t value) {
        gst_structure_set(structure.get(), field, G_TYPE_UINT64, guint64(value), nullptr);
    };
    const ProducerStats stats = producer.stats();
    set("late", stats.late);
    set("starved", counters.dropped(LossReason::Starved));
    set("sequence", stats.sequence);
    set("bytes-copied", stats.bytesCopied);
    set("pacing-p50", std::uint64_t(stats.pacing.p50));
    set("pacing-p99", std::uint64_t(stats.pacing.p99));
    set("pacing-max", std::uint64_t(stats.pacing.max));
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
