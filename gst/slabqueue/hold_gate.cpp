// SPDX-License-Identifier: LGPL-2.1-or-later
#include "slabqueue/hold_gate.h"

#include <new>

namespace dmaslab {

/** One frame that is held; shared by the metas of all its shallow copies. */
class Hold
{
public:
    explicit Hold(std::shared_ptr<HoldGate> gate) : gate_(std::move(gate))
    {
        gate_->held_.fetch_add(1, std::memory_order_acq_rel);
    }
    ~Hold()
    {
        gate_->held_.fetch_sub(1, std::memory_order_acq_rel);
        gate_->bell.ring();
    }
    Hold(const Hold &) = delete;
    Hold &operator=(const Hold &) = delete;

private:
    const std::shared_ptr<HoldGate> gate_;
};

namespace {

struct HoldMeta
{
    GstMeta meta;
    std::shared_ptr<Hold> hold;
};

GType holdMetaApi()
{
    static const gchar *tags[] = {nullptr};
    static const GType type = gst_meta_api_type_register("GstDmaSlabHoldMetaAPI", tags);
    return type;
}

/** True when a copy keeps memory of the original, whole or a part of it. */
bool sharesMemory(GstBuffer *copy, GstBuffer *original)
{
    const guint count = gst_buffer_n_memory(copy);
    const guint originals = gst_buffer_n_memory(original);
    for (guint i = 0; i < count; ++i) {
        const GstMemory *mine = gst_buffer_peek_memory(copy, i);
        for (guint j = 0; j < originals; ++j) {
            const GstMemory *theirs = gst_buffer_peek_memory(original, j);
            if (mine == theirs || mine->parent == theirs || (mine->parent && mine->parent == theirs->parent))
                return true;
        }
    }
    return count == 0 && originals == 0;
}

gboolean initHold(GstMeta *meta, gpointer, GstBuffer *)
{
    new (&reinterpret_cast<HoldMeta *>(meta)->hold) std::shared_ptr<Hold>();
    return TRUE;
}

void freeHold(GstMeta *meta, GstBuffer *)
{
    reinterpret_cast<HoldMeta *>(meta)->hold.~shared_ptr();
}

const GstMetaInfo *holdMetaInfo();

gboolean copyHold(GstBuffer *to, GstMeta *meta, GstBuffer *from, GQuark type, gpointer)
{
    // TRUE also where there is nothing to do: the core logs an error otherwise.
    if (!GST_META_TRANSFORM_IS_COPY(type) || !sharesMemory(to, from))
        return TRUE;
    auto *copy = reinterpret_cast<HoldMeta *>(gst_buffer_add_meta(to, holdMetaInfo(), nullptr));
    copy->hold = reinterpret_cast<HoldMeta *>(meta)->hold;
    return TRUE;
}

const GstMetaInfo *holdMetaInfo()
{
    static const GstMetaInfo *const info = gst_meta_register(holdMetaApi(), "GstDmaSlabHoldMeta",
                                                             sizeof(HoldMeta), initHold, freeHold, copyHold);
    return info;
}

} // namespace

BufferPtr holdBuffer(BufferPtr buffer, const std::shared_ptr<HoldGate> &gate)
{
    buffer.reset(gst_buffer_make_writable(buffer.release()));
    auto *meta = reinterpret_cast<HoldMeta *>(gst_buffer_add_meta(buffer.get(), holdMetaInfo(), nullptr));
    meta->hold = std::make_shared<Hold>(gate);
    return buffer;
}

} // namespace dmaslab
