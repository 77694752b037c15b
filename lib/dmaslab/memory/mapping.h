// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <utility>

#include "dmaslab/error.h"

namespace dmaslab {

/** Sole owner of one range of addresses. */
class Mapping
{
public:
    /** The first `length` bytes of a file, shared and read-write. */
    static Result<Mapping> ofFile(int fd, std::size_t length);
    /** Addresses only: nothing can be read or written until something is placed there. */
    static Result<Mapping> reserve(std::size_t length);

    Mapping() = default;
    Mapping(Mapping &&other) noexcept
        : base_(std::exchange(other.base_, nullptr)), length_(std::exchange(other.length_, 0))
    {
    }
    Mapping &operator=(Mapping &&other) noexcept
    {
        std::swap(base_, other.base_);
        std::swap(length_, other.length_);
        return *this;
    }
    ~Mapping();

    /** Puts the start of a file at `offset` of a reserved range. */
    Result<void> place(std::size_t offset, int fd, std::size_t length);

    [[nodiscard]] std::byte *base() const { return base_; }
    [[nodiscard]] std::size_t length() const { return length_; }

private:
    Mapping(void *base, std::size_t length) : base_(static_cast<std::byte *>(base)), length_(length) {}

    std::byte *base_ = nullptr;
    std::size_t length_ = 0;
};

/**
 * Gives every page of a fresh file mapping its memory now. Fails with an error where touching the pages
 * would end the process with SIGBUS.
 */
Result<void> prefault(const Mapping &mapping, int fd);

} // namespace dmaslab
