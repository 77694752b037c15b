// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchivesrc/archive_stream.h"

#include <algorithm>
#include <utility>

namespace dmaslab {

namespace {

constexpr std::uint32_t kOwn = 3;   ///< one being filled, one being pushed, one as last-sample
constexpr std::uint32_t kSpare = 4; ///< for branches that hold frames and do not say so

} // namespace

SizingRequest ArchiveStream::sizing(const ReplaySettings &settings, std::uint32_t declared)
{
    SizingRequest request;
    request.driverMinimum = kOwn;
    request.declared = declared;
    // A number that was set is the user's word: then only what is certainly held counts.
    if (settings.slabs == 0)
        request.driverMinimum += settings.fetch.depth + kSpare;
    return request;
}

Result<std::unique_ptr<ArchiveStream>> ArchiveStream::open(const Recording &recording, StreamRequest request)
{
    std::unique_ptr<ArchiveStream> stream(new ArchiveStream(std::move(request)));
    if (auto ok = stream->openPool(); !ok)
        return tl::unexpected(ok.error());
    auto fetcher = FrameFetcher::create(recording, stream->bank_->pool(), stream->request_.settings.fetch);
    if (!fetcher)
        return tl::unexpected(fetcher.error());
    stream->fetcher_ = std::move(*fetcher);
    return stream;
}

Result<void> ArchiveStream::openPool()
{
    const ReplaySettings &settings = request_.settings;
    ArenaRequest arenaRequest;
    arenaRequest.kind = settings.memory;
    arenaRequest.slabSize = std::max<std::uint64_t>(request_.frameBytes, 1);
    arenaRequest.slabs =
        settings.slabs != 0 ? settings.slabs : slabsNeeded(sizing(settings, request_.declared));
    arenaRequest.numaNode = settings.numaNode;
    auto arena = Arena::create(arenaRequest);
    if (!arena) {
        arena.error().message = std::string("memory=") + toString(settings.memory) +
                                " slabs=" + std::to_string(arenaRequest.slabs) + ": " + arena.error().message;
        return tl::unexpected(arena.error());
    }
    auto core = Pool::create(std::move(*arena));
    if (!core)
        return tl::unexpected(core.error());

    BufferLayout layout = request_.caps.layout;
    layout.size = arenaRequest.slabSize;
    allocator_.reset(SlabBank::newAllocator(std::move(*core), layout.size, request_.copied));
    bank_ = SlabBank::of(allocator_.get());
    pool_.reset(newSlabBufferPool(allocator_.get(), layout));
    GstStructure *config = gst_buffer_pool_get_config(pool_.get());
    gst_buffer_pool_config_set_params(config, nullptr, static_cast<guint>(layout.size), 0,
                                      arenaRequest.slabs);
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    if (!gst_buffer_pool_set_config(pool_.get(), config) || !gst_buffer_pool_set_active(pool_.get(), TRUE))
        return fail(Errc::Unsupported, "GStreamer refused the buffer pool over the slabs");
    return {};
}

ArchiveStream::~ArchiveStream()
{
    // What was read ahead comes home before the pool closes: a slab that came later would miss its memory.
    fetcher_.reset();
    if (pool_)
        gst_buffer_pool_set_active(pool_.get(), FALSE);
    else if (bank_)
        bank_->close();
}

BufferPtr ArchiveStream::wrap(FetchedFrame &frame)
{
    frame.slab.publish(frame.index.sequence);
    GstBuffer *wrapped = nullptr;
    if (wrapSlab(pool_.get(), std::move(frame.slab), &wrapped) != GST_FLOW_OK)
        return nullptr;
    if (gst_buffer_get_size(wrapped) != frame.index.length)
        gst_buffer_set_size(wrapped, frame.index.length);
    return BufferPtr(wrapped);
}

} // namespace dmaslab
