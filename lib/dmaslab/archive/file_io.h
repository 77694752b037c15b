// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dmaslab/archive/file_header.h"
#include "dmaslab/error.h"
#include "dmaslab/unique_fd.h"

namespace dmaslab {

/** What kind of error an errno of a file operation is. */
[[nodiscard]] Errc errcOf(int error);
/** "PATH: cannot WHAT (ERRNO)", with the remedy where the errno suggests one. */
[[nodiscard]] tl::unexpected<Error> failSystem(const std::string &path, const std::string &what, int error);

/** All of `bytes`, or an error: a file that ends before is one too. */
[[nodiscard]] Result<void> readAt(int fd, const std::string &path, std::uint64_t offset,
                                  std::span<std::byte> bytes);
[[nodiscard]] Result<void> writeAt(int fd, const std::string &path, std::uint64_t offset,
                                   std::span<const std::byte> bytes);
/** The header of a .npy file, in one aligned block: for descriptors with O_DIRECT too. */
[[nodiscard]] Result<void> writeHeaderAt(int fd, const std::string &path, const std::string &descr,
                                         std::span<const std::uint64_t> shape);

/** Opens the directory of a recording, and makes `path` its path where that of its manifest.json was given.
 */
[[nodiscard]] Result<UniqueFd> openRecordingDirectory(std::string &path);

/** The header and what follows it. */
struct HeaderedFile
{
    FileHeader header;
    std::uint64_t bytes = 0;     ///< of the whole file
    std::uint64_t dataBytes = 0; ///< behind the header
};
[[nodiscard]] Result<HeaderedFile> readHeader(int fd, const std::string &path);

/** Of losses.npy: what its header counts and the file holds. A file that is not there has none. */
[[nodiscard]] Result<std::vector<LossRecord>> readLosses(int directory, const std::string &path);

} // namespace dmaslab
