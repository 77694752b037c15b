// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dmaslab/archive/format.h"
#include "dmaslab/capture/frame_layout.h"
#include "dmaslab/error.h"

namespace dmaslab {

/** What frames of one series look like, before anybody chose how to store them. */
struct DMASLAB_EXPORT SeriesFormat
{
    std::string caps;             ///< as the stream said; comes back at replay
    std::uint64_t frameBytes = 0; ///< 0: every frame has its own length (encoded)
    std::string dtype = "|u1";    ///< of one item, as numpy writes it
    /** One frame in items, as it lies in memory (rows with their padding): the product fills frameBytes. */
    std::vector<std::uint64_t> shape;
    /** How much of each axis is picture; empty: all of it. */
    std::vector<std::uint64_t> crop;
    std::vector<PlaneLayout> planes; ///< of pictures; empty when the bytes have no rows
    /** What the last axis, of bytes, really is: fields as parseRecordFields() gives them. Empty: bytes. */
    std::string fields;

    bool operator==(const SeriesFormat &) const;
};

/** How the frames of one series are stored. */
struct DMASLAB_EXPORT SeriesLayout
{
    ArchiveLayout layout = ArchiveLayout::Plain;
    std::string reason;               ///< why this one, a clause
    std::uint64_t recordBytes = 0;    ///< from one frame to the next; 0: blob
    std::vector<std::uint64_t> shape; ///< of one record's pixels in the file (rows: with the added ones)
    std::vector<std::uint64_t> crop;  ///< of `shape`; empty: nothing to cut
    std::string descr;                ///< the value of 'descr' in the header of a frames file

    /** Plain frames that are records themselves: their last axis is in the type. */
    [[nodiscard]] bool isPlainRecord() const
    {
        return layout == ArchiveLayout::Plain && descr.starts_with('[');
    }

    /** The shape in the header of a frames file, for so many frames; blob: for so many bytes. */
    [[nodiscard]] std::vector<std::uint64_t> fileShape(std::uint64_t count) const;
    /** What a Python user types to see the pictures of a file. */
    [[nodiscard]] std::string numpyExpression(const std::string &file) const;
};

/** Chooses, or says why the wished one cannot be. */
[[nodiscard]] DMASLAB_EXPORT Result<SeriesLayout> chooseLayout(const SeriesFormat &format,
                                                               ArchiveLayout wish);

/** Bytes of one item of a plain numpy type such as "<u2"; 0 when it is none. */
[[nodiscard]] DMASLAB_EXPORT std::uint32_t itemBytes(const std::string &dtype);

} // namespace dmaslab
