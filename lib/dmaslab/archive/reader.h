// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dmaslab/archive/manifest.h"
#include "dmaslab/unique_fd.h"

namespace dmaslab {

/** Where one frame is. */
struct FramePlace
{
    std::size_t segment = 0;  ///< index into Recording::segments()
    std::uint64_t record = 0; ///< in that segment
    std::uint64_t offset = 0; ///< in the frames file
    IndexRecord index;
};

/**
 * A recording as it is on disk: closed, crashed, or still being written. Frames are numbered through all
 * segments, from 0; what is counted in both headers of a segment is there. One thread at a time.
 */
class DMASLAB_EXPORT Recording
{
public:
    struct Segment
    {
        std::uint32_t number = 0;
        std::uint32_t series = 0;
        std::uint64_t firstFrame = 0; ///< number of its first frame in the recording
        std::uint64_t frames = 0;     ///< the smaller of the two counts
        UniqueFd framesFd;
        UniqueFd indexFd;
        std::string framesPath;
        std::string indexPath;
    };

    /** `directory`, or the path of its manifest.json. */
    static Result<Recording> open(const std::string &directory);

    [[nodiscard]] const std::string &path() const { return path_; }
    [[nodiscard]] const Manifest &manifest() const { return manifest_; }
    [[nodiscard]] const std::vector<Segment> &segments() const { return segments_; }
    [[nodiscard]] const ManifestSeries &series(std::size_t segment) const
    {
        return manifest_.series[segments_[segment].series];
    }
    [[nodiscard]] std::uint64_t frames() const { return frames_; }

    /** The index entry of one frame, checked against its file: an offset or length outside it is an error. */
    [[nodiscard]] Result<FramePlace> place(std::uint64_t frame) const;
    /** Many at once, for tools that walk: fills `records` from the segment's record `first` on. */
    [[nodiscard]] Result<void> readIndex(std::size_t segment, std::uint64_t first,
                                         std::span<IndexRecord> records) const;
    /** The frame's bytes into `dest`, which has at least place.index.length. */
    [[nodiscard]] Result<void> readFrame(const FramePlace &place, std::span<std::byte> dest) const;

    /** First frame whose sequence / pts is not smaller; frames() when there is none. */
    [[nodiscard]] Result<std::uint64_t> findSequence(std::uint64_t sequence) const;
    [[nodiscard]] Result<std::uint64_t> findPts(std::int64_t pts) const;

    [[nodiscard]] Result<std::vector<LossRecord>> losses() const;

    /** Looks again: true when frames were added. Frames that a ring recording has given up since are gone. */
    [[nodiscard]] Result<bool> refresh();
    /** Somebody may still be writing it. */
    [[nodiscard]] bool mayGrow() const { return manifest_.state == RecordingState::Recording; }

private:
    Recording() = default;
    Result<void> load();

    std::string path_;
    UniqueFd directory_;
    Manifest manifest_;
    std::vector<Segment> segments_;
    std::uint64_t frames_ = 0;
};

} // namespace dmaslab
