// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>

#include "common/handles.h"
#include "common/slab_buffer_pool.h"
#include "dmaslab/archive/frame_fetcher.h"
#include "dmaslab/slab/sizing.h"
#include "uringarchivesrc/series_caps.h"
#include "uringarchivesrc/settings.h"

namespace dmaslab {

struct StreamRequest
{
    ReplaySettings settings;
    std::uint32_t series = 0;
    std::uint64_t frameBytes = 0; ///< of the largest frame
    SeriesCaps caps;
    std::uint32_t declared = 0; ///< slabs that downstream said it holds
    CopyCount copied = newCopyCount();
};

/**
 * What lives as long as one series: an arena, the pool over it and the fetcher that fills its slabs. A change
 * of series makes a new stream; frames of the old one keep their arena until the last is home. For the
 * streaming thread, except setInterrupted() and the getters.
 */
class ArchiveStream
{
public:
    static Result<std::unique_ptr<ArchiveStream>> open(const Recording &recording, StreamRequest request);
    ArchiveStream(const ArchiveStream &) = delete;
    ArchiveStream &operator=(const ArchiveStream &) = delete;
    ~ArchiveStream();

    /** Whether frames of that series and size can go through this stream. */
    [[nodiscard]] bool fits(std::uint32_t series, std::uint64_t frameBytes) const
    {
        return request_.series == series && frameBytes <= arena().stride();
    }
    [[nodiscard]] FrameFetcher &fetcher() { return *fetcher_; }
    /** The frame as a buffer of the pool, with its bytes and nothing else set. */
    [[nodiscard]] BufferPtr wrap(FetchedFrame &frame);

    void setInterrupted(bool interrupted) { fetcher_->setInterrupted(interrupted); }
    [[nodiscard]] const SeriesCaps &caps() const { return request_.caps; }
    [[nodiscard]] const Arena &arena() const { return bank_->arena(); }
    [[nodiscard]] PoolLevels levels() const { return bank_->pool().levels(); }

    static SizingRequest sizing(const ReplaySettings &settings, std::uint32_t declared);

private:
    explicit ArchiveStream(StreamRequest request) : request_(std::move(request)) {}
    Result<void> openPool();

    StreamRequest request_;
    ObjectPtr<GstAllocator> allocator_;
    ObjectPtr<GstBufferPool> pool_;
    SlabBank *bank_ = nullptr; ///< the allocator's
    std::unique_ptr<FrameFetcher> fetcher_;
};

} // namespace dmaslab
