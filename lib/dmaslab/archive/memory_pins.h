// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dmaslab/archive/disk_io.h"

namespace dmaslab {

/** How the bytes of a frame can get to the disk. */
enum class MemoryAccess : std::uint8_t
{
    Direct, ///< the device reads them where they are
    Copy,   ///< the kernel cannot pin them (device memory): copied first, and counted
};

/** Which memory was pinned for good, and which cannot even be pinned for one write. Learned by trying. */
class MemoryPins
{
public:
    MemoryPins(DiskIo &io, bool wanted) : io_(io), wanted_(wanted) {}

    struct Found
    {
        MemoryAccess access = MemoryAccess::Direct;
        int pinned = DiskIo::kNotPinned;
    };
    /** Of `bytes` at `data`, which lie in an arena or in memory nobody named (arena id 0). */
    Found find(const ArchiveFrame &frame, std::uint64_t bytes);
    /** A write from this arena failed with EFAULT. */
    void cannotPin(std::uint32_t arenaId);
    /** Frames of another format follow, mostly from other memory. What was pinned would stay in memory for
     * ever. */
    void ageAll();
    /** Lets go of aged memory that `inUse(arena id)` says no write needs. */
    template <typename InUse>
    void forgetAged(InUse &&inUse)
    {
        if (!aged_)
            return;
        aged_ = false;
        std::erase_if(arenas_, [&](const Arena &arena) {
            const bool used = arena.aged && inUse(arena.id);
            aged_ = aged_ || used;
            if (arena.aged && !used)
                unpin(arena);
            return arena.aged && !used;
        });
    }

    /** Some range is pinned. */
    [[nodiscard]] bool any() const { return pinnedAny_; }
    /** Why a range could not be pinned for good, once; empty: nothing new. */
    [[nodiscard]] std::string takeComplaint() { return std::exchange(complaint_, {}); }

private:
    struct Arena
    {
        std::uint32_t id = 0;
        const std::byte *base = nullptr;
        std::vector<int> chunks; ///< pinned numbers, a GiB each
        MemoryAccess access = MemoryAccess::Direct;
        bool aged = false;
    };
    void unpin(const Arena &arena);
    Arena &arenaOf(const ArchiveFrame &frame);

    DiskIo &io_;
    const bool wanted_;
    std::vector<Arena> arenas_;
    MemoryAccess foreign_ = MemoryAccess::Direct;
    bool aged_ = false;
    bool pinnedAny_ = false;
    bool complained_ = false;
    std::string complaint_;
};

} // namespace dmaslab
