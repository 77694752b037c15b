// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchive/archive_properties.h"

#include "common/property_types.h"
#include "uringarchive/archive_json.h"

namespace dmaslab {

namespace {

GType layoutType()
{
    static const GEnumValue values[] = {
        {int(ArchiveLayout::Auto), "The first of the others that copies nothing", "auto"},
        {int(ArchiveLayout::Plain), "(N, H, W): only where a frame is a multiple of 4096 bytes", "plain"},
        {int(ArchiveLayout::Rows), "(N, H', W): rows without pixels below the picture", "rows"},
        {int(ArchiveLayout::Record), "Structured: pixels and a pad", "record"},
        {int(ArchiveLayout::Blob), "Bytes, each frame with its own length", "blob"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstUringArchiveLayout", values);
    return type;
}

GType ioType()
{
    static const GEnumValue values[] = {
        {int(ArchiveIo::Auto), "io_uring, else a thread that writes, with a warning", "auto"},
        {int(ArchiveIo::Uring), "io_uring, or an error", "uring"},
        {int(ArchiveIo::Pwrite), "A thread that writes", "pwrite"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstUringArchiveIo", values);
    return type;
}

GType checksumType()
{
    static const GEnumValue values[] = {
        {0, "Frames are not hashed: they cannot be verified, nor regained after a crash", "none"},
        {1, "XXH3-64 of each frame, in the index", "xxh3"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstUringArchiveChecksum", values);
    return type;
}

GType onFullType()
{
    static const GEnumValue values[] = {
        {int(OnFull::Auto), "drop when upstream is live, wait when not", "auto"},
        {int(OnFull::Drop), "Lose the frame, count it as dropped-full", "drop"},
        {int(OnFull::Wait), "Wait until the disk has taken one", "wait"},
        {int(OnFull::Error), "Post an error and stop", "error"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstUringArchiveOnFull", values);
    return type;
}

GType onDiskFullType()
{
    static const GEnumValue values[] = {
        {int(OnDiskFull::Error), "Post an error and stop", "error"},
        {int(OnDiskFull::Drop), "Lose frames, counted as dropped-disk-full, until there is room again",
         "drop"},
        {int(OnDiskFull::Recycle), "Overwrite the oldest segment of this recording", "recycle"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstUringArchiveOnDiskFull", values);
    return type;
}

constexpr guint64 kLeastSegment = 1 << 16;
constexpr guint kMostHeld = 1 << 16;

template <typename Add>
void installWhat(const Add &add, const ArchiveSettings &defaults)
{
    add(PROP_LOCATION,
        g_param_spec_string(
            "location", "Location",
            "The directory of the recording, with strftime places such as rec-%Y%m%d-%H%M%S. Its parent "
            "must be there, the directory itself must not (or be empty). A name with a time that is taken, "
            "and "
            "a further recording of the same run, get a suffix",
            nullptr, kReady));
    add(PROP_NUM_FRAMES,
        g_param_spec_uint64("num-frames", "Number of frames",
                            "A recording closes after so many frames; recording becomes false (0 = no limit)",
                            0, G_MAXUINT64, defaults.numFrames, kReady));
    add(PROP_EVERY_NTH,
        g_param_spec_uint("every-nth", "Every Nth",
                          "Record frames whose number modulo every-nth is nth-phase (0 = none); the others "
                          "count as skipped",
                          0, G_MAXUINT, defaults.everyNth, kReady));
    add(PROP_NTH_PHASE, g_param_spec_uint("nth-phase", "Phase of every Nth", "See every-nth", 0, G_MAXUINT,
                                          defaults.nthPhase, kReady));
    add(PROP_LAYOUT, g_param_spec_enum("layout", "Layout", "How frames lie in the files", layoutType(),
                                       int(defaults.layout), kReady));
    add(PROP_METADATA,
        g_param_spec_boxed("metadata", "Metadata", "Goes into the manifest, beside the tags of the stream",
                           GST_TYPE_STRUCTURE, kReady));
}

template <typename Add>
void installSegments(const Add &add, const WriterSettings &defaults)
{
    add(PROP_SEGMENT_BYTES,
        g_param_spec_uint64(
            "segment-bytes", "Bytes of a segment",
            "A file of frames has so many bytes at most, and takes them from the disk ahead of "
            "its use",
            kLeastSegment, G_MAXINT64, defaults.segmentBytes, kReady));
    add(PROP_SEGMENT_FRAMES, g_param_spec_uint64("segment-frames", "Frames of a segment",
                                                 "A file has so many frames at most (0 = no limit)", 0,
                                                 G_MAXUINT64, defaults.segmentFrames, kReady));
    add(PROP_SEGMENT_TIME,
        g_param_spec_uint64("segment-time", "Time of a segment",
                            "A file has the frames of so much time at most, in ns (0 = no limit)", 0,
                            G_MAXINT64, guint64(defaults.segmentTimeNs), kReady));
    add(PROP_MAX_SEGMENTS,
        g_param_spec_uint("max-segments", "Maximum of segments",
                          "Keep so many files, at least 3, and overwrite the oldest (0 = keep all)", 0,
                          G_MAXUINT, defaults.maxSegments, kReady));
}

template <typename Add>
void installWriting(const Add &add, const WriterSettings &defaults, OnFull onFull)
{
    add(PROP_QUEUE_DEPTH, g_param_spec_uint("queue-depth", "Queue depth", "Writes under way at once", 1, 1024,
                                            defaults.queueDepth, kReady));
    add(PROP_BATCH_TIME, g_param_spec_uint64("batch-time", "Batch time",
                                             "The writer wakes so often, in ns, and writes what has come",
                                             GST_USECOND, GST_SECOND, guint64(defaults.batchTimeNs), kReady));
    add(PROP_COMMIT_INTERVAL,
        g_param_spec_uint64(
            "commit-interval", "Commit interval",
            "Frames become durable, and are counted, so often, in ns: what a power failure may "
            "cost",
            GST_MSECOND, 3600 * GST_SECOND, guint64(defaults.commitIntervalNs), kReady));
    add(PROP_MAX_HELD,
        g_param_spec_uint("max-held", "Maximum of held frames",
                          "Frames this element may hold (0 = computed: queue-depth + rate / every-nth x "
                          "(batch-time + 50 ms) + 4)",
                          0, kMostHeld, defaults.maxHeld, kReady));
    add(PROP_IO, g_param_spec_enum("io", "I/O", "How files are written", ioType(), int(defaults.io), kReady));
    add(PROP_DIRECT, g_param_spec_boolean("direct", "Direct",
                                          "Write past the page cache (O_DIRECT) where the file system can",
                                          defaults.direct, kReady));
    add(PROP_REGISTER_BUFFERS,
        g_param_spec_boolean(
            "register-buffers", "Register buffers",
            "Pin the memory of slabs once, not for each write; counts against RLIMIT_MEMLOCK",
            defaults.registerBuffers, kReady));
    add(PROP_CHECKSUM, g_param_spec_enum("checksum", "Checksum", "What the index has to verify a frame by",
                                         checksumType(), defaults.checksum ? 1 : 0, kReady));
    add(PROP_ON_FULL, g_param_spec_enum("on-full", "On full",
                                        "What to do with a frame when max-held frames wait for the disk",
                                        onFullType(), int(onFull), kReady));
    add(PROP_ON_DISK_FULL, g_param_spec_enum("on-disk-full", "On disk full",
                                             "What to do when the disk has no room for another segment",
                                             onDiskFullType(), int(defaults.onDiskFull), kReady));
    add(PROP_CPU, g_param_spec_int("cpu", "CPU", "Run the writer's thread on this CPU only (-1 = anywhere)",
                                   -1, G_MAXINT, defaults.cpu, kReady));
    add(PROP_RT_PRIORITY,
        g_param_spec_int(
            "rt-priority", "Real-time priority",
            "Run the writer's thread as SCHED_FIFO at this priority (0 = normal scheduling). Needs "
            "CAP_SYS_NICE or RLIMIT_RTPRIO, else a warning",
            0, 99, defaults.rtPriority, kReady));
}

} // namespace

void installArchiveProperties(GObjectClass *klass)
{
    const ArchiveSettings defaults;
    const auto add = [klass](guint id, GParamSpec *spec) {
        g_object_class_install_property(klass, id, spec);
    };
    installWhat(add, defaults);
    installSegments(add, defaults.writer);
    installWriting(add, defaults.writer, defaults.onFull);
}

bool setArchiveProperty(ArchiveValues &values, guint id, const GValue *value)
{
    ArchiveSettings &settings = values.settings;
    WriterSettings &writer = settings.writer;
    switch (id) {
    case PROP_LOCATION:
        settings.location = g_value_get_string(value) ? g_value_get_string(value) : "";
        return true;
    case PROP_NUM_FRAMES:
        settings.numFrames = g_value_get_uint64(value);
        return true;
    case PROP_EVERY_NTH:
        settings.everyNth = g_value_get_uint(value);
        return true;
    case PROP_NTH_PHASE:
        settings.nthPhase = g_value_get_uint(value);
        return true;
    case PROP_LAYOUT:
        settings.layout = static_cast<ArchiveLayout>(g_value_get_enum(value));
        return true;
    case PROP_SEGMENT_BYTES:
        writer.segmentBytes = g_value_get_uint64(value);
        return true;
    case PROP_SEGMENT_FRAMES:
        writer.segmentFrames = g_value_get_uint64(value);
        return true;
    case PROP_SEGMENT_TIME:
        writer.segmentTimeNs = std::int64_t(g_value_get_uint64(value));
        return true;
    case PROP_MAX_SEGMENTS:
        writer.maxSegments = g_value_get_uint(value);
        return true;
    case PROP_QUEUE_DEPTH:
        writer.queueDepth = g_value_get_uint(value);
        return true;
    case PROP_BATCH_TIME:
        writer.batchTimeNs = std::int64_t(g_value_get_uint64(value));
        return true;
    case PROP_COMMIT_INTERVAL:
        writer.commitIntervalNs = std::int64_t(g_value_get_uint64(value));
        return true;
    case PROP_MAX_HELD:
        writer.maxHeld = g_value_get_uint(value);
        return true;
    case PROP_IO:
        writer.io = static_cast<ArchiveIo>(g_value_get_enum(value));
        return true;
    case PROP_DIRECT:
        writer.direct = g_value_get_boolean(value);
        return true;
    case PROP_REGISTER_BUFFERS:
        writer.registerBuffers = g_value_get_boolean(value);
        return true;
    case PROP_CHECKSUM:
        writer.checksum = g_value_get_enum(value) != 0;
        return true;
    case PROP_ON_FULL:
        settings.onFull = static_cast<OnFull>(g_value_get_enum(value));
        return true;
    case PROP_ON_DISK_FULL:
        writer.onDiskFull = static_cast<OnDiskFull>(g_value_get_enum(value));
        return true;
    case PROP_METADATA:
        values.metadata.reset(static_cast<GstStructure *>(g_value_dup_boxed(value)));
        settings.metadataExcess = excessOf(values.metadata.get());
        settings.metadataJson =
            settings.metadataExcess.empty() ? structureToJson(values.metadata.get()) : "{}";
        return true;
    case PROP_CPU:
        writer.cpu = g_value_get_int(value);
        return true;
    case PROP_RT_PRIORITY:
        writer.rtPriority = g_value_get_int(value);
        return true;
    default:
        return false;
    }
}

bool getArchiveProperty(const ArchiveValues &values, guint id, GValue *value)
{
    const ArchiveSettings &settings = values.settings;
    const WriterSettings &writer = settings.writer;
    switch (id) {
    case PROP_LOCATION:
        g_value_set_string(value, settings.location.empty() ? nullptr : settings.location.c_str());
        return true;
    case PROP_NUM_FRAMES:
        g_value_set_uint64(value, settings.numFrames);
        return true;
    case PROP_EVERY_NTH:
        g_value_set_uint(value, settings.everyNth);
        return true;
    case PROP_NTH_PHASE:
        g_value_set_uint(value, settings.nthPhase);
        return true;
    case PROP_LAYOUT:
        g_value_set_enum(value, int(settings.layout));
        return true;
    case PROP_SEGMENT_BYTES:
        g_value_set_uint64(value, writer.segmentBytes);
        return true;
    case PROP_SEGMENT_FRAMES:
        g_value_set_uint64(value, writer.segmentFrames);
        return true;
    case PROP_SEGMENT_TIME:
        g_value_set_uint64(value, guint64(writer.segmentTimeNs));
        return true;
    case PROP_MAX_SEGMENTS:
        g_value_set_uint(value, writer.maxSegments);
        return true;
    case PROP_QUEUE_DEPTH:
        g_value_set_uint(value, writer.queueDepth);
        return true;
    case PROP_BATCH_TIME:
        g_value_set_uint64(value, guint64(writer.batchTimeNs));
        return true;
    case PROP_COMMIT_INTERVAL:
        g_value_set_uint64(value, guint64(writer.commitIntervalNs));
        return true;
    case PROP_MAX_HELD:
        g_value_set_uint(value, writer.maxHeld);
        return true;
    case PROP_IO:
        g_value_set_enum(value, int(writer.io));
        return true;
    case PROP_DIRECT:
        g_value_set_boolean(value, writer.direct);
        return true;
    case PROP_REGISTER_BUFFERS:
        g_value_set_boolean(value, writer.registerBuffers);
        return true;
    case PROP_CHECKSUM:
        g_value_set_enum(value, writer.checksum ? 1 : 0);
        return true;
    case PROP_ON_FULL:
        g_value_set_enum(value, int(settings.onFull));
        return true;
    case PROP_ON_DISK_FULL:
        g_value_set_enum(value, int(writer.onDiskFull));
        return true;
    case PROP_METADATA:
        g_value_set_boxed(value, values.metadata.get());
        return true;
    case PROP_CPU:
        g_value_set_int(value, writer.cpu);
        return true;
    case PROP_RT_PRIORITY:
        g_value_set_int(value, writer.rtPriority);
        return true;
    default:
        return false;
    }
}

} // namespace dmaslab
