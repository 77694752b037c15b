// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dmaslab/archive/format.h"
#include "dmaslab/error.h"

namespace dmaslab {

/** The first 4096 bytes of each .npy file of a recording. */
using HeaderBlock = std::array<std::byte, kArchiveBlock>;

/** The descr of an index file and of losses.npy. */
[[nodiscard]] DMASLAB_EXPORT const char *indexDescr();
[[nodiscard]] DMASLAB_EXPORT const char *lossesDescr();

/**
 * Makes a header whose first axis takes 20 places whatever the number, so that it can be patched in place,
 * and lies within the first 512 bytes, the piece that a disk writes whole. Fails when the descr is too long
 * for that.
 */
[[nodiscard]] DMASLAB_EXPORT Result<void> writeHeader(HeaderBlock &block, const std::string &descr,
                                                      std::span<const std::uint64_t> shape);

/** Patches the first axis of a header that writeHeader() made; allocates nothing. */
DMASLAB_EXPORT void setHeaderCount(HeaderBlock &block, std::uint64_t count);

/** What such a header says. */
struct FileHeader
{
    std::string descr; ///< as written: "'<u2'" or "[('pixels', …)]"
    std::vector<std::uint64_t> shape;

    [[nodiscard]] std::uint64_t count() const { return shape.empty() ? 0 : shape.front(); }
};

/** Parses what writeHeader() makes, spaces aside; safe for any input. `file` is the name that errors carry.
 */
[[nodiscard]] DMASLAB_EXPORT Result<FileHeader> parseHeader(std::span<const std::byte> block,
                                                            std::string_view file);

} // namespace dmaslab
