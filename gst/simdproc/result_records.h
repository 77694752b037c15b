// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include <gst/gst.h>

#include "common/gst_results.h"
#include "common/handles.h"
#include "dmaslab/process/processor.h"

namespace dmaslab {

/** Buffers of one record each: what a meta refers to and the pad `results` sends is the same memory. */
class ResultRecords
{
public:
    ~ResultRecords() { reset(); }

    /** Records of this processor from now on; false when there is no memory for them. */
    [[nodiscard]] bool prepare(const FrameProcessor &processor, const ProcessSettings &settings,
                               gint rateNumerator, gint rateDenominator);
    void reset();

    /** Caps of the records. */
    [[nodiscard]] GstCaps *caps() const { return caps_.get(); }
    /** An empty one, mapped for writing in `map`; null when there is no memory. */
    [[nodiscard]] BufferPtr take(GstMapInfo &map);
    /** Attaches a finished record, and says in C what it holds. */
    void attach(GstBuffer *frame, GstBuffer *record, const std::byte *data) const;
    /** The same as an element message. */
    [[nodiscard]] StructurePtr message(GstBuffer *record) const;

private:
    ResultLayout layout_;
    guint columns_ = 0, rows_ = 0;
    CapsPtr caps_;
    ObjectPtr<GstBufferPool> pool_;
};

} // namespace dmaslab
