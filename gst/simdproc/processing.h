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
#include "dmaslab/process/processor.h"
#include "simdproc/picture_map.h"
#include "simdproc/proc_caps.h"
#include "simdproc/processing_time.h"
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
    [[nodiscard]] BufferPtr placeFor(GstBuffer *in);
    /** A slab of the pool, or other memory when downstream holds them all; null after an error was posted. */
    [[nodiscard]] BufferPtr newFrame(GstBufferPool *pool);
    [[nodiscard]] GstFlowReturn process(GstBuffer *in, GstBuffer *out);
    /** Losses of ours, to be pushed before the next frame or the end. */
    [[nodiscard]] std::vector<EventPtr> takeLosses();

    /** Null before start() and after stop(), when properties may change. Any thread. */
    [[nodiscard]] std::shared_ptr<const ProcWish> wish() const;
    [[nodiscard]] const FrameProcessor *processor() const { return processor_.get(); }
    [[nodiscard]] const PictureLayout &outputLayout() const { return output_; }
    /** What the element adds to the pipeline's. */
    [[nodiscard]] GstClockTime latency() const { return time_.latency(); }
    [[nodiscard]] StructurePtr stats() const;
    [[nodiscard]] ResultsPad &results() { return results_; }

private:
    void lose(GstBuffer *buffer, LossReason reason, const char *why);
    [[nodiscard]] GstFlowReturn run(GstBuffer *in, GstBuffer *out, std::span<std::byte> record);
    void setWish(std::shared_ptr<const ProcWish> wish);
    void sayIfNothingIsMeasured();
    [[nodiscard]] bool refuse(GstCaps *in, Error error);
    [[nodiscard]] std::uint64_t numberOf(GstBuffer *buffer);

    GstBaseTransform *const element_;
    std::shared_ptr<const ProcWish> wish_; ///< object lock of the element
    ProcessSettings settings_;             ///< the streaming thread's
    guint messageEvery_ = 0;
    CapsPtr refused_; ///< caps that come back with every event until somebody gives up
    std::unique_ptr<FrameProcessor> processor_;
    PictureLayout input_, output_;
    ResultRecords records_;
    ResultsPad results_;
    FrameCounters counters_{LossReason::Corrupt};
    LossLedger ledger_;
    GstSegment segment_;
    std::uint64_t counted_ = 0; ///< number of the next frame of a stream that has none
    std::uint64_t measured_ = 0;
    ProcessingTime time_;
    std::atomic<std::uint64_t> inPlace_{0}, allocated_{0};
    std::atomic<SimdLevel> level_{SimdLevel::Auto};
    std::atomic<std::uint64_t> occupancyThreshold_{0};
};

} // namespace dmaslab
