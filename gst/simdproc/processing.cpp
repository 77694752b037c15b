// SPDX-License-Identifier: LGPL-2.1-or-later
#include "simdproc/processing.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "common/gst.h"
#include "common/messages.h"
#include "dmaslab/ring/futex.h"

GST_DEBUG_CATEGORY_EXTERN(gst_simd_proc_debug);
#define GST_CAT_DEFAULT gst_simd_proc_debug

namespace dmaslab {

namespace {

/**
 * A buffer of ours alone may share its memory with another, or the memory may be for reading only, of which
 * gst_buffer_is_all_memory_writable() knows nothing: mapping it to write would make the core copy it without
 * a word.
 */
bool mayWrite(GstBuffer *buffer)
{
    if (!gst_buffer_is_writable(buffer) || !gst_buffer_is_all_memory_writable(buffer))
        return false;
    for (guint i = 0; i < gst_buffer_n_memory(buffer); ++i) {
        if (GST_MEMORY_IS_READONLY(gst_buffer_peek_memory(buffer, i)))
            return false;
    }
    return true;
}

} // namespace

Processing::Processing(GstBaseTransform *element) : element_(element), results_(GST_ELEMENT_CAST(element))
{
    gst_segment_init(&segment_, GST_FORMAT_TIME);
}

bool Processing::start(const ProcWish &wish, guint messageEvery)
{
    settings_ = wish.settings;
    setWish(std::make_shared<const ProcWish>(wish));
    messageEvery_ = messageEvery;
    counters_.start();
    time_.reset();
    results_.resetCounts();
    counted_ = measured_ = 0;
    inPlace_.store(0, std::memory_order_relaxed);
    allocated_.store(0, std::memory_order_relaxed);
    level_.store(bestSimdLevel(wish.settings.simd), std::memory_order_relaxed);
    ledger_.clear();
    refused_.reset();
    return true;
}

void Processing::stop()
{
    counters_.stop();
    results_.clear();
    results_.setFormat(nullptr);
    processor_.reset();
    records_.reset();
    setWish(nullptr);
}

void Processing::setWish(std::shared_ptr<const ProcWish> wish)
{
    const ObjectLocker lock(element_);
    wish_.swap(wish);
}

std::shared_ptr<const ProcWish> Processing::wish() const
{
    const ObjectLocker lock(element_);
    return wish_;
}

bool Processing::setCaps(GstCaps *in, GstCaps *out)
{
    if (refused_ && gst_caps_is_equal(refused_.get(), in))
        return false; // what is wrong has been said
    const auto input = pictureLayoutFromCaps(in);
    const auto output = pictureLayoutFromCaps(out);
    if (!input || !output)
        return refuse(in, !input ? input.error() : output.error());
    ProcessSettings settings = settings_;
    settings.unpack = output->format.packing != input->format.packing;
    auto processor = FrameProcessor::make(input->format, settings);
    if (!processor)
        return refuse(in, processor.error());
    const PictureFormat &made = (*processor)->output();
    if (made.width != output->format.width || made.height != output->format.height ||
        made.packing != output->format.packing)
        return refuse(in, {Errc::InvalidArgument,
                           "the properties make a picture of " + std::to_string(made.width) + "x" +
                               std::to_string(made.height) + " pixels, the caps behind it ask for " +
                               std::to_string(output->format.width) + "x" +
                               std::to_string(output->format.height) +
                               "; take the caps filter away, or set crop and bin",
                           0});
    refused_.reset();
    processor_ = std::move(*processor);
    input_ = *input;
    output_ = *output;
    occupancyThreshold_.store(processor_->occupancy().counts, std::memory_order_relaxed);
    records_.reset();
    if (settings.measures()) {
        gint numerator = 0, denominator = 1;
        gst_structure_get_fraction(gst_caps_get_structure(in, 0), "framerate", &numerator, &denominator);
        if (!records_.prepare(*processor_, settings, numerator, denominator))
            return refuse(in, {Errc::NoMemory, "no memory for records of results", 0});
    }
    results_.setFormat(records_.caps());
    sayIfNothingIsMeasured();
    GST_INFO_OBJECT(element_, "%ux%u to %ux%u, simd=%s%s%s", input_.format.width, input_.format.height,
                    made.width, made.height, std::string(toString(processor_->level())).c_str(),
                    processor_->changesPixels() ? ", pixels change" : ", pixels pass",
                    processor_->worksInPlace() ? ", in place" : "");
    return true;
}

bool Processing::refuse(GstCaps *in, Error error)
{
    refused_.reset(gst_caps_ref(in));
    error.message = std::string(GST_OBJECT_NAME(element_)) + ": " + error.message;
    postError(GST_ELEMENT_CAST(element_), error);
    return false;
}

/** A pad that never sends anything looks like a fault, and a sink behind it keeps the pipeline from starting.
 */
void Processing::sayIfNothingIsMeasured()
{
    if (settings_.measures() || !results_.exists())
        return;
    GST_ELEMENT_WARNING(element_, CORE, PAD,
                        ("%s: nothing is measured, so the pad 'results' sends no record; set statistics, "
                         "histogram, motion or roi-mode, or do not request the pad",
                         GST_OBJECT_NAME(element_)),
                        (nullptr));
}

void Processing::setSegment(const GstSegment &segment)
{
    segment_ = segment;
    results_.setSegment(segment);
}

void Processing::flush()
{
    if (processor_)
        processor_->forget();
}

BufferPtr Processing::placeFor(GstBuffer *in)
{
    const auto same = [](GstBuffer *buffer) { return BufferPtr(buffer); };
    if (!processor_ || (!processor_->changesPixels() && !settings_.measures()))
        return same(in);
    if (!processor_->changesPixels()) { // results are tied to the buffer; its memory may be anybody's
        if (gst_buffer_is_writable(in))
            return same(in);
        BufferPtr shared(gst_buffer_copy(in));
        for (guint i = 0; shared && i < gst_buffer_n_memory(shared.get()); ++i) {
            const GstMemory *memory = gst_buffer_peek_memory(shared.get(), i);
            if (memory != gst_buffer_peek_memory(in, i)) // of a kind that may not be shared
                counters_.countCopied(memory->size);
        }
        return shared;
    }
    return processor_->worksInPlace() && mayWrite(in) ? same(in) : nullptr;
}

BufferPtr Processing::newFrame(GstBufferPool *pool)
{
    GstBuffer *raw = nullptr;
    GstBufferPoolAcquireParams now{};
    now.flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT;
    // No waiting: an encoder that looks ahead would wait for the next frame, and we for one of its own.
    if (pool && (gst_buffer_pool_is_active(pool) || gst_buffer_pool_set_active(pool, TRUE)) &&
        gst_buffer_pool_acquire_buffer(pool, &raw, &now) == GST_FLOW_OK)
        return BufferPtr(raw);
    GstAllocationParams params;
    gst_allocation_params_init(&params);
    params.align = kVectorAlign;
    BufferPtr fresh(gst_buffer_new_allocate(nullptr, output_.frameBytes, &params));
    if (!fresh) {
        GST_ELEMENT_ERROR(element_, RESOURCE, NO_SPACE_LEFT,
                          ("%s: no memory for a frame of %" G_GSIZE_FORMAT " bytes",
                           GST_OBJECT_NAME(element_), output_.frameBytes),
                          (nullptr));
        return nullptr;
    }
    if (allocated_.fetch_add(1, std::memory_order_relaxed) == 0)
        GST_ELEMENT_WARNING(element_, RESOURCE, NO_SPACE_LEFT,
                            ("%s: the elements behind it hold every slab, more than they said; frames beyond "
                             "that are allocated one by one. A queue with max-size-buffers=2 holds fewer; "
                             "slabqueue says how many it holds",
                             GST_OBJECT_NAME(element_)),
                            (nullptr));
    return fresh;
}

GstFlowReturn Processing::process(GstBuffer *in, GstBuffer *out)
{
    counters_.countIn();
    const std::uint64_t number = numberOf(in);
    const bool measures = settings_.measures();
    GstMapInfo map;
    BufferPtr record;
    std::span<std::byte> bytes;
    if (measures) {
        record = records_.take(map);
        if (!record) {
            counters_.countRefused();
            GST_ELEMENT_ERROR(element_, RESOURCE, NO_SPACE_LEFT,
                              ("%s: no memory for results", GST_OBJECT_NAME(element_)), (nullptr));
            return GST_FLOW_ERROR;
        }
        bytes = {reinterpret_cast<std::byte *>(map.data), map.size};
    }
    const GstFlowReturn flow = run(in, out, bytes);
    if (record && flow == GST_FLOW_OK) {
        const guint64 stamps[2] = {number, GST_BUFFER_PTS(in)};
        std::memcpy(bytes.data(), stamps, sizeof stamps);
    }
    const auto *data = bytes.data(); // stays where it is: both kinds of memory have one mapping for life
    if (record)
        gst_buffer_unmap(record.get(), &map);
    if (flow != GST_FLOW_OK)
        return flow;
    if (record) {
        GST_BUFFER_PTS(record.get()) = GST_BUFFER_PTS(in);
        GST_BUFFER_DURATION(record.get()) = GST_BUFFER_DURATION(in);
        GST_BUFFER_OFFSET(record.get()) = number;
        GST_BUFFER_OFFSET_END(record.get()) = number + 1;
        records_.attach(out, record.get(), data);
        results_.send(record.get(), number);
        if (messageEvery_ != 0 && measured_++ % messageEvery_ == 0)
            gst_element_post_message(
                GST_ELEMENT_CAST(element_),
                gst_message_new_element(GST_OBJECT_CAST(element_), records_.message(record.get()).release()));
    }
    counters_.countOut(gst_buffer_get_size(out));
    return GST_FLOW_OK;
}

GstFlowReturn Processing::run(GstBuffer *in, GstBuffer *out, std::span<std::byte> record)
{
    const bool changes = processor_->changesPixels();
    const bool inPlace = changes && in == out;
    const PictureMap from(in, input_, inPlace ? GST_MAP_READWRITE : GST_MAP_READ);
    if (!from.data()) {
        lose(in, LossReason::Corrupt, "is smaller than its caps say, or cannot be mapped");
        return GST_BASE_TRANSFORM_FLOW_DROPPED;
    }
    const std::int64_t begun = monotonicNowNs();
    if (!changes || inPlace) {
        processor_->process({from.data(), from.stride(), changes ? from.data() : nullptr, from.stride()},
                            record);
        inPlace_.fetch_add(inPlace ? 1 : 0, std::memory_order_relaxed);
    } else {
        const PictureMap to(out, output_, GST_MAP_WRITE);
        if (!to.data()) {
            counters_.countRefused();
            GST_ELEMENT_ERROR(element_, RESOURCE, WRITE,
                              ("%s: its own frame cannot be written", GST_OBJECT_NAME(element_)), (nullptr));
            return GST_FLOW_ERROR;
        }
        processor_->process({from.data(), from.stride(), to.data(), to.stride()}, record);
    }
    if (time_.record(monotonicNowNs() - begun))
        gst_element_post_message(GST_ELEMENT_CAST(element_),
                                 gst_message_new_latency(GST_OBJECT_CAST(element_)));
    return GST_FLOW_OK;
}

void Processing::lose(GstBuffer *buffer, LossReason reason, const char *why)
{
    const std::uint64_t number = counted_ - 1; // numberOf() has been there
    counters_.countDropped(reason);
    ledger_.record(reason, number, number, runningTime(segment_, GST_BUFFER_PTS(buffer)));
    GST_WARNING_OBJECT(element_, "frame %" G_GUINT64_FORMAT " %s", guint64(number), why);
}

std::vector<EventPtr> Processing::takeLosses()
{
    auto losses = takeLossEvents(ledger_, GST_ELEMENT_CAST(element_));
    for (const EventPtr &loss : losses)
        results_.event(loss.get());
    return losses;
}

std::uint64_t Processing::numberOf(GstBuffer *buffer)
{
    const std::uint64_t number = frameSequence(buffer).value_or(counted_);
    counted_ = number + 1;
    return number;
}

StructurePtr Processing::stats() const
{
    StructurePtr stats = counters_.toStructure();
    const auto times = time_.summary();
    const std::string level(toString(level_.load(std::memory_order_relaxed)));
    gst_structure_set(stats.get(), "frames-in-place", G_TYPE_UINT64,
                      guint64(inPlace_.load(std::memory_order_relaxed)), "frames-allocated", G_TYPE_UINT64,
                      guint64(allocated_.load(std::memory_order_relaxed)), "results-sent", G_TYPE_UINT64,
                      guint64(results_.sent()), "results-dropped", G_TYPE_UINT64, guint64(results_.dropped()),
                      "processing-p50", G_TYPE_UINT64, guint64(times.p50), "processing-p99", G_TYPE_UINT64,
                      guint64(times.p99), "processing-max", G_TYPE_UINT64, guint64(times.max), "simd",
                      G_TYPE_STRING, level.c_str(), nullptr);
    if (const std::uint64_t threshold = occupancyThreshold_.load(std::memory_order_relaxed); threshold != 0)
        gst_structure_set(stats.get(), "occupancy-threshold", G_TYPE_UINT64, guint64(threshold), nullptr);
    return stats;
}

} // namespace dmaslab
