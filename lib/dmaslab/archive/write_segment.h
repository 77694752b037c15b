// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include "dmaslab/archive/disk_io.h"
#include "dmaslab/archive/page_buffer.h"
#include "dmaslab/archive/segment_store.h"

namespace dmaslab {

/**
 * A segment while it is written: records are placed, complete in any order, and are counted in order.
 *
 *     0 ≤ counted ≤ (first record still under way) ≤ placed ≤ plan.records
 */
struct WriteSegment
{
    WriteSegment(SegmentFiles opened, DiskIo &io)
        : files(std::move(opened)), index(files.plan.indexBytes()), io_(io)
    {
    }
    WriteSegment(const WriteSegment &) = delete;
    WriteSegment &operator=(const WriteSegment &) = delete;
    ~WriteSegment() { closeNumbers(); }

    [[nodiscard]] Result<void> openNumbers()
    {
        for (auto [number, fd] :
             {std::pair{&framesFile, files.frames.get()}, {&indexFile, files.index.get()}}) {
            auto added = io_.addFile(fd);
            if (!added)
                return tl::unexpected(added.error());
            *number = *added;
        }
        return {};
    }
    void closeNumbers()
    {
        for (int *number : {&framesFile, &indexFile}) {
            if (*number >= 0)
                io_.removeFile(std::exchange(*number, -1));
        }
    }

    [[nodiscard]] IndexRecord &record(std::uint64_t number)
    {
        return reinterpret_cast<IndexRecord *>(index.data())[number];
    }
    [[nodiscard]] std::uint64_t recordBytes() const { return files.plan.layout.recordBytes; }
    [[nodiscard]] std::uint64_t bytesFor(std::uint64_t length) const
    {
        return recordBytes() != 0 ? recordBytes() : roundUpToBlock(length);
    }
    [[nodiscard]] bool hasRoomFor(std::uint64_t length) const
    {
        return !sealed && placed < files.plan.records &&
               placedBytes + bytesFor(length) <= files.plan.dataBytes;
    }
    /** Where the data of the first so many records ends. */
    [[nodiscard]] std::uint64_t dataEnd(std::uint64_t records)
    {
        if (records == 0)
            return 0;
        const IndexRecord &last = record(records - 1);
        return std::uint64_t(last.block) * kArchiveBlock + bytesFor(last.length);
    }

    SegmentFiles files;
    int framesFile = -1; ///< numbers in the DiskIo
    int indexFile = -1;
    PageBuffer index; ///< every record of the segment, as it will be on disk
    std::uint64_t placed = 0;
    std::uint64_t placedBytes = 0;
    std::uint64_t counted = 0;
    std::uint64_t bad = 0;
    bool sealed = false; ///< takes no further record
    SegmentEvent event;

private:
    DiskIo &io_;
};

} // namespace dmaslab
