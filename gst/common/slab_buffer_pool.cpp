// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/slab_buffer_pool.h"

#include <algorithm>
#include <utility>

#include "common/handles.h"
#include "dmaslab/export.h"
#include "dmaslab/ring/futex.h"

GST_DEBUG_CATEGORY_STATIC(slab_pool_debug);
#define GST_CAT_DEFAULT slab_pool_debug

using namespace dmaslab;

namespace {

// The documented way to extend acquire parameters: a longer struct, announced by a flag from LAST on. One
// flag alone: the next one is no value of the enum in C++.
constexpr auto kExtended = GST_BUFFER_POOL_ACQUIRE_FLAG_LAST;

struct AcquireParams
{
    GstBufferPoolAcquireParams parent{};
    std::int64_t deadlineNs = kNoDeadline;
    bool wrap = false;
    SlabRef slab; ///< to wrap
};

struct PoolState
{
    ObjectPtr<GstAllocator> allocator;
    SlabBank *bank = nullptr;                ///< the allocator's
    const CopyCount copied = newCopyCount(); ///< of its own banks
    bool given = false;                      ///< somebody else laid out the slabs
    bool stopped = false;
    bool videoMeta = false;
    BufferLayout layout;
    guint minimum = 0, maximum = 0;
    gsize padding = 0; ///< behind each frame, in its slab
};

} // namespace

struct GstDmaSlabBufferPool
{
    GstBufferPool parent;
    PoolState *state;
};
struct GstDmaSlabBufferPoolClass
{
    GstBufferPoolClass parent;
};

#define gst_dma_slab_buffer_pool_parent_class slab_pool_parent_class
// Declared once more because the macro below defines it without the attribute that exports it.
extern "C" DMASLAB_EXPORT GType
gst_dma_slab_buffer_pool_get_type(void); // NOLINT(readability-redundant-declaration)
G_DEFINE_TYPE(GstDmaSlabBufferPool, gst_dma_slab_buffer_pool, GST_TYPE_BUFFER_POOL)

