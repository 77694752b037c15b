// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "archive_load_options.h"
#include "dmaslab/slab/pool.h"

namespace dmaslab::test {

/** The slabs of one series, and who holds them: what a writer gives back as `owner` is one of its holds. */
class FrameSlabs
{
public:
    static Result<std::unique_ptr<FrameSlabs>> create(const LoadOptions &load, bool second);

    [[nodiscard]] Pool &pool() { return *pool_; }
    [[nodiscard]] const SeriesFormat &format() const { return format_; }
    /** Bytes of the frame with this number; differs from frame to frame when they are encoded ones. */
    [[nodiscard]] std::uint64_t length(std::uint64_t sequence) const;

    /** Every byte depends on the number, and the stamp's hash is over all of them. */
    void fill(const SlabRef &slab, std::uint64_t sequence, std::int64_t captureNs) const;
    /** For Writer::push(); takes the hold over, which ends in release(). */
    [[nodiscard]] ArchiveFrame hand(SlabRef slab, std::uint64_t sequence, const LoadOptions &load);

    /** False when it was nobody's: given back twice. Any thread. */
    static bool release(void *owner);
    static void gather(void *owner, std::byte *dest);

private:
    struct Hold
    {
        FrameSlabs *slabs = nullptr;
        SlabHandle handle;
        std::uint64_t length = 0;
        std::atomic<bool> out{false};
    };

    std::shared_ptr<Arena> arena_;
    PoolPtr pool_;
    std::unique_ptr<Hold[]> holds_;
    SeriesFormat format_;
    std::uint64_t encoded_ = 0;
};

} // namespace dmaslab::test
