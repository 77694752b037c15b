// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include <gst/gst.h>

#include "dmaslab/archive/format.h"
#include "uringarchive/frame_numbers.h"

/** What a buffer says about its frame, in the words of the index and the ledger. */
namespace dmaslab {

[[nodiscard]] std::int64_t timeOrNone(GstClockTime time);
/** The device's time of the frame; of several the one of the monotonic clock. */
[[nodiscard]] std::int64_t captureTime(GstBuffer *buffer);
[[nodiscard]] std::uint16_t indexFlags(GstBuffer *buffer, bool missingBefore);
[[nodiscard]] LossRecord recordOf(const AnnouncedGap &missing);

} // namespace dmaslab