namespace {

PoolState &stateOf(GstBufferPool *pool)
{
    return *reinterpret_cast<GstDmaSlabBufferPool *>(pool)->state;
}

GstBuffer *newBuffer(const PoolState &state)
{
    GstBuffer *buffer = gst_buffer_new();
    if (state.videoMeta && state.layout.isVideo) {
        const GstVideoInfo &info = state.layout.info;
        GstVideoMeta *meta = gst_buffer_add_video_meta_full(
            buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(&info), GST_VIDEO_INFO_WIDTH(&info),
            GST_VIDEO_INFO_HEIGHT(&info), GST_VIDEO_INFO_N_PLANES(&info), const_cast<gsize *>(info.offset),
            const_cast<gint *>(info.stride));
        // Without it every return to the pool would throw the meta away and every acquire make a new one.
        meta->meta.flags = static_cast<GstMetaFlags>(meta->meta.flags | GST_META_FLAG_POOLED);
    }
    return buffer;
}

GstFlowReturn acquire(GstBufferPool *pool, GstBuffer **out, GstBufferPoolAcquireParams *params)
{
    PoolState &state = stateOf(pool);
    if (GST_BUFFER_POOL_IS_FLUSHING(pool))
        return GST_FLOW_FLUSHING;
    const unsigned flags = params ? params->flags : 0;
    auto *extended = flags & kExtended ? reinterpret_cast<AcquireParams *>(params) : nullptr;
    SlabRef slab;
    if (extended && extended->wrap) {
        slab = std::move(extended->slab);
        if (!slab || !state.bank->claim(slab.index())) {
            GST_WARNING_OBJECT(pool, "no slab to wrap, or it is in another buffer already: acquire one");
            return GST_FLOW_ERROR;
        }
    } else {
        Pool &core = state.bank->pool();
        auto taken = flags & GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT
                         ? core.tryAcquire()
                         : core.acquire(extended ? extended->deadlineNs : kNoDeadline);
        if (!taken)
            return taken.error() == AcquireError::Interrupted ? GST_FLOW_FLUSHING : GST_FLOW_EOS;
        slab = std::move(*taken);
    }
    const std::uint32_t index = state.bank->keep(std::move(slab));
    SlabBank::Slot &slot = state.bank->slot(index);
    // No exchange: the slab is ours, so nobody else parks or fetches here.
    GstBuffer *buffer = slot.parked.load(std::memory_order_relaxed);
    slot.parked.store(nullptr, std::memory_order_relaxed);
    if (!std::exchange(slot.ready, false)) {
        if (!buffer)
            buffer = newBuffer(state);
        gst_buffer_append_memory(buffer, slot.memory);
        GST_BUFFER_FLAG_UNSET(buffer, GST_BUFFER_FLAG_TAG_MEMORY);
    }
    *out = buffer;
    return GST_FLOW_OK;
}

gboolean removeUnpooled(GstBuffer *, GstMeta **meta, gpointer)
{
    if (!GST_META_FLAG_IS_SET(*meta, GST_META_FLAG_POOLED)) {
        (*meta)->flags = static_cast<GstMetaFlags>((*meta)->flags & ~GST_META_FLAG_LOCKED);
        *meta = nullptr;
    }
    return TRUE;
}

// The stock function also resizes the memory to offset 0, which for us lies in another slab.
void reset(GstBufferPool *, GstBuffer *buffer)
{
    GST_BUFFER_FLAGS(buffer) = 0;
    GST_BUFFER_PTS(buffer) = GST_BUFFER_DTS(buffer) = GST_BUFFER_DURATION(buffer) = GST_CLOCK_TIME_NONE;
    GST_BUFFER_OFFSET(buffer) = GST_BUFFER_OFFSET_END(buffer) = GST_BUFFER_OFFSET_NONE;
    gst_buffer_foreach_meta(buffer, removeUnpooled, nullptr);
}

void park(SlabBank::Slot &slot, GstBuffer *buffer)
{
    // Only an application that moves memories between our buffers can have left another one here, or be
    // releasing it at this moment.
    if (GstBuffer *other = slot.parked.exchange(buffer, std::memory_order_acq_rel))
        gst_buffer_unref(other);
}

void release(GstBufferPool *pool, GstBuffer *buffer)
{
    SlabBank &bank = *stateOf(pool).bank;
    GstMemory *memory = gst_buffer_n_memory(buffer) == 1 ? gst_buffer_peek_memory(buffer, 0) : nullptr;
    const std::uint32_t index = memory && !memory->parent ? bank.indexOf(memory) : PointerIndex::kNone;
    if (index == PointerIndex::kNone) {
        gst_buffer_unref(buffer); // its slab comes, or came, home by the memory's dispose
        return;
    }
    SlabBank::Slot &slot = bank.slot(index);
    // The one reference is this buffer's, so nobody can take another: the slab may go as it is.
    if (GST_MINI_OBJECT_REFCOUNT_VALUE(memory) == 1) {
        bank.restore(memory, index);
        // As park(), but no other buffer has the memory and so none is on its way here.
        if (GstBuffer *other = slot.parked.load(std::memory_order_relaxed))
            gst_buffer_unref(other);
        slot.parked.store(buffer, std::memory_order_relaxed);
        slot.ready = true;
        bank.comeHome(index);
        return;
    }
    // A shallow copy still has the memory. Park the empty buffer first: the last unref may give the slab,
    // and with it this slot, to another thread.
    gst_memory_ref(memory);
    gst_buffer_remove_all_memory(buffer);
    park(slot, buffer);
    gst_memory_unref(memory);
}

gboolean start(GstBufferPool *pool)
{
    PoolState &state = stateOf(pool);
    if (state.given)
        return !state.stopped;
    constexpr guint kFew = 4; // a source's own buffer, one in each hand of a queue
    ArenaRequest request;
    request.slabSize = state.layout.size + state.padding;
    request.slabs = state.maximum > 0 ? state.maximum : state.minimum + kFew;
    auto arena = Arena::create(request);
    if (!arena) {
        GST_ERROR_OBJECT(pool, "%s", arena.error().message.c_str());
        return FALSE;
    }
    for (const std::string &degradation : (*arena)->report().degradations)
        GST_INFO_OBJECT(pool, "%s", degradation.c_str());
    auto core = Pool::create(std::move(*arena));
    if (!core) {
        GST_ERROR_OBJECT(pool, "%s", core.error().message.c_str());
        return FALSE;
    }
    state.allocator.reset(SlabBank::newAllocator(std::move(*core), state.layout.size, state.copied));
    state.bank = SlabBank::of(state.allocator.get());
    return TRUE;
}

// Runs only when no buffer of the pool is out; memories without their buffer may be.
gboolean stop(GstBufferPool *pool)
{
    PoolState &state = stateOf(pool);
    state.stopped = true;
    if (state.bank)
        state.bank->close();
    if (!state.given) {
        state.bank = nullptr;
        state.allocator.reset();
        state.stopped = false;
    }
    return TRUE;
}

void flushStart(GstBufferPool *pool)
{
    if (SlabBank *bank = stateOf(pool).bank)
        bank->pool().setInterrupted(true);
}

void flushStop(GstBufferPool *pool)
{
    if (SlabBank *bank = stateOf(pool).bank)
        bank->pool().setInterrupted(false);
}

const gchar **options(GstBufferPool *)
{
    static const gchar *names[] = {GST_BUFFER_POOL_OPTION_VIDEO_META, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT,
                                   nullptr};
    return names;
}

gboolean setConfig(GstBufferPool *pool, GstStructure *config)
{
    PoolState &state = stateOf(pool);
    GstCaps *caps = nullptr;
    guint size = 0;
    if (!gst_buffer_pool_config_get_params(config, &caps, &size, &state.minimum, &state.maximum))
        return FALSE;
    state.videoMeta = gst_buffer_pool_config_has_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    if (!state.given) {
        BufferLayout &layout = state.layout;
        layout.isVideo = caps && gst_video_info_from_caps(&layout.info, caps);
        if (layout.isVideo &&
            gst_buffer_pool_config_has_option(config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT)) {
            GstVideoAlignment align;
            gst_buffer_pool_config_get_video_alignment(config, &align);
            if (!gst_video_info_align(&layout.info, &align))
                return FALSE;
            gst_buffer_pool_config_set_video_alignment(config, &align);
        }
        if (layout.isVideo && size < GST_VIDEO_INFO_SIZE(&layout.info))
            size = GST_VIDEO_INFO_SIZE(&layout.info);
        layout.size = size;
        GstAllocationParams params;
        // Of the wishes for memory this is the one that slabs do not fulfil by nature.
        const bool asked = gst_buffer_pool_config_get_allocator(config, nullptr, &params);
        state.padding = asked ? std::min<gsize>(params.padding, size) : 0;
        if (size == 0) {
            GST_WARNING_OBJECT(pool,
                               "a slab pool needs the size of a frame: configure size, or raw video caps");
            return FALSE;
        }
    }
    gst_buffer_pool_config_set_params(config, caps, state.layout.size, state.minimum, state.maximum);
    return GST_BUFFER_POOL_CLASS(slab_pool_parent_class)->set_config(pool, config);
}

void finalize(GObject *object)
{
    delete std::exchange(reinterpret_cast<GstDmaSlabBufferPool *>(object)->state, nullptr);
    G_OBJECT_CLASS(slab_pool_parent_class)->finalize(object);
}

} // namespace

