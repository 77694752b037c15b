// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "dmaslab/archive/format.h"

namespace dmaslab {

/** losses.npy while it grows: entries wait here until a commit has made them durable. The writer's thread. */
class LossLog
{
public:
    void add(const LossRecord &loss)
    {
        waiting_.push_back(loss);
        ownRun_ = false;
    }
    /** A frame of our own: joined with the last entry when it continues it. */
    void addOwn(const LossRecord &loss)
    {
        if (ownRun_ && !waiting_.empty()) {
            LossRecord &last = waiting_.back();
            if (last.reason == loss.reason && last.element == loss.element && last.kind == loss.kind &&
                last.series == loss.series && loss.first > last.last) {
                last.last = loss.last;
                last.count += loss.count;
                return;
            }
        }
        add(loss);
        ownRun_ = true;
    }
    /** A frame was kept: what is lost behind it is an entry of its own. */
    void endRun() { ownRun_ = false; }

    [[nodiscard]] bool hasNew() const { return !waiting_.empty(); }
    /** A commit takes along what is known now; it stays where it is until the end of that commit. */
    void begin() { written_.swap(waiting_); }
    [[nodiscard]] const std::vector<LossRecord> &taken() const { return written_; }
    /** Of the commit. After a failure the same entries go with the next one. */
    void end(bool durable)
    {
        if (durable) {
            durable_ += written_.size();
        } else {
            written_.insert(written_.end(), waiting_.begin(), waiting_.end());
            waiting_.swap(written_);
        }
        written_.clear();
    }
    [[nodiscard]] std::uint64_t durable() const { return durable_; }
    /** Entries so far, those included that wait. */
    [[nodiscard]] std::uint64_t total() const { return durable_ + written_.size() + waiting_.size(); }

private:
    std::vector<LossRecord> waiting_;
    std::vector<LossRecord> written_;
    std::uint64_t durable_ = 0;
    bool ownRun_ = false; ///< the last entry may grow
};

} // namespace dmaslab
