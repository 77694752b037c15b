// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "dmaslab/export.h"

namespace dmaslab {

class Pool;

/** Who keeps a slab: processing holders are counted HOT, the declared kinds alone make it WARM. */
enum class Holder : std::uint8_t
{
    Processing,
    Disk,
    Remote,
};

/** Names one use of one slab; a copy of it proves nothing and is checked on every use. */
struct SlabHandle
{
    std::uint32_t arena = 0;
    std::uint32_t index = 0;
    std::uint32_t generation = 0;
};

/**
 * A holder of a slab: a copy adds a holder, a move is free, destruction releases.
 * Keeps the pool's memory alive, also after the pool's owner has let go.
 */
class DMASLAB_EXPORT SlabRef
{
public:
    SlabRef() = default;
    SlabRef(const SlabRef &other);
    SlabRef(SlabRef &&other) noexcept { swap(other); }
    SlabRef &operator=(SlabRef other) noexcept
    {
        swap(other);
        return *this;
    }
    ~SlabRef()
    {
        if (pool_)
            reset();
    }

    [[nodiscard]] explicit operator bool() const { return pool_ != nullptr; }
    [[nodiscard]] std::uint32_t index() const { return index_; }
    [[nodiscard]] std::uint32_t generation() const { return generation_; }
    [[nodiscard]] Holder holder() const { return holder_; }
    [[nodiscard]] SlabHandle handle() const;
    [[nodiscard]] std::span<std::byte> bytes() const;
    [[nodiscard]] std::byte *data() const { return bytes().data(); }

    /** Says which frame the slab now holds, once its pixels are complete: Pool::find() sees it from here on.
     */
    void publish(std::uint64_t sequence) const;
    /** A further holder of the given kind; empty, like a copy, when the slab has as many as it can count
     * (524287, of them 1024 disk or remote). */
    [[nodiscard]] SlabRef holdAs(Holder kind) const;
    /** Gives the hold to the caller as a handle; Pool::adopt() or Pool::release() ends it. Only a detached
     * hold may be ended so: the handle of a SlabRef that lives on is its name, not its hold. */
    [[nodiscard]] SlabHandle detach();
    inline void reset();

    void swap(SlabRef &other) noexcept
    {
        std::swap(pool_, other.pool_);
        std::swap(index_, other.index_);
        std::swap(generation_, other.generation_);
        std::swap(holder_, other.holder_);
        std::swap(adopted_, other.adopted_);
    }

private:
    friend class Pool;
    SlabRef(Pool *pool, std::uint32_t index, std::uint32_t generation, Holder holder, bool adopted = false)
        : pool_(pool), index_(index), generation_(generation), holder_(holder), adopted_(adopted)
    {
    }

    Pool *pool_ = nullptr;
    std::uint32_t index_ = 0;
    std::uint32_t generation_ = 0;
    Holder holder_ = Holder::Processing;
    bool adopted_ = false; ///< by a handle, of which there may be copies
};

} // namespace dmaslab

#include "dmaslab/slab/pool.h" // SlabRef::reset() is inline there; IWYU pragma: keep
