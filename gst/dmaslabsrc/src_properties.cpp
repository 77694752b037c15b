// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslabsrc/src_properties.h"

#include "common/property_types.h"
#include "dmaslab/slab/free_word.h"

namespace dmaslab {

namespace {

GType backendType()
{
    static const GEnumValue values[] = {
        {int(Backend::Auto), "location set: files; otherwise an error, until there are camera backends",
         "auto"},
        {int(Backend::Test), "Synthetic camera, see pattern", "test"},
        {int(Backend::Files), "Frames from .npy or raw files, see location", "files"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstDmaSlabSrcBackend", values);
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
    static const GType type = enumType("GstDmaSlabSrcMemory", values);
    return type;
}

GType reuseType()
{
    static const GEnumValue values[] = {
        {int(Reuse::Lifo), "The slab released last is filled next: still in the cache", "lifo"},
        {int(Reuse::Fifo), "The slab released first is filled next: the newest frames stay intact longest",
         "fifo"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstDmaSlabSrcReuse", values);
    return type;
}

GType pacingType()
{
    static const GEnumValue values[] = {
        {int(Pacing::Auto), "test and files: deadline", "auto"},
        {int(Pacing::Deadline), "One frame at each deadline of the caps' framerate; live", "deadline"},
        {int(Pacing::Off), "As fast as downstream takes them; not live", "off"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstDmaSlabSrcPacing", values);
    return type;
}

GType overrunType()
{
    static const GEnumValue values[] = {
        {int(OnOverrun::Skip), "Leave out what is past, count it as dropped-overrun", "skip"},
        {int(OnOverrun::Burst), "Deliver what is past at once, until caught up", "burst"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstDmaSlabSrcOnOverrun", values);
    return type;
}

GType starvationType()
{
    static const GEnumValue values[] = {
        {int(OnStarvation::Auto), "drop when live, wait when not", "auto"},
        {int(OnStarvation::Drop), "Lose the frame, count it as dropped-starved", "drop"},
        {int(OnStarvation::Wait), "Wait until a slab comes back", "wait"},
        {int(OnStarvation::Error), "Post an error and stop", "error"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstDmaSlabSrcOnStarvation", values);
    return type;
}

GType patternType()
{
    static const GEnumValue values[] = {
        {int(Pattern::Counter), "Every byte depends on the frame's number; frames verify themselves",
         "counter"},
        {int(Pattern::Gradient), "A ramp that moves by one step per frame", "gradient"},
        {int(Pattern::Noise), "Pseudo-random pixels, fresh for each frame", "noise"},
        {int(Pattern::Prefilled),
         "Pixels laid once per slab, only a stamp of 64 bytes written per frame: no pixels move",
         "prefilled"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstDmaSlabSrcPattern", values);
    return type;
}

} // namespace

void installSrcProperties(GObjectClass *klass)
{
    const Settings defaults;
    const auto add = [klass](guint id, GParamSpec *spec) {
        g_object_class_install_property(klass, id, spec);
    };
    add(PROP_BACKEND, g_param_spec_enum("backend", "Backend", "Where frames come from", backendType(),
                                        int(defaults.backend), kReady));
    add(PROP_LOCATION,
        g_param_spec_string(
            "location", "Location",
            "A .npy file (2-D: one frame, 3-D: many), a directory of .npy files (in name order), "
            "or a raw file of frames back to back, whose size the caps must tell",
            nullptr, kReady));
    add(PROP_MEMORY,
        g_param_spec_enum("memory", "Memory",
                          "What the slabs are made of; what cannot be had is replaced with a warning",
                          memoryType(), int(defaults.memory), kReady));
    add(PROP_SLABS, g_param_spec_uint("slabs", "Slabs",
                                      "Frames that can be under way at once, at least 2 (0 = computed: rate "
                                      "x max-latency + rate x 20 ms + "
                                      "3 + what the branches declare)",
                                      0, FreeWord::kMaxSlabs, defaults.slabs, kReady));
    add(PROP_MAX_LATENCY,
        g_param_spec_uint64("max-latency", "Maximum latency",
                            "How long a frame may be under way, in ns; only sizes the pool when slabs is 0",
                            0, G_MAXINT64, defaults.maxLatencyNs, kReady));
    add(PROP_REUSE, g_param_spec_enum("reuse", "Reuse", "Which free slab is filled next", reuseType(),
                                      int(defaults.reuse), kReady));
    add(PROP_PACING, g_param_spec_enum("pacing", "Pacing", "Whether frames come at deadlines", pacingType(),
                                       int(defaults.pacing), kReady));
    add(PROP_MAX_RATE,
        gst_param_spec_fraction("max-rate", "Maximum rate",
                                "Leave out frames above this rate, without changing the times of the others "
                                "(0/1 = none); they count as skipped, not as dropped",
                                0, 1, G_MAXINT, 1, 0, 1, kPlaying));
    add(PROP_ON_OVERRUN, g_param_spec_enum("on-overrun", "On overrun", "What to do about missed deadlines",
                                           overrunType(), int(defaults.onOverrun), kReady));
    add(PROP_ON_STARVATION,
        g_param_spec_enum("on-starvation", "On starvation", "What to do when every slab is held downstream",
                          starvationType(), int(defaults.onStarvation), kReady));
    add(PROP_LOOP, g_param_spec_boolean("loop", "Loop", "files: begin again after the last frame",
                                        defaults.loop, kReady));
    add(PROP_PATTERN, g_param_spec_enum("pattern", "Pattern", "test: what the synthetic camera shows",
                                        patternType(), int(defaults.pattern), kReady));
    add(PROP_SPIN,
        g_param_spec_int("spin", "Spin",
                         "Wake this many microseconds before a deadline and spin (0 = never, -1 = as "
                         "little as this machine's own lateness asks for)",
                         -1, 1'000'000, defaults.spinUs, kReady));
    add(PROP_NUMA_NODE, g_param_spec_int("numa-node", "NUMA node", "Memory node of the slabs (-1 = any)", -1,
                                         G_MAXINT, defaults.numaNode, kReady));
}

bool setSrcProperty(Settings &settings, guint id, const GValue *value)
{
    switch (id) {
    case PROP_BACKEND:
        settings.backend = static_cast<Backend>(g_value_get_enum(value));
        return true;
    case PROP_LOCATION:
        settings.location = g_value_get_string(value) ? g_value_get_string(value) : "";
        return true;
    case PROP_MEMORY:
        settings.memory = static_cast<MemoryKind>(g_value_get_enum(value));
        return true;
    case PROP_SLABS:
        settings.slabs = g_value_get_uint(value);
        return true;
    case PROP_MAX_LATENCY:
        settings.maxLatencyNs = g_value_get_uint64(value);
        return true;
    case PROP_REUSE:
        settings.reuse = static_cast<Reuse>(g_value_get_enum(value));
        return true;
    case PROP_PACING:
        settings.pacing = static_cast<Pacing>(g_value_get_enum(value));
        return true;
    case PROP_ON_OVERRUN:
        settings.onOverrun = static_cast<OnOverrun>(g_value_get_enum(value));
        return true;
    case PROP_ON_STARVATION:
        settings.onStarvation = static_cast<OnStarvation>(g_value_get_enum(value));
        return true;
    case PROP_LOOP:
        settings.loop = g_value_get_boolean(value);
        return true;
    case PROP_PATTERN:
        settings.pattern = static_cast<Pattern>(g_value_get_enum(value));
        return true;
    case PROP_SPIN:
        settings.spinUs = g_value_get_int(value);
        return true;
    case PROP_NUMA_NODE:
        settings.numaNode = g_value_get_int(value);
        return true;
    default:
        return false;
    }
}

bool getSrcProperty(const Settings &settings, guint id, GValue *value)
{
    switch (id) {
    case PROP_BACKEND:
        g_value_set_enum(value, int(settings.backend));
        return true;
    case PROP_LOCATION:
        g_value_set_string(value, settings.location.empty() ? nullptr : settings.location.c_str());
        return true;
    case PROP_MEMORY:
        g_value_set_enum(value, int(settings.memory));
        return true;
    case PROP_SLABS:
        g_value_set_uint(value, settings.slabs);
        return true;
    case PROP_MAX_LATENCY:
        g_value_set_uint64(value, settings.maxLatencyNs);
        return true;
    case PROP_REUSE:
        g_value_set_enum(value, int(settings.reuse));
        return true;
    case PROP_PACING:
        g_value_set_enum(value, int(settings.pacing));
        return true;
    case PROP_ON_OVERRUN:
        g_value_set_enum(value, int(settings.onOverrun));
        return true;
    case PROP_ON_STARVATION:
        g_value_set_enum(value, int(settings.onStarvation));
        return true;
    case PROP_LOOP:
        g_value_set_boolean(value, settings.loop);
        return true;
    case PROP_PATTERN:
        g_value_set_enum(value, int(settings.pattern));
        return true;
    case PROP_SPIN:
        g_value_set_int(value, settings.spinUs);
        return true;
    case PROP_NUMA_NODE:
        g_value_set_int(value, settings.numaNode);
        return true;
    default:
        return false;
    }
}

} // namespace dmaslab
