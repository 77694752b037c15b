// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchive/frame_numbers.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace dmaslab {

void FrameNumbers::announceSkip(const Skip &skip)
{
    announce(
        {{skip.first, skip.last, skip.count, LossReason::Error, skip.time, skip.element}, LossKind::Skip});
}

void FrameNumbers::announce(const AnnouncedGap &range)
{
    // After a flush an element may announce what it had announced before.
    const auto same = [&](const AnnouncedGap &known) {
        return known.kind == range.kind && known.loss.reason == range.loss.reason &&
               known.loss.element == range.loss.element && known.loss.first <= range.loss.first &&
               known.loss.last >= range.loss.last;
    };
    if (std::none_of(announced_.begin(), announced_.end(), same))
        announced_.push_back(range);
}

FrameNumbers::Frame FrameNumbers::next(std::optional<std::uint64_t> number, GstClockTime time)
{
    missing_.clear();
    if (!number) {
        // A stream without numbers: what is missing in it takes numbers of its own.
        for (const AnnouncedGap &range : announced_)
            expected_ = std::max(expected_, range.loss.last + 1);
        number = expected_;
    }
    if (started_ && *number < expected_)
        beginEpoch(*number);
    std::sort(announced_.begin(), announced_.end(),
              [](const AnnouncedGap &a, const AnnouncedGap &b) { return a.loss.first < b.loss.first; });
    if (started_)
        giveUnannounced(*number, time);
    for (const AnnouncedGap &range : std::exchange(announced_, {}))
        give(range);
    started_ = true;
    expected_ = *number + 1;
    free_ = std::max(free_, base_ + expected_);
    floor_ = free_;
    return {base_ + *number, epoch_};
}

void FrameNumbers::takeBack()
{
    --expected_;
    free_ = floor_ = base_ + expected_;
}

void FrameNumbers::settle()
{
    missing_.clear();
    for (const AnnouncedGap &range : std::exchange(announced_, {})) {
        give(range);
        expected_ = std::max(expected_, range.loss.last + 1);
    }
    started_ = started_ || !missing_.empty();
    floor_ = free_;
}

void FrameNumbers::beginEpoch(std::uint64_t number)
{
    std::vector<AnnouncedGap> newOnes;
    std::uint64_t first = number;
    for (const AnnouncedGap &range : std::exchange(announced_, {})) {
        if (range.loss.first >= expected_) {
            give(range); // still of the old numbers
        } else if (range.loss.last < number) {
            newOnes.push_back(range);
            first = std::min(first, range.loss.first);
        }
    }
    announced_ = std::move(newOnes);
    base_ = free_ - first;
    floor_ = free_;
    expected_ = first;
    epoch_ = std::uint16_t(std::min(epoch_ + 1, int(std::numeric_limits<std::uint16_t>::max())));
}

/** In the archive's numbers, without what was there before the gap; ranges of one gap may interleave. */
void FrameNumbers::give(const AnnouncedGap &range)
{
    AnnouncedGap given = range;
    given.loss.first += base_;
    given.loss.last += base_;
    if (given.loss.last < floor_ || given.loss.last < given.loss.first)
        return;
    if (given.loss.first < floor_) {
        given.loss.first = floor_;
        given.loss.count = std::min(given.loss.count, given.loss.last - given.loss.first + 1);
    }
    free_ = std::max(free_, given.loss.last + 1);
    if (!missing_.empty() && missing_.back().kind == given.kind &&
        missing_.back().loss.element == given.loss.element && missing_.back().loss.absorb(given.loss))
        return;
    missing_.push_back(std::move(given));
}

/** What lies between the announced ranges up to the frame was lost by somebody who keeps no ledger. */
void FrameNumbers::giveUnannounced(std::uint64_t number, GstClockTime time)
{
    std::uint64_t at = expected_;
    std::vector<AnnouncedGap> all;
    const auto lost = [&](std::uint64_t end) {
        if (at < end)
            all.push_back({{at, end - 1, end - at, LossReason::Device, time, "upstream"}, LossKind::Loss});
    };
    for (const AnnouncedGap &range : announced_) {
        lost(std::min(range.loss.first, number));
        all.push_back(range);
        at = std::max(at, range.loss.last + 1);
    }
    lost(number);
    announced_ = std::move(all);
}

} // namespace dmaslab
