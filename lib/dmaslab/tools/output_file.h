// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dmaslab/error.h"
#include "dmaslab/unique_fd.h"

namespace dmaslab::tools {

/**
 * A file that is there whole or not at all: written under a name of its own beside `path`, renamed by
 * commit(), removed when that does not come.
 */
class OutputFile
{
public:
    /** An error when `path` exists and may not be replaced. */
    static Result<OutputFile> create(const std::string &path, bool replace);
    OutputFile(OutputFile &&other) noexcept;
    OutputFile &operator=(OutputFile &&) = delete;
    ~OutputFile();

    [[nodiscard]] Result<void> write(std::span<const std::byte> bytes);
    [[nodiscard]] Result<void> write(const std::string &text)
    {
        return write(std::as_bytes(std::span(text)));
    }
    /** Overwrites the first bytes of what was written so far. */
    [[nodiscard]] Result<void> rewriteStart(std::span<const std::byte> bytes);
    /** Nothing more comes: gives descriptor and memory back, so that many files can wait for commit(). */
    [[nodiscard]] Result<void> close();
    [[nodiscard]] Result<void> commit();

    [[nodiscard]] std::uint64_t size() const { return flushed_ + buffer_.size(); }
    [[nodiscard]] const std::string &path() const { return path_; }

private:
    OutputFile(std::string path, std::string partial, UniqueFd fd, bool replace);
    [[nodiscard]] Result<void> flush();
    [[nodiscard]] Result<void> writeThrough(std::span<const std::byte> bytes);
    [[nodiscard]] tl::unexpected<Error> failed(const char *doing) const;

    std::string path_;
    std::string partial_; ///< empty: nothing to remove
    UniqueFd fd_;
    bool replace_;
    std::uint64_t flushed_ = 0;
    std::vector<std::byte> buffer_;
};

} // namespace dmaslab::tools
