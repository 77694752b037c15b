// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "dmaslab/archive/reader.h"
#include "dmaslab/capture/frame_hash.h"
#include "dmaslab/capture/stamp.h"

namespace dmaslab::testing {

/** Reads every frame of a recording and looks whether it is the one its index says; how many there are, bad
 * ones left out. */
inline std::uint64_t checkedFrames(const std::string &path)
{
    const auto recording = Recording::open(path);
    EXPECT_TRUE(recording) << recording.error().message;
    if (!recording)
        return 0;
    std::uint64_t good = 0;
    std::uint64_t next = 0;
    std::vector<std::byte> bytes;
    for (std::uint64_t i = 0; i < recording->frames(); ++i) {
        const auto place = recording->place(i);
        EXPECT_TRUE(place) << (place ? "" : place.error().message);
        if (!place)
            return good;
        EXPECT_GE(place->index.sequence, next);
        next = place->index.sequence + 1;
        if (place->index.flags & kFrameBad)
            continue;
        bytes.resize(place->index.length);
        const auto read = recording->readFrame(*place, bytes);
        EXPECT_TRUE(read) << (read ? "" : read.error().message);
        const StampCheck check = verifyStamp(bytes);
        EXPECT_EQ(check.status, StampStatus::Ok) << "frame " << i;
        EXPECT_EQ(check.sequence, place->index.sequence) << "frame " << i;
        if (!(place->index.flags & kFrameUnhashed)) {
            EXPECT_EQ(place->index.hash, frameHash(bytes)) << "frame " << i;
        }
        ++good;
    }
    return good;
}

} // namespace dmaslab::testing
