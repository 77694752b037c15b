// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/gaps.h"

#include <algorithm>

namespace dmaslab {

namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};

std::uint64_t sum(std::uint64_t a, std::uint64_t b)
{
    return a > kAll - b ? kAll : a + b;
}

} // namespace

GapAccount::GapAccount(std::span<const LossRecord> ledger, std::uint32_t everyNth, std::uint32_t nthPhase)
    : everyNth_(std::max(everyNth, 1u)), nthPhase_(nthPhase)
{
    for (const LossRecord &loss : ledger) {
        if (loss.last < loss.first || loss.count == 0)
            continue;
        const bool whole = loss.count > loss.last - loss.first;
        (whole ? whole_ : partial_).push_back({loss.first, loss.last, loss.count});
    }
    join(whole_);
    join(partial_);
}

void GapAccount::join(std::vector<Range> &ranges)
{
    std::sort(ranges.begin(), ranges.end(), [](const Range &a, const Range &b) { return a.first < b.first; });
    std::size_t kept = 0;
    for (const Range &range : ranges) {
        if (kept > 0 && range.first <= ranges[kept - 1].last) {
            Range &joined = ranges[kept - 1];
            joined.last = std::max(joined.last, range.last);
            joined.explained = sum(joined.explained, range.explained);
        } else {
            ranges[kept++] = range;
        }
    }
    ranges.resize(kept);
}

/** Numbers of first … last that the archive keeps. */
std::uint64_t GapAccount::wanted(std::uint64_t first, std::uint64_t last) const
{
    const std::uint64_t skip = (nthPhase_ + everyNth_ - first % everyNth_) % everyNth_;
    return skip > last - first ? 0 : (last - first - skip) / everyNth_ + 1;
}

void GapAccount::add(std::uint64_t before, std::uint64_t after)
{
    if (after <= before || after - before == 1)
        return;
    std::uint64_t first = before + 1;
    const std::uint64_t last = after - 1;
    auto range =
        std::lower_bound(whole_.begin(), whole_.end(), first,
                         [](const Range &known, std::uint64_t number) { return known.last < number; });
    for (; range != whole_.end() && range->first <= last; ++range) {
        if (range->first > first)
            addUncovered(first, range->first - 1);
        if (range->last >= last)
            return;
        first = range->last + 1;
    }
    addUncovered(first, last);
}

void GapAccount::addUncovered(std::uint64_t first, std::uint64_t last)
{
    auto range =
        std::lower_bound(partial_.begin(), partial_.end(), first,
                         [](const Range &known, std::uint64_t number) { return known.last < number; });
    for (; range != partial_.end() && range->first <= last; ++range) {
        if (range->first > first)
            addMissing(first, range->first - 1);
        range->absent =
            sum(range->absent, wanted(std::max(first, range->first), std::min(last, range->last)));
        if (range->last >= last)
            return;
        first = range->last + 1;
    }
    addMissing(first, last);
}

void GapAccount::addMissing(std::uint64_t first, std::uint64_t last)
{
    if (const std::uint64_t count = wanted(first, last); count > 0)
        missing_.push_back({first, last, count});
}

std::vector<MissingFrames> GapAccount::finish()
{
    for (const Range &range : partial_) {
        if (range.absent > range.explained)
            missing_.push_back({range.first, range.last, range.absent - range.explained});
    }
    std::sort(missing_.begin(), missing_.end(),
              [](const MissingFrames &a, const MissingFrames &b) { return a.first < b.first; });
    return std::move(missing_);
}

} // namespace dmaslab
