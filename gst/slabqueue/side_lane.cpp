// SPDX-License-Identifier: LGPL-2.1-or-later
#include "slabqueue/side_lane.h"

#include <algorithm>
#include <utility>

namespace dmaslab {

namespace {

bool restartsStream(const SideLane::Item &item) noexcept
{
    if (!item.event)
        return false;
    switch (GST_EVENT_TYPE(item.event.get())) {
    case GST_EVENT_STREAM_START:
    case GST_EVENT_SEGMENT:
    case GST_EVENT_EOS:
        return true;
    default:
        return false;
    }
}

} // namespace

void SideLane::append(std::uint64_t before, EventPtr event)
{
    Item item;
    item.before = before;
    item.event = std::move(event);
    items_.push_back(std::move(item));
}

void SideLane::append(std::uint64_t before, PendingQuery *query)
{
    Item item;
    item.before = before;
    item.query = query;
    items_.push_back(std::move(item));
}

void SideLane::appendLoss(std::uint64_t before, const Loss &loss)
{
    if (items_.empty() || !items_.back().loss || !items_.back().loss->absorb(loss, crowded())) {
        items_.emplace_back();
        items_.back().loss = loss;
    }
    items_.back().before = before;
    items_.back().unplaced += loss.count;
}

void SideLane::insertLossOf(std::uint64_t position, const Loss &loss)
{
    // From the back: what came after the frame is little, what may wait before it is not.
    const auto after = std::find_if(items_.rbegin(), items_.rend(), [position](const Item &item) {
                           return item.before <= position;
                       }).base();
    // Whatever precedes `after` precedes the lost frame as well, so a loss right there is its neighbour in
    // order.
    if (after != items_.begin()) {
        Item &previous = *std::prev(after);
        if (previous.loss && previous.loss->absorb(loss, crowded())) {
            previous.before = position + 1;
            return;
        }
    }
    Item item;
    item.before = position + 1;
    item.loss = loss;
    items_.insert(after, std::move(item));
}

std::optional<SideLane::Item> SideLane::take(std::uint64_t position)
{
    if (next() == nothing || next() > position)
        return std::nullopt;
    Item item = std::move(items_.front());
    items_.pop_front();
    unplacedTaken_ += item.unplaced;
    return item;
}

bool SideLane::remove(const PendingQuery *query)
{
    const auto found =
        std::find_if(items_.begin(), items_.end(), [query](const Item &item) { return item.query == query; });
    if (found == items_.end())
        return false;
    items_.erase(found);
    return true;
}

std::optional<std::uint64_t> SideLane::nextRestart() const noexcept
{
    const auto found = std::find_if(items_.begin(), items_.end(), restartsStream);
    if (found == items_.end())
        return std::nullopt;
    return found->before;
}

std::uint64_t SideLane::numberAt(std::uint64_t position) const noexcept
{
    std::uint64_t number = position + unplacedTaken_;
    for (const Item &item : items_) {
        if (item.before > position)
            break;
        number += item.unplaced;
    }
    return number;
}

} // namespace dmaslab
