// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslabsrc/source_stream.h"

#include <algorithm>
#include <utility>

#include "dmaslab/capture/file_source.h"

namespace dmaslab {

namespace {

constexpr std::uint64_t kSafetyNs = 20'000'000;    ///< a scheduling stall on a busy machine
constexpr std::uint32_t kOwn = 3;                  ///< one being filled, one being pushed, one as last-sample
constexpr std::uint32_t kWithoutRate = 8;          ///< slabs on top of those when nobody says how fast
constexpr std::uint64_t kReadaheadNs = 50'000'000; ///< how far ahead of its deadline a file is read
constexpr std::uint32_t kReadaheadMin = 2;

/** The arena speaks of what it was asked for; these are the names that it was asked by. */
Error ofProperties(Error error, const ArenaRequest &request)
{
    std::string asked =
        std::string("memory=") + toString(request.kind) + " slabs=" + std::to_string(request.slabs);
    if (request.numaNode >= 0)
        asked += " numa-node=" + std::to_string(request.numaNode);
    error.message = asked + ": " + error.message;
    return error;
}

} // namespace

Error ofLocation(Error error)
{
    error.message = "location: " + error.message;
    return error;
}

SizingRequest SourceStream::sizing(const Settings &settings, const FrameFormat &format,
                                   std::uint32_t declared)
{
    SizingRequest request;
    request.driverMinimum = kOwn;
    request.declared = declared;
    if (settings.slabs != 0)
        return request;
    request.rateNumerator = format.rateNumerator;
    request.rateDenominator = format.rateDenominator;
    request.maxLatencyNs = settings.maxLatencyNs;
    request.safetyNs = kSafetyNs;
    if (format.rateNumerator == 0)
        request.driverMinimum += kWithoutRate;
    return request;
}

Result<std::unique_ptr<SourceStream>> SourceStream::open(StreamRequest request)
{
    std::unique_ptr<SourceStream> stream(new SourceStream(std::move(request)));
    if (auto ok = stream->openPool(); !ok)
        return tl::unexpected(ok.error());
    if (auto ok = stream->openSource(); !ok)
        return tl::unexpected(ok.error());
    return stream;
}

Result<void> SourceStream::openPool()
{
    const Settings &settings = request_.settings;
    ArenaRequest arenaRequest;
    arenaRequest.kind = settings.memory;
    // A tail longer than the frame is no tail: who asks for one does not get it.
    const std::uint64_t frameBytes = request_.format.layout.frameBytes;
    arenaRequest.slabSize = frameBytes + std::min(request_.padding, frameBytes);
    arenaRequest.slabs = settings.slabs != 0
                             ? settings.slabs
                             : slabsNeeded(sizing(settings, request_.format, request_.declared));
    arenaRequest.numaNode = settings.numaNode;
    auto arena = Arena::create(arenaRequest);
    if (!arena)
        return tl::unexpected(ofProperties(std::move(arena.error()), arenaRequest));
    auto core = Pool::create(std::move(*arena), settings.reuse);
    if (!core)
        return tl::unexpected(core.error());

    BufferLayout layout;
    layout.isVideo = request_.format.isVideo;
    layout.info = request_.format.info;
    layout.size = request_.format.layout.frameBytes;
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

Result<void> SourceStream::openSource()
{
    const Settings &settings = request_.settings;
    const FrameLayout &layout = request_.format.layout;
    if (settings.resolved() == Backend::Test) {
        auto source = SyntheticSource::create(settings.pattern, layout);
        if (!source)
            return tl::unexpected(source.error());
        source_ = std::move(*source);
        for (std::uint32_t i = 0; i < arena().slabs(); ++i)
            source_->prepare({arena().slab(i), arena().id(), i});
        return {};
    }
    auto files = FileSet::open(settings.location, layout.packedBytes());
    if (!files)
        return tl::unexpected(ofLocation(std::move(files.error())));
    FileSourceOptions options;
    options.loop = settings.loop;
    options.firstSequence = request_.fileOrigin;
    frames_ = settings.loop ? 0 : files->frames();
    auto source = FileFrameSource::create(std::move(*files), layout, options);
    if (!source)
        return tl::unexpected(ofLocation(std::move(source.error())));
    source_ = std::move(*source);

    // Ahead by time, but never so far that nothing is left for the branches.
    SizingRequest ahead;
    ahead.rateNumerator = request_.format.rateNumerator;
    ahead.rateDenominator = request_.format.rateDenominator;
    ahead.maxLatencyNs = kReadaheadNs;
    ReadaheadOptions readahead;
    readahead.depth =
        std::clamp(slabsNeeded(ahead), kReadaheadMin, std::max(kReadaheadMin, arena().slabs() / 2));
    readahead.depth = std::min(readahead.depth, arena().slabs());
    readahead.firstFrame = request_.firstSequence;
    auto started = Readahead::start(*source_, bank_->pool(), readahead);
    if (!started)
        return tl::unexpected(started.error());
    readahead_ = std::move(*started);
    return {};
}

SourceStream::~SourceStream()
{
    // What was read ahead comes home before the pool closes: a slab that came later would miss its memory.
    readahead_.reset();
    if (pool_)
        gst_buffer_pool_set_active(pool_.get(), FALSE);
    else if (bank_)
        bank_->close();
}

void SourceStream::setInterrupted(bool interrupted)
{
    // With a reader the pool is the reader's: interrupting it would only make it poll.
    if (readahead_)
        readahead_->setInterrupted(interrupted);
    else
        bank_->pool().setInterrupted(interrupted);
}

void SourceStream::skipTo(std::uint64_t sequence)
{
    if (readahead_)
        readahead_->skipTo(sequence);
}

TakeStatus SourceStream::take(std::uint64_t sequence, std::uint64_t captureTimeNs, std::int64_t deadlineNs,
                              BufferPtr &buffer)
{
    return readahead_ ? takeRead(sequence, deadlineNs, buffer)
                      : takeMade(sequence, captureTimeNs, deadlineNs, buffer);
}

TakeStatus SourceStream::takeMade(std::uint64_t sequence, std::uint64_t captureTimeNs,
                                  std::int64_t deadlineNs, BufferPtr &buffer)
{
    GstBuffer *taken = nullptr;
    const GstFlowReturn flow = acquireBuffer(pool_.get(), deadlineNs, &taken);
    if (flow != GST_FLOW_OK)
        return flow == GST_FLOW_EOS ? TakeStatus::Starved : TakeStatus::Interrupted;
    buffer.reset(taken);
    const std::uint32_t index = bank_->indexOf(gst_buffer_peek_memory(taken, 0));
    switch (source_->fill({arena().slab(index), arena().id(), index}, sequence, captureTimeNs)) {
    case FillStatus::Ok:
        bank_->slot(index).hold.publish(sequence);
        return TakeStatus::Ok;
    case FillStatus::EndOfStream:
        buffer.reset();
        return TakeStatus::EndOfStream;
    case FillStatus::Error:
        break;
    }
    buffer.reset();
    error_ = source_->lastError();
    return TakeStatus::Error;
}

TakeStatus SourceStream::takeRead(std::uint64_t sequence, std::int64_t deadlineNs, BufferPtr &buffer)
{
    ReadaheadFrame frame = readahead_->next(deadlineNs);
    if (frame.status == ReadaheadStatus::Late) {
        // The disk is the limit, not the slabs: the frame is coming, and it is worth more late than never.
        diskLate_.fetch_add(1, std::memory_order_relaxed);
        frame = readahead_->next(kNoDeadline);
    }
    switch (frame.status) {
    case ReadaheadStatus::Frame:
        break;
    case ReadaheadStatus::Late:
    case ReadaheadStatus::Starved:
        return TakeStatus::Starved;
    case ReadaheadStatus::EndOfStream:
        return TakeStatus::EndOfStream;
    case ReadaheadStatus::Interrupted:
        return TakeStatus::Interrupted;
    case ReadaheadStatus::Error:
        error_ = ofLocation(readahead_->error());
        return TakeStatus::Error;
    }
    frame.slab.publish(sequence);
    GstBuffer *wrapped = nullptr;
    if (wrapSlab(pool_.get(), std::move(frame.slab), &wrapped) != GST_FLOW_OK)
        return TakeStatus::Interrupted;
    buffer.reset(wrapped);
    return TakeStatus::Ok;
}

} // namespace dmaslab
