// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include <sys/mman.h>

namespace dmaslab {

/** Zeroed pages of our own: aligned for O_DIRECT, and touched only as far as they are used. */
class PageBuffer
{
public:
    PageBuffer() = default;
    /** Throws std::bad_alloc, like any container. */
    explicit PageBuffer(std::size_t bytes) : bytes_(bytes)
    {
        if (bytes == 0)
            return;
        void *at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED)
            throw std::bad_alloc();
        base_ = static_cast<std::byte *>(at);
    }
    PageBuffer(PageBuffer &&other) noexcept
        : base_(std::exchange(other.base_, nullptr)), bytes_(std::exchange(other.bytes_, 0))
    {
    }
    PageBuffer &operator=(PageBuffer &&other) noexcept
    {
        std::swap(base_, other.base_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~PageBuffer()
    {
        if (base_)
            munmap(base_, bytes_);
    }

    [[nodiscard]] std::byte *data() const { return base_; }
    [[nodiscard]] std::size_t size() const { return bytes_; }

private:
    std::byte *base_ = nullptr;
    std::size_t bytes_ = 0;
};

} // namespace dmaslab
