// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/loss_ledger.h"
#include "dmaslab/archive/format.h"

namespace dmaslab {

/** Frames that did not come, in the numbers of the archive. */
struct AnnouncedGap
{
    Loss loss; ///< reason and element mean nothing for a skip
    LossKind kind = LossKind::Loss;
};

/**
 * Numbers the frames of a stream so that they grow strictly, whatever the source does: its own numbers, and
 * where those go back (a source that began anew) a further epoch behind what was there. Holds what upstream
 * announced as missing until the frame behind it tells in which epoch that was. Streaming thread.
 */
class FrameNumbers
{
public:
    struct Frame
    {
        std::uint64_t sequence = 0;
        std::uint16_t epoch = 0;
    };

    void announceLoss(const Loss &loss) { announce({loss, LossKind::Loss}); }
    void announceSkip(const Skip &skip);

    /** The next frame; what is missing before it is then in missing(). */
    Frame next(std::optional<std::uint64_t> number, GstClockTime time);
    /** The frame that next() gave last was not taken: it is one that did not come. */
    void takeBack();
    /** No frame comes for now: what was announced is then in missing(). */
    void settle();
    [[nodiscard]] const std::vector<AnnouncedGap> &missing() const { return missing_; }

    void reset() { *this = FrameNumbers(); }

private:
    void announce(const AnnouncedGap &range);
    void beginEpoch(std::uint64_t number);
    void give(const AnnouncedGap &range);
    void giveUnannounced(std::uint64_t number, GstClockTime time);

    std::vector<AnnouncedGap> announced_; ///< in the source's numbers
    std::vector<AnnouncedGap> missing_;
    std::uint64_t base_ = 0;     ///< added to the source's numbers; may wrap
    std::uint64_t expected_ = 0; ///< the source's next number
    std::uint64_t free_ = 0;     ///< the smallest number that nobody had, of the archive's
    std::uint64_t floor_ = 0;    ///< what free_ was as the gap began
    bool started_ = false;
    std::uint16_t epoch_ = 0;
};

} // namespace dmaslab
