// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dmaslab/archive/manifest.h"
#include "dmaslab/archive/recording_directory.h"

namespace dmaslab::test {

/**
 * A recording made step by step, as a writer would: what was added is not there for readers before commit().
 * While it lives it has the directory's lock, as a writer has.
 */
class RecordingBuilder
{
public:
    explicit RecordingBuilder(const std::string &path, std::uint32_t everyNth = 1);

    /** From here on frames look like this; the next one begins a segment. */
    const SeriesLayout &beginSeries(const SeriesFormat &format, ArchiveLayout wish = ArchiveLayout::Auto);
    void split() { wantsSegment_ = true; }

    /** Times and number follow from the frame before, unless they are set. */
    struct Frame
    {
        std::optional<std::uint64_t> sequence;
        std::optional<std::int64_t> pts;
        std::uint16_t flags = 0;
        std::int64_t capture = kNoTime;
        bool wrongHash = false;
    };
    void add(const std::string &bytes, const Frame &frame);
    void add(const std::string &bytes) { add(bytes, Frame{}); }
    void lose(std::uint64_t first, std::uint64_t last, std::uint64_t count, const std::string &reason,
              const std::string &element, LossKind kind = LossKind::Loss, std::int64_t time = kNoTime);

    /** Headers, manifest and ledger count what was added. */
    void commit();
    /** The oldest segment's files become those of the next one, as in a ring; it begins empty. */
    void recycle();
    void close();
    /** As when the writer is killed: the lock is gone, the manifest stays. */
    void abandon() { directory_.reset(); }

    [[nodiscard]] const std::string &path() const { return path_; }
    [[nodiscard]] const Manifest &manifest() const { return manifest_; }
    static constexpr std::int64_t kPeriodNs = 10'000'000;

private:
    struct Segment
    {
        std::uint32_t number = 0;
        std::uint64_t blocks = 0;
        std::vector<IndexRecord> records;
        bool committed = false; ///< all of it, and closed
    };
    void openSegment(std::uint32_t number);
    void writeCounts(const Segment &segment, std::uint64_t blocks, std::uint64_t records);
    [[nodiscard]] std::string file(const std::string &name) const { return path_ + "/" + name; }
    [[nodiscard]] const SeriesLayout &layoutOf(std::uint32_t segment) const;
    ManifestSegment &entryOf(std::uint32_t segment);

    std::string path_;
    std::optional<RecordingDirectory> directory_;
    Manifest manifest_;
    std::vector<Segment> segments_;
    std::vector<LossRecord> losses_;
    std::optional<std::uint64_t> sequence_;
    bool wantsSegment_ = true;
};

/** Grey pictures of 8 or 16 bits with caps at 100 frames/s, rows at multiples of 4 bytes. */
[[nodiscard]] SeriesFormat greyFormat(std::uint64_t width, std::uint64_t height, bool wide = true);
/** Encoded frames. */
[[nodiscard]] SeriesFormat blobFormat();

} // namespace dmaslab::test
