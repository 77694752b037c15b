// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include <gst/base/gstbasetransform.h>

#include "common/handles.h"
#include "common/loss_ledger.h"
#include "common/stats.h"
#include "dmaslab/pacing/lateness_histogram.h"
#include "dmaslab/process/processor.h"
#include "simdproc/picture_map.h"
#include "simdproc/proc_caps.h"
#include "simdproc/result_records.h"
#include "simdproc/results_pad.h"

namespace dmaslab {

/** What happens to a frame between the pads: which memory it leaves in, and what was measured. */
class Processing
{
public:
    explicit Processing(GstBaseTransform *element);

    /** On the way to PAUSED; false after an error was posted. */
    [[nodiscard]] bool start(const ProcWish &wish, guint messageEvery);
    void stop();
    /** False after an error was posted. */
    [[nodiscard]] bool setCaps(GstCaps *in, GstCaps *out);
    void setSegment(const GstSegment &segment);
    void flush();

    /** Where the frame goes out: the same buffer, one that shares its memory, or null: a slab of the pool. */
    [[nodiscard]] BufferPtr placeFor(GstBuffer *in) const;
    [[nodiscard]] GstFlowReturn process(GstBuffer *in, GstBuffer *out);
    /** Losses of ours, to be pushed before the next frame or the end. */
    [[nodiscard]] std::vector<EventPtr> takeLosses();

    [[nodiscard]] const ProcWish &wish() const { return wish_; }
    [[nodiscard]] const FrameProcessor *processor() const { return processor_.get(); }
    [[nodiscard]] const PictureLayout &outputLayout() const { return output_; }
    /** Slower than any frame so far, rounded up; what the element adds to the latency. */
    [[nodiscard]] GstClockTime latency() const { return latency_.load(std::memory_order_relaxed); }
    [[nodiscard]] StructurePtr stats() const;
    [[nodiscard]] ResultsPad &results() { return results_; }

private:
    void lose(GstBuffer *buffer, LossReason reason, const char *why);
    [[nodiscard]] GstFlowReturn run(GstBuffer *in, GstBuffer *out, std::span<std::byte> record);
    void noteTime(std::int64_t ns);
    [[nodiscard]] std::uint64_t numberOf(GstBuffer *buffer);

    GstBaseTransform *const element_;
    ProcWish wish_;
    guint messageEvery_ = 0;
    std::unique_ptr<FrameProcessor> processor_;
    PictureLayout input_, output_;
    ResultRecords records_;
    ResultsPad results_;
    FrameCounters counters_{LossReason::Corrupt};
    LossLedger ledger_;
    GstSegment segment_;
    std::uint64_t counted_ = 0; ///< number of the next frame of a stream that has none
    std::uint64_t measured_ = 0;
    LatenessHistogram times_;
    std::atomic<GstClockTime> latency_{0};
    std::atomic<std::uint64_t> inPlace_{0};
    std::atomic<SimdLevel> level_{SimdLevel::Auto};
    std::atomic<std::uint64_t> occupancyThreshold_{0};
};

} // namespace dmaslab
