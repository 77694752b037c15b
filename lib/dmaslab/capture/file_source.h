// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <sys/uio.h>

#include "dmaslab/capture/file_set.h"
#include "dmaslab/capture/frame_source.h"

namespace dmaslab {

struct FileSourceOptions
{
    bool loop = false;               ///< begin again after the last frame
    std::uint64_t firstSequence = 0; ///< the sequence that is frame 0
};

/**
 * Reads frames from files straight into slabs: the kernel writes the rows to where they belong, and no
 * byte passes through memory of ours. The sequence says which frame, so a sequence that was lost is a
 * frame of the file that was lost, and the two can be compared. Padding is zeroed.
 * The capture time is not used: a file's pixels are left as they are.
 */
class DMASLAB_EXPORT FileFrameSource final : public FrameSource
{
public:
    static Result<std::unique_ptr<FileFrameSource>> create(FileSet files, FrameLayout layout,
                                                           FileSourceOptions options = {});

    FillStatus fill(const FillTarget &target, std::uint64_t sequence, std::uint64_t captureTimeNs) override;
    [[nodiscard]] const Error &lastError() const override { return error_; }
    [[nodiscard]] const FileSet &files() const { return files_; }

private:
    /** An open file of the set; at most two are open, the one being read and the one after it. */
    struct OpenEntry
    {
        std::size_t index = SIZE_MAX;
        UniqueFd fd;
    };

    FileFrameSource(FileSet files, FrameLayout layout, FileSourceOptions options);
    bool select(std::size_t entry);
    void openNext();
    bool read(std::span<std::byte> slab, std::uint64_t fileOffset);
    bool setError(Errc code, std::string message, int sysErrno = 0);

    FileSet files_;
    FrameLayout layout_;
    FileSourceOptions options_;
    std::vector<ByteRange> pixels_;
    std::vector<ByteRange> padding_;
    std::vector<iovec> batch_;
    OpenEntry current_;
    OpenEntry next_;
    Error error_;
};

} // namespace dmaslab
