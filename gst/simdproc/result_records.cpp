// SPDX-License-Identifier: LGPL-2.1-or-later
#include "simdproc/result_records.h"

#include <cstring>

#include "common/gst.h"
#include "simdproc/results_queue.h"

namespace dmaslab {

namespace {

/** Records in use: those that wait in the pad's queue, and some with frames that are still on their way. */
constexpr guint kRecords = 2 * ResultsQueue::kMostRecords;

template <typename T>
T get(const std::byte *record, std::size_t offset)
{
    T value{};
    if (offset != ResultLayout::kAbsent)
        std::memcpy(&value, record + offset, sizeof(T));
    return value;
}

template <typename T>
const T *arrayAt(const std::byte *record, std::size_t offset)
{
    return offset == ResultLayout::kAbsent ? nullptr : reinterpret_cast<const T *>(record + offset);
}

ObjectPtr<GstBufferPool> newPool(GstCaps *caps, guint bytes)
{
    ObjectPtr<GstBufferPool> pool(gst_dma_slab_buffer_pool_new());
    GstStructure *config = gst_buffer_pool_get_config(pool.get());
    gst_buffer_pool_config_set_params(config, caps, bytes, kRecords, kRecords);
    if (!gst_buffer_pool_set_config(pool.get(), config) || !gst_buffer_pool_set_active(pool.get(), TRUE))
        pool.reset();
    return pool;
}

template <typename T, typename SetValue>
void setArray(GstStructure *to, const char *name, const T *values, std::size_t count, GType type,
              const SetValue &set)
{
    if (!values)
        return;
    GValue array = G_VALUE_INIT;
    g_value_init(&array, GST_TYPE_ARRAY);
    for (std::size_t i = 0; i < count; ++i) {
        GValue value = G_VALUE_INIT;
        g_value_init(&value, type);
        set(&value, values[i]);
        gst_value_array_append_and_take_value(&array, &value);
    }
    gst_structure_take_value(to, name, &array);
}

} // namespace

bool ResultRecords::prepare(const FrameProcessor &processor, const ProcessSettings &settings,
                            gint rateNumerator, gint rateDenominator)
{
    reset();
    layout_ = processor.results();
    columns_ = settings.roiMode == RoiMode::None ? 0 : settings.roi.columns;
    rows_ = settings.roiMode == RoiMode::None ? 0 : settings.roi.rows;
    caps_.reset(gst_caps_new_simple("application/x-ndarray", "dtype", G_TYPE_STRING, "|u1", "shape",
                                    G_TYPE_STRING, std::to_string(layout_.bytes()).c_str(), "fields",
                                    G_TYPE_STRING, layout_.descr().c_str(), nullptr));
    if (rateNumerator > 0)
        gst_caps_set_simple(caps_.get(), "framerate", GST_TYPE_FRACTION, rateNumerator, rateDenominator,
                            nullptr);
    pool_ = newPool(caps_.get(), guint(layout_.bytes()));
    return pool_ != nullptr;
}

void ResultRecords::reset()
{
    if (pool_)
        gst_buffer_pool_set_active(pool_.get(), FALSE);
    pool_.reset();
    caps_.reset();
}

BufferPtr ResultRecords::take(GstMapInfo &map)
{
    GstBuffer *raw = nullptr;
    GstBufferPoolAcquireParams now{};
    now.flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT;
    // Whoever keeps frames keeps their records; the stream does not wait for that.
    const bool isPooled = gst_buffer_pool_acquire_buffer(pool_.get(), &raw, &now) == GST_FLOW_OK;
    if (!isPooled)
        raw = gst_buffer_new_allocate(nullptr, layout_.bytes(), nullptr);
    BufferPtr record(raw);
    if (!record || !gst_buffer_map(record.get(), &map, GST_MAP_WRITE))
        return nullptr;
    if (!isPooled)
        std::memset(map.data, 0, map.size); // the reserved bytes; those of a slab were never anything else
    return record;
}

void ResultRecords::attach(GstBuffer *frame, GstBuffer *record, const std::byte *data) const
{
    // One that measures after another says what it saw; the other's results are on its own pad.
    while (GstDmaSlabResultsMeta *earlier = gst_buffer_get_dma_slab_results_meta(frame))
        gst_buffer_remove_meta(frame, &earlier->meta);
    GstDmaSlabResultsMeta *meta = gst_buffer_add_dma_slab_results_meta(frame, record);
    meta->sequence = get<guint64>(data, layout_.sequence);
    meta->pts = get<guint64>(data, layout_.pts);
    meta->has_statistics = layout_.mean != ResultLayout::kAbsent;
    meta->min = get<guint16>(data, layout_.min);
    meta->max = get<guint16>(data, layout_.max);
    meta->mean = get<gdouble>(data, layout_.mean);
    meta->variance = get<gdouble>(data, layout_.variance);
    meta->brightness = get<gdouble>(data, layout_.brightness);
    meta->saturated = get<guint64>(data, layout_.saturated);
    meta->has_motion = layout_.changed != ResultLayout::kAbsent;
    meta->changed = get<guint64>(data, layout_.changed);
    meta->histogram = arrayAt<guint32>(data, layout_.histogram);
    meta->roi_columns = columns_;
    meta->roi_rows = rows_;
    meta->roi_sums = arrayAt<guint64>(data, layout_.sums);
    meta->roi_occupied = arrayAt<guint8>(data, layout_.occupied);
    meta->roi_x = arrayAt<gfloat>(data, layout_.x);
    meta->roi_y = arrayAt<gfloat>(data, layout_.y);
}

StructurePtr ResultRecords::message(GstBuffer *record) const
{
    StructurePtr to(gst_structure_new_empty("dmaslab-results"));
    GstMapInfo map;
    if (!gst_buffer_map(record, &map, GST_MAP_READ))
        return to;
    const auto *data = reinterpret_cast<const std::byte *>(map.data);
    const std::size_t count = std::size_t{columns_} * rows_;
    gst_structure_set(to.get(), "sequence", G_TYPE_UINT64, get<guint64>(data, layout_.sequence), "pts",
                      G_TYPE_UINT64, get<guint64>(data, layout_.pts), nullptr);
    if (layout_.mean != ResultLayout::kAbsent)
        gst_structure_set(to.get(), "min", G_TYPE_UINT, guint(get<guint16>(data, layout_.min)), "max",
                          G_TYPE_UINT, guint(get<guint16>(data, layout_.max)), "mean", G_TYPE_DOUBLE,
                          get<gdouble>(data, layout_.mean), "variance", G_TYPE_DOUBLE,
                          get<gdouble>(data, layout_.variance), "brightness", G_TYPE_DOUBLE,
                          get<gdouble>(data, layout_.brightness), "saturated", G_TYPE_UINT64,
                          get<guint64>(data, layout_.saturated), nullptr);
    if (layout_.changed != ResultLayout::kAbsent)
        gst_structure_set(to.get(), "changed", G_TYPE_UINT64, get<guint64>(data, layout_.changed), nullptr);
    if (count != 0)
        gst_structure_set(to.get(), "columns", G_TYPE_UINT, columns_, "rows", G_TYPE_UINT, rows_, nullptr);
    setArray(to.get(), "histogram", arrayAt<guint32>(data, layout_.histogram), ResultLayout::kHistogramBins,
             G_TYPE_UINT, g_value_set_uint);
    setArray(to.get(), "sums", arrayAt<guint64>(data, layout_.sums), count, G_TYPE_UINT64,
             g_value_set_uint64);
    setArray(to.get(), "occupied", arrayAt<guint8>(data, layout_.occupied), count, G_TYPE_UINT,
             [](GValue *value, guint8 is) { g_value_set_uint(value, is); });
    setArray(to.get(), "x", arrayAt<gfloat>(data, layout_.x), count, G_TYPE_DOUBLE,
             [](GValue *value, gfloat at) { g_value_set_double(value, double(at)); });
    setArray(to.get(), "y", arrayAt<gfloat>(data, layout_.y), count, G_TYPE_DOUBLE,
             [](GValue *value, gfloat at) { g_value_set_double(value, double(at)); });
    gst_buffer_unmap(record, &map);
    return to;
}

} // namespace dmaslab
