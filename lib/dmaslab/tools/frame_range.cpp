// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/tools/frame_range.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

namespace dmaslab::tools {

namespace {

constexpr double kMostSeconds = 9e9; ///< of 64 bits of nanoseconds

std::optional<std::uint64_t> number(std::string_view text)
{
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        return {};
    return value;
}

std::optional<std::uint64_t> seconds(std::string_view text)
{
    double value = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    // The comparison also refuses "nan".
    if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0 && value <= kMostSeconds))
        return {};
    return static_cast<std::uint64_t>(std::llround(value * 1e9));
}

Result<NumberRange> parse(const std::string &text, std::optional<std::uint64_t> (*read)(std::string_view),
                          bool single, const char *example)
{
    const auto wrong = [&](const char *why) {
        return fail(Errc::InvalidArgument, "'" + text + "': " + why + "; a range is " + example);
    };
    const std::size_t colon = text.find(':');
    const std::string_view from = std::string_view(text).substr(0, colon);
    NumberRange range;
    if (colon == text.npos) {
        const auto one = read(from);
        if (!single || !one || *one == UINT64_MAX)
            return wrong("no range");
        return NumberRange{*one, *one + 1};
    }
    const std::string_view to = std::string_view(text).substr(colon + 1);
    if (!from.empty()) {
        const auto value = read(from);
        if (!value)
            return wrong("what is before the colon is no number");
        range.from = *value;
    }
    if (!to.empty()) {
        range.to = read(to);
        if (!range.to)
            return wrong("what is behind the colon is no number");
        if (*range.to < range.from)
            return wrong("it ends before it begins");
        if (*range.to == range.from)
            return wrong("it is empty, because its end does not belong to it");
    }
    return range;
}

Result<FrameRange> bySequence(const Recording &recording, const NumberRange &range)
{
    FrameRange frames{0, recording.frames()};
    const auto first = recording.findSequence(range.from);
    if (!first)
        return tl::unexpected(first.error());
    frames.first = *first;
    if (range.to) {
        const auto end = recording.findSequence(*range.to);
        if (!end)
            return tl::unexpected(end.error());
        frames.end = *end;
    }
    return frames;
}

Result<FrameRange> byTime(const Recording &recording, const NumberRange &range)
{
    const auto start = recording.place(0);
    if (!start)
        return tl::unexpected(start.error());
    if (start->index.pts == kNoTime)
        return fail(Errc::InvalidArgument, recording.path() + ": its frames have no presentation time; use "
                                                              "--sequence or --frames");
    const auto frameAt = [&](std::uint64_t ns) -> Result<std::uint64_t> {
        std::int64_t pts = 0;
        if (__builtin_add_overflow(start->index.pts, ns, &pts))
            return recording.frames();
        return recording.findPts(pts);
    };
    const auto first = frameAt(range.from);
    if (!first)
        return first.map([](std::uint64_t) { return FrameRange{}; });
    FrameRange frames{*first, recording.frames()};
    if (range.to) {
        const auto end = frameAt(*range.to);
        if (!end)
            return end.map([](std::uint64_t) { return FrameRange{}; });
        frames.end = *end;
    }
    return frames;
}

/** What the recording has, for the error that says a range misses it. */
std::string extentText(const Recording &recording)
{
    std::string text = "it has frames 0 to " + std::to_string(recording.frames() - 1);
    const auto first = recording.place(0);
    const auto last = recording.place(recording.frames() - 1);
    if (first && last) {
        text += ", sequence " + std::to_string(first->index.sequence) + " to " +
                std::to_string(last->index.sequence);
        if (first->index.pts != kNoTime && last->index.pts > first->index.pts)
            text += ", " + std::to_string(double(last->index.pts - first->index.pts) / 1e9) + " s";
    }
    return text;
}

} // namespace

Result<NumberRange> parseNumbers(const std::string &text)
{
    return parse(text, number, true, "FROM:TO without TO, such as 100:200, 100: or :200, or one number");
}

Result<NumberRange> parseSeconds(const std::string &text)
{
    return parse(text, seconds, false, "FROM:TO in seconds, such as 0.5:1.25, 0.5: or :1.25");
}

Result<FrameRange> resolveRange(const Recording &recording, const RangeOptions &options)
{
    if (recording.frames() == 0)
        return fail(Errc::NotFound, recording.path() + ": the recording has no frame");
    FrameRange frames{0, recording.frames()};
    std::string asked;
    if (!options.frames.empty()) {
        asked = "--frames " + options.frames;
        const auto range = parseNumbers(options.frames);
        if (!range)
            return tl::unexpected(range.error());
        frames.first = range->from;
        frames.end = std::min(range->to.value_or(frames.end), frames.end);
    } else if (!options.sequence.empty() || !options.time.empty()) {
        const bool sequence = !options.sequence.empty();
        asked = sequence ? "--sequence " + options.sequence : "--time " + options.time;
        const auto range = sequence ? parseNumbers(options.sequence) : parseSeconds(options.time);
        if (!range)
            return tl::unexpected(range.error());
        auto found = sequence ? bySequence(recording, *range) : byTime(recording, *range);
        if (!found)
            return found;
        frames = *found;
    }
    if (frames.first >= frames.end)
        return fail(Errc::InvalidArgument,
                    asked + ": " + recording.path() + " has no such frame; " + extentText(recording));
    return frames;
}

} // namespace dmaslab::tools
