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
    struct FileId
    {
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        bool operator==(const FileId &) const = default;
    };

    struct Segment
    {
        std::uint32_t number = 0;
        std::uint32_t series = 0;
        std::uint64_t firstFrame = 0; ///< number of its first frame in the recording
        std::uint64_t frames = 0;     ///< the smaller of the two counts, and no more than the files hold
        std::uint64_t dataBytes = 0;  ///< behind the header of the frames file; blob: those that are counted
        bool headersAgree = false;    ///< both count the same; while it is written they need not
        bool settled = false;         ///< closed, and as it should be: nothing of it changes any more
        std::string problem;          ///< what is wrong with its files or counts; empty: nothing
        UniqueFd framesFd;            ///< of few segments at a time: framesOf() opens it where it is closed
        UniqueFd indexFd;
        FileId framesId, indexId;
        std::uint64_t firstSequence = 0; ///< where it has frames: a recycled segment begins with another
        std::string framesPath;
        std::string indexPath;
    };

    enum class Unbegun
    {
        Refuse,
        Await, ///< a directory that a writer has and that has no manifest.json yet is a recording without
               ///< frames
    };
    /** `directory`, or the path of its manifest.json. */
    static Result<Recording> open(const std::string &directory, Unbegun unbegun = Unbegun::Refuse);

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
    /** The checks of place() on an entry that readIndex() gave. */
    [[nodiscard]] Result<FramePlace> checkedPlace(std::size_t segment, std::uint64_t record,
                                                  const IndexRecord &index) const;
    /** The frame's bytes into `dest`, which has at least place.index.length. */
    [[nodiscard]] Result<void> readFrame(const FramePlace &place, std::span<std::byte> dest) const;
    /**
     * For who reads the bytes by other means than readFrame(): NotFound when a ring recording began to write
     * another frame in its place before this was called.
     */
    [[nodiscard]] Result<void> confirm(const FramePlace &place) const;
    /** The descriptor of a segment's frames file; good until the next call of any function of this. */
    [[nodiscard]] Result<int> framesOf(std::size_t segment) const;

    /** First frame whose sequence / pts is not smaller; frames() when there is none. */
    [[nodiscard]] Result<std::uint64_t> findSequence(std::uint64_t sequence) const;
    [[nodiscard]] Result<std::uint64_t> findPts(std::int64_t pts) const;

    [[nodiscard]] Result<std::vector<LossRecord>> losses() const;

    /**
     * Looks again: true when frames were added. Frames that a ring recording has given up since are gone, and
     * the numbers of all others are smaller by them: their sequence finds them again.
     */
    [[nodiscard]] Result<bool> refresh();
    /** Not closed, and a writer has it. Once it is false, one more refresh() sees the last frames. */
    [[nodiscard]] bool mayGrow() const;

private:
    /** Tells one manifest.json from the next. */
    struct Version
    {
        FileId id;
        std::int64_t size = 0, seconds = 0, nanoseconds = 0;
        bool operator==(const Version &) const = default;
    };

    Recording() = default;
    [[nodiscard]] Result<Version> version() const;
    [[nodiscard]] bool isLocked() const;
    [[nodiscard]] Result<void> await(const Error &missing, bool locked);
    Result<void> load();
    void adopt(Manifest manifest);
    Result<void> loadSegment(std::size_t position);
    void number();
    Result<void> reopen(std::size_t segment) const;
    [[nodiscard]] Result<void> checkKept(std::size_t segment, std::uint64_t needed) const;
    Result<int> indexOf(std::size_t segment) const;
    std::size_t segmentOf(std::uint64_t frame) const;
    Result<std::optional<std::uint64_t>> findPtsIn(std::size_t segment, std::int64_t pts) const;

    std::string path_;
    UniqueFd directory_;
    Version version_;
    Unbegun unbegun_ = Unbegun::Refuse;
    bool waited_ = false; ///< there was a writer, and no manifest yet
    Manifest manifest_;
    // Descriptors come and go; what is said about the segments stays.
    mutable std::vector<Segment> segments_;
    mutable std::vector<std::size_t> opened_; ///< segments with descriptors, the one opened first in front
    std::uint64_t frames_ = 0;
};

} // namespace dmaslab
