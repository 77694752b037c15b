// SPDX-License-Identifier: LGPL-2.1-or-later
#include "replay_bench.h"

#include <algorithm>

namespace dmaslab::test {

ReplayBench::ReplayBench(const std::string &location, const std::string &properties, const std::string &caps)
    : SourceBench("location=\"" + location + "\" " + properties, caps, "uringarchivesrc")
{
    onBuffer = [this](GstBuffer *buffer) {
        GstMapInfo map;
        ASSERT_TRUE(gst_buffer_map(buffer, &map, GST_MAP_READ));
        Frame frame{GST_BUFFER_OFFSET(buffer), GST_BUFFER_PTS(buffer),
                    std::string(reinterpret_cast<const char *>(map.data), map.size)};
        gst_buffer_unmap(buffer, &map);
        const std::lock_guard lock(mutex_);
        frames_.push_back(std::move(frame));
    };
}

std::vector<ReplayBench::Frame> ReplayBench::frames()
{
    const std::lock_guard lock(mutex_);
    return frames_;
}

bool ReplayBench::seek(GstFormat format, gint64 start, gint64 stop, GstSeekFlags flags, double rate)
{
    return gst_element_seek(element(), rate, format, flags, GST_SEEK_TYPE_SET, start,
                            stop == -1 ? GST_SEEK_TYPE_NONE : GST_SEEK_TYPE_SET, stop);
}

std::size_t ReplayBench::times(const std::string &line)
{
    const auto lines = log();
    return std::size_t(std::count(lines.begin(), lines.end(), line));
}

void ReplayBench::waitForTimes(const std::string &line, std::size_t wanted)
{
    waitUntil([&] { return times(line) >= wanted; }, line.c_str());
}

std::vector<std::string> ReplayBench::storyAfterFlush()
{
    auto lines = log();
    const auto flush = std::find(lines.rbegin(), lines.rend(), "flush-stop");
    lines.erase(lines.begin(), flush.base());
    std::erase_if(lines, [](const std::string &line) {
        return !line.starts_with("b") && !line.starts_with("loss") && !line.starts_with("skip") &&
               line != "eos" && line != "segment-done";
    });
    return lines;
}

std::string ReplayBench::currentCaps()
{
    const CapsPtr caps(gst_pad_get_current_caps(pad()));
    return caps ? CharPtr(gst_caps_to_string(caps.get())).get() : "";
}

void makeGrey(const std::string &path, unsigned frames, std::int64_t firstPts, unsigned split)
{
    RecordingBuilder builder(path);
    builder.beginSeries(greyFormat(64, 64));
    for (unsigned i = 0; i < frames; ++i) {
        if (split != 0 && i % split == 0)
            builder.split();
        builder.add(pixels(kGreyBytes, i), {.pts = firstPts + i * RecordingBuilder::kPeriodNs});
    }
    builder.close();
}

std::vector<std::string> bufferLines(unsigned first, unsigned last)
{
    std::vector<std::string> lines;
    for (unsigned i = first; i <= last; ++i)
        lines.push_back("b" + std::to_string(i) + (i == first ? "!" : ""));
    return lines;
}

} // namespace dmaslab::test
