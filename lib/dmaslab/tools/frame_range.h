// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dmaslab/archive/reader.h"
#include "dmaslab/tools/commands.h"

namespace dmaslab::tools {

/** Frames of a recording, counted through all its segments: from `first` up to and without `end`. */
struct FrameRange
{
    std::uint64_t first = 0;
    std::uint64_t end = 0;

    [[nodiscard]] std::uint64_t count() const { return end - first; }
};

/** "FROM:TO", "FROM:", ":TO" or one number N, which is N:N+1. */
struct NumberRange
{
    std::uint64_t from = 0;
    std::optional<std::uint64_t> to;
};

[[nodiscard]] Result<NumberRange> parseNumbers(const std::string &text);
/** The same in seconds with a fraction, as nanoseconds; ":" is needed. */
[[nodiscard]] Result<NumberRange> parseSeconds(const std::string &text);

/** The frames that the options mean; an error when they are none. */
[[nodiscard]] Result<FrameRange> resolveRange(const Recording &recording, const RangeOptions &options);

} // namespace dmaslab::tools