static void gst_dma_slab_buffer_pool_class_init(GstDmaSlabBufferPoolClass *klass)
{
    GST_DEBUG_CATEGORY_INIT(slab_pool_debug, "dmaslabpool", 0, "dmaslab buffer pools");
    G_OBJECT_CLASS(klass)->finalize = finalize;
    auto *pool = GST_BUFFER_POOL_CLASS(klass);
    pool->get_options = options;
    pool->set_config = setConfig;
    pool->start = start;
    pool->stop = stop;
    pool->acquire_buffer = acquire;
    pool->reset_buffer = reset;
    pool->release_buffer = release;
    pool->flush_start = flushStart;
    pool->flush_stop = flushStop;
}

static void gst_dma_slab_buffer_pool_init(GstDmaSlabBufferPool *self)
{
    self->state = new PoolState;
}

extern "C" {

DMASLAB_EXPORT GstBufferPool *gst_dma_slab_buffer_pool_new(void)
{
    auto *pool = GST_BUFFER_POOL(g_object_new(GST_TYPE_DMA_SLAB_BUFFER_POOL, nullptr));
    gst_object_ref_sink(pool);
    return pool;
}

DMASLAB_EXPORT guint64 gst_dma_slab_buffer_pool_get_bytes_copied(GstBufferPool *pool)
{
    g_return_val_if_fail(G_TYPE_CHECK_INSTANCE_TYPE(pool, GST_TYPE_DMA_SLAB_BUFFER_POOL), 0);
    return stateOf(pool).copied->load(std::memory_order_relaxed);
}

} // extern "C"

namespace dmaslab {

GstBufferPool *newSlabBufferPool(GstAllocator *allocator, const BufferLayout &layout)
{
    GstBufferPool *pool = gst_dma_slab_buffer_pool_new();
    PoolState &state = stateOf(pool);
    state.allocator = refObject(allocator);
    state.bank = SlabBank::of(allocator);
    state.given = true;
    state.layout = layout;
    return pool;
}

SlabBank *slabBankOf(GstBufferPool *pool)
{
    return G_TYPE_CHECK_INSTANCE_TYPE(pool, GST_TYPE_DMA_SLAB_BUFFER_POOL) ? stateOf(pool).bank : nullptr;
}

GstFlowReturn acquireBuffer(GstBufferPool *pool, std::int64_t deadlineNs, GstBuffer **buffer)
{
    AcquireParams params;
    params.parent.flags = kExtended;
    params.deadlineNs = deadlineNs;
    return gst_buffer_pool_acquire_buffer(pool, buffer, &params.parent);
}

GstFlowReturn wrapSlab(GstBufferPool *pool, SlabRef slab, GstBuffer **buffer)
{
    AcquireParams params;
    params.parent.flags = kExtended;
    params.wrap = true;
    params.slab = std::move(slab);
    return gst_buffer_pool_acquire_buffer(pool, buffer, &params.parent);
}

} // namespace dmaslab
