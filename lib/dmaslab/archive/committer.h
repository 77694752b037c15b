// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dmaslab/archive/file_header.h"
#include "dmaslab/archive/loss_log.h"
#include "dmaslab/archive/write_segment.h"

namespace dmaslab {

/**
 * Makes complete records count. One commit at a time, one step after the other, each step a few operations of
 * the same ring as the frames:
 *
 *     1  fdatasync of the frames            the pixels are on the disk
 *     2  index records, ledger entries      …
 *     3  fdatasync of both                  … and what describes them
 *     4  header of the index                a reader between 4 and 5 takes the smaller count
 *     5  headers of the frames, the ledger
 *     6  fdatasync of all three             from here on they are counted
 */
class Committer
{
public:
    Committer(DiskIo &io, LossLog &losses, int lossesFd) : io_(io), losses_(losses), lossesFd_(lossesFd) {}

    /** The ledger's file is known to the DiskIo from here on. */
    [[nodiscard]] Result<void> open();

    [[nodiscard]] bool busy() const { return step_ != Step::None; }
    [[nodiscard]] unsigned underWay() const { return pending_; }
    /** Begins a commit of the records below `upTo` and of the losses known now. `segment` may be null. */
    void begin(WriteSegment *segment, std::uint64_t upTo);

    [[nodiscard]] static bool isToken(std::uint64_t token) { return (token & kToken) != 0; }
    struct Outcome
    {
        bool ended = false;
        int error = 0;          ///< errno of what failed
        bool lostTrust = false; ///< a sync failed: what the disk has is not known any more
        int ledgerError = 0; ///< errno of what failed with the ledger, whose entries wait for the next commit
        std::uint64_t records = 0; ///< counted by this commit
        std::uint64_t frames = 0;  ///< of these, not bad
        std::uint64_t bytes = 0;
    };
    /** The end of one operation of ours. */
    Outcome complete(const DiskCompletion &completion);

private:
    static constexpr std::uint64_t kToken = std::uint64_t{1} << 32;
    enum class Step : std::uint8_t
    {
        None,
        SyncData,
        WriteEntries,
        SyncEntries,
        IndexHeader,
        OtherHeaders,
        SyncHeaders,
    };

    void start(Step step);
    void next();
    void write(int file, std::uint64_t offset, const iovec &piece, const iovec &second = {});
    void writeEntries();
    [[nodiscard]] bool hasLosses() const { return withLosses_ && ledgerError_ == 0; }
    void sync(int file);
    void makeHeaders(const SegmentPlan &plan);
    Outcome finish();

    DiskIo &io_;
    LossLog &losses_;
    const int lossesFd_;
    int lossesFile_ = -1;
    Step step_ = Step::None;
    unsigned pending_ = 0;
    int error_ = 0;
    int ledgerError_ = 0;
    bool syncFailed_ = false;
    WriteSegment *segment_ = nullptr;
    std::uint64_t upTo_ = 0;
    bool withLosses_ = false;
    struct Expected
    {
        iovec pieces[2];
        std::uint64_t offset = 0;
        int file = -1;
        bool isSync = false;
        unsigned attempts = 0;
        [[nodiscard]] std::span<const iovec> filled() const
        {
            return {pieces[0].iov_len > 0 ? pieces : pieces + 1,
                    std::size_t(pieces[0].iov_len > 0) + (pieces[1].iov_len > 0)};
        }
        [[nodiscard]] std::uint64_t bytes() const { return pieces[0].iov_len + pieces[1].iov_len; }
    };
    Expected operations_[4];
    alignas(kArchiveBlock) std::array<std::byte, kArchiveBlock> lastEntries_;
    alignas(kArchiveBlock) HeaderBlock indexHeader_;
    alignas(kArchiveBlock) HeaderBlock framesHeader_;
    alignas(kArchiveBlock) HeaderBlock lossesHeader_;
    std::optional<std::uint32_t> headersOf_; ///< the number of the segment whose headers are made
};

} // namespace dmaslab
