// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/tools/frame_walk.h"

#include <string>
#include <vector>

#include "dmaslab/capture/frame_hash.h"
#include "dmaslab/tools/terminal.h"

namespace dmaslab::tools {

namespace {

constexpr std::uint64_t kMostNamed = 20; ///< of a recording that is broken throughout, the first ones tell

/** Why the frame is not to be had; empty: it is in `frame`. */
std::string readOne(const Recording &recording, bool verify, std::vector<std::byte> &buffer,
                    WalkedFrame &frame)
{
    const auto place = recording.place(frame.number);
    if (!place)
        return place.error().message;
    frame.place = *place;
    const IndexRecord &index = place->index;
    const std::string name = "sequence " + std::to_string(index.sequence) + ": ";
    if (index.flags & kFrameBad)
        return name + "it could not be written when it was recorded";
    if (buffer.size() < index.length)
        buffer.resize(index.length);
    frame.bytes = std::span(buffer).first(index.length);
    if (const auto read = recording.readFrame(*place, buffer); !read)
        return name + read.error().message;
    if (verify && (index.flags & kFrameUnhashed) == 0 && frameHash(frame.bytes) != index.hash)
        return name + "its bytes are not those that were recorded (--no-verify takes it all the same)";
    return {};
}

} // namespace

Result<WalkReport> walkFrames(const Recording &recording, const FrameRange &range, const WalkOptions &options,
                              const std::function<Result<void>(const WalkedFrame &)> &visit)
{
    WalkReport report;
    ProgressBar bar("export", options.progress);
    std::vector<std::byte> buffer;
    WalkedFrame frame;
    for (frame.number = range.first; frame.number < range.end; ++frame.number) {
        if (interrupted()) {
            report.interrupted = true;
            return report;
        }
        const std::string why = readOne(recording, options.verify, buffer, frame);
        if (why.empty()) {
            if (const auto visited = visit(frame); !visited)
                return tl::unexpected(visited.error());
            ++report.visited;
        } else if (++report.leftOut <= kMostNamed) {
            bar.clear();
            complain("left out: frame " + std::to_string(frame.number) + ", " + why);
        }
        bar.update(frame.number + 1 - range.first, range.count());
    }
    bar.clear();
    if (report.leftOut > kMostNamed)
        complain("left out: " + countText(report.leftOut - kMostNamed, "more frame") +
                 " ('dmaslab-archive verify' " + "names them all)");
    return report;
}

} // namespace dmaslab::tools
