// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchivesrc/src_properties.h"

#include "common/property_types.h"
#include "dmaslab/slab/free_word.h"

namespace dmaslab {

namespace {

GType pacingType()
{
    static const GEnumValue values[] = {
        {int(ReplayPacing::Off),
         "As fast as downstream takes frames; not live. Sinks with sync=true keep time", "off"},
        {int(ReplayPacing::Recorded), "Each frame at its recorded time; live", "recorded"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstUringArchiveSrcPacing", values);
    return type;
}

GType ioType()
{
    static const GEnumValue values[] = {
        {int(FetchIo::Auto), "uring where it can be had, else pread with a warning", "auto"},
        {int(FetchIo::Uring), "io_uring past the page cache, queue-depth frames at once; otherwise an error",
         "uring"},
        {int(FetchIo::Pread), "One frame at a time through the page cache", "pread"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstUringArchiveSrcIo", values);
    return type;
}

GType memoryType()
{
    static const GEnumValue values[] = {
        {int(MemoryKind::Auto), "udmabuf where the kernel has it, else memfd", "auto"},
        {int(MemoryKind::Udmabuf), "Shared pages, each slab also a dma-buf for devices", "udmabuf"},
        {int(MemoryKind::Hugetlb), "Reserved 2 MiB pages (vm.nr_hugepages); dma-bufs where udmabuf exists",
         "hugetlb"},
        {int(MemoryKind::Memfd), "Shared pages, one file descriptor for all slabs", "memfd"},
        {int(MemoryKind::DmaHeap), "dma-bufs from /dev/dma_heap/system", "dma-heap"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstUringArchiveSrcMemory", values);
    return type;
}

} // namespace

void installReplayProperties(GObjectClass *klass)
{
    const ReplaySettings defaults;
    const auto add = [klass](guint id, GParamSpec *spec) {
        g_object_class_install_property(klass, id, spec);
    };
    add(PROP_LOCATION,
        g_param_spec_string("location", "Location", "Directory of the recording, or its manifest.json",
                            nullptr, kReady));
    add(PROP_PACING, g_param_spec_enum("pacing", "Pacing", "When frames are pushed", pacingType(),
                                       int(defaults.pacing), kReady));
    add(PROP_FOLLOW,
        g_param_spec_boolean("follow", "Follow",
                             "Play a recording that is being written until it is closed, instead of ending "
                             "with what is there",
                             defaults.follow, kReady));
    add(PROP_VERIFY, g_param_spec_boolean("verify", "Verify",
                                          "Hash each frame; one that is not what was recorded is lost "
                                          "(dropped-corrupt)",
                                          defaults.fetch.verify, kReady));
    add(PROP_IO,
        g_param_spec_enum("io", "I/O", "How files are read", ioType(), int(defaults.fetch.io), kReady));
    add(PROP_QUEUE_DEPTH,
        g_param_spec_uint("queue-depth", "Queue depth", "How many frames are read at once (io=uring)", 1, 256,
                          defaults.fetch.depth, kReady));
    add(PROP_MEMORY,
        g_param_spec_enum("memory", "Memory",
                          "What the slabs are made of; what cannot be had is replaced with a warning",
                          memoryType(), int(defaults.memory), kReady));
    add(PROP_SLABS, g_param_spec_uint("slabs", "Slabs",
                                      "Frames that can be under way at once, at least 2 (0 = computed: "
                                      "queue-depth + 7 + what the branches declare)",
                                      0, FreeWord::kMaxSlabs, defaults.slabs, kReady));
    add(PROP_NUMA_NODE, g_param_spec_int("numa-node", "NUMA node", "Memory node of the slabs (-1 = any)", -1,
                                         G_MAXINT, defaults.numaNode, kReady));
}

bool setReplayProperty(ReplaySettings &settings, guint id, const GValue *value)
{
    switch (id) {
    case PROP_LOCATION:
        settings.location = g_value_get_string(value) ? g_value_get_string(value) : "";
        return true;
    case PROP_PACING:
        settings.pacing = static_cast<ReplayPacing>(g_value_get_enum(value));
        return true;
    case PROP_FOLLOW:
        settings.follow = g_value_get_boolean(value);
        return true;
    case PROP_VERIFY:
        settings.fetch.verify = g_value_get_boolean(value);
        return true;
    case PROP_IO:
        settings.fetch.io = static_cast<FetchIo>(g_value_get_enum(value));
        return true;
    case PROP_QUEUE_DEPTH:
        settings.fetch.depth = g_value_get_uint(value);
        return true;
    case PROP_MEMORY:
        settings.memory = static_cast<MemoryKind>(g_value_get_enum(value));
        return true;
    case PROP_SLABS:
        settings.slabs = g_value_get_uint(value);
        return true;
    case PROP_NUMA_NODE:
        settings.numaNode = g_value_get_int(value);
        return true;
    default:
        return false;
    }
}

bool getReplayProperty(const ReplaySettings &settings, guint id, GValue *value)
{
    switch (id) {
    case PROP_LOCATION:
        g_value_set_string(value, settings.location.empty() ? nullptr : settings.location.c_str());
        return true;
    case PROP_PACING:
        g_value_set_enum(value, int(settings.pacing));
        return true;
    case PROP_FOLLOW:
        g_value_set_boolean(value, settings.follow);
        return true;
    case PROP_VERIFY:
        g_value_set_boolean(value, settings.fetch.verify);
        return true;
    case PROP_IO:
        g_value_set_enum(value, int(settings.fetch.io));
        return true;
    case PROP_QUEUE_DEPTH:
        g_value_set_uint(value, settings.fetch.depth);
        return true;
    case PROP_MEMORY:
        g_value_set_enum(value, int(settings.memory));
        return true;
    case PROP_SLABS:
        g_value_set_uint(value, settings.slabs);
        return true;
    case PROP_NUMA_NODE:
        g_value_set_int(value, settings.numaNode);
        return true;
    default:
        return false;
    }
}

} // namespace dmaslab
