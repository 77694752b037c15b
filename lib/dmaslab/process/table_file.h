// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dmaslab/capture/npy_header.h"
#include "dmaslab/error.h"
#include "dmaslab/export.h"

namespace dmaslab {

/** A whole .npy file of plain numbers, as numbers. */
struct NumberTable
{
    NpyDtype dtype;
    std::vector<std::uint64_t> shape;
    std::vector<double> values; ///< row by row
};

/**
 * Reads bool, integers of 1 to 8 bytes and floats of 4 or 8 bytes in either byte order. @p property is how
 * errors call the file: "dark" and its path.
 */
[[nodiscard]] DMASLAB_EXPORT Result<NumberTable> readNumberTable(const std::string &property,
                                                                 const std::string &path);

/** The same from the bytes of a file; safe for any input. */
[[nodiscard]] DMASLAB_EXPORT Result<NumberTable> parseNumberTable(std::span<const std::byte> file,
                                                                  const std::string &name);

} // namespace dmaslab
