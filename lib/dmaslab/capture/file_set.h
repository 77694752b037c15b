// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/stat.h>

#include "dmaslab/capture/npy_header.h"
#include "dmaslab/unique_fd.h"

namespace dmaslab {

/** What all frames of a file or directory have in common. */
struct DMASLAB_EXPORT FileFrame
{
    bool raw = false; ///< no header: frameBytes is what the caller said, the rest is unknown
    NpyDtype dtype;
    std::uint64_t height = 0;
    std::uint64_t width = 0;
    std::uint64_t channels = 1; ///< interleaved samples per pixel
    std::uint64_t frameBytes = 0;

    bool operator==(const FileFrame &) const = default;
    [[nodiscard]] std::string text() const; ///< "640x480 <u2"
};

/**
 * The GStreamer format name that these samples are, or "" when only the user can say. Signed 16 bit
 * counts as GRAY16: cameras write it, with values that are never negative.
 */
[[nodiscard]] DMASLAB_EXPORT const char *pixelFormatHint(const FileFrame &frame);

/**
 * The frames behind a `location`, numbered through: a .npy file, a directory (every *.npy of it in
 * byte-wise name order, hidden ones left out), or a raw file of frames back to back.
 *
 * (H,W) is one frame, (N,H,W) are N frames, (N,H,W,C) with C of 1 to 4 are N frames of C channels.
 * (H,W,3) and (H,W,4) are read as H frames too, unless the caller wants frames of just that many bytes.
 */
class DMASLAB_EXPORT FileSet
{
public:
    struct Entry
    {
        std::string path;
        std::uint64_t firstFrame = 0;
        std::uint64_t frames = 0;
        std::uint64_t dataOffset = 0;
        struct stat seen = {}; ///< what the file was when its header was read
    };

    /** `frameBytes`: bytes of one packed frame; 0 takes what the files say, which raw files cannot. */
    static Result<FileSet> open(const std::string &location, std::uint64_t frameBytes = 0);

    [[nodiscard]] const FileFrame &frame() const { return frame_; }
    [[nodiscard]] std::uint64_t frames() const { return frames_; } ///< at least 1
    [[nodiscard]] const std::vector<Entry> &entries() const { return entries_; }
    /** Index of the entry that holds this frame; frame < frames(). */
    [[nodiscard]] std::size_t entryOf(std::uint64_t frame) const;
    /** Opens it again, and makes sure that it still holds what it held. */
    [[nodiscard]] Result<UniqueFd> openEntry(std::size_t index) const;

private:
    Result<void> addFile(const std::string &path, bool npyOnly, std::uint64_t frameBytes);
    Result<void> addDirectory(const std::string &path, std::uint64_t frameBytes);

    FileFrame frame_;
    std::uint64_t frames_ = 0;
    std::vector<Entry> entries_;
};

} // namespace dmaslab
