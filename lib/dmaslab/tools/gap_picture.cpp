// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/tools/gap_picture.h"

#include <algorithm>

namespace dmaslab::tools {

namespace {

/** How many of the numbers below `end` the archive keeps: those with number mod every_nth = nth_phase. */
std::uint64_t keptBelow(std::uint64_t end, const Manifest &manifest)
{
    const std::uint64_t step = std::max(manifest.everyNth, 1u);
    const std::uint64_t phase = manifest.nthPhase % step;
    return end <= phase ? 0 : (end - 1 - phase) / step + 1;
}

struct Column
{
    std::uint64_t first = 0, end = 0; ///< numbers
    double expected = 0;
    double there = 0;
};

/** Takes numbers that were left out on purpose from what is expected. */
void subtractSkip(std::vector<Column> &columns, const LossRecord &skip, const Manifest &manifest)
{
    if (skip.last < skip.first || skip.last == UINT64_MAX)
        return;
    const double share = std::min(1.0, double(skip.count) / double(skip.last - skip.first + 1));
    auto column = std::partition_point(columns.begin(), columns.end(),
                                       [&](const Column &c) { return c.end <= skip.first; });
    for (; column != columns.end() && column->first <= skip.last; ++column) {
        const std::uint64_t first = std::max(skip.first, column->first);
        const std::uint64_t end = std::min(skip.last + 1, column->end);
        column->expected -= share * double(keptBelow(end, manifest) - keptBelow(first, manifest));
    }
}

void findSpan(Summary &summary)
{
    bool any = false;
    const auto include = [&](std::uint64_t first, std::uint64_t last) {
        summary.spanFirst = any ? std::min(summary.spanFirst, first) : first;
        summary.spanLast = any ? std::max(summary.spanLast, last) : last;
        any = true;
    };
    if (summary.first)
        include(summary.first->sequence, summary.last->sequence);
    const std::uint64_t begin = summary.keptFrom.value_or(0);
    if (summary.keptFrom)
        include(begin, begin);
    // Losses before the first frame and behind the last one are gaps too, where a ring has not overwritten
    // them.
    for (const LossRecord &loss : summary.losses) {
        if (loss.kind == LossKind::Loss && loss.first <= loss.last && loss.last >= begin)
            include(std::max(loss.first, begin), loss.last);
    }
}

} // namespace

Result<void> drawPicture(const Recording &recording, Summary &summary,
                         const std::vector<std::uint64_t> &badSequences, unsigned columns)
{
    findSpan(summary);
    const Manifest &manifest = recording.manifest();
    if (!summary.first || summary.spanLast == UINT64_MAX || summary.spanLast < summary.spanFirst)
        return {};
    const std::uint64_t numbers = summary.spanLast - summary.spanFirst + 1;
    const std::uint64_t kept =
        keptBelow(summary.spanLast + 1, manifest) - keptBelow(summary.spanFirst, manifest);
    const std::uint64_t count = std::clamp<std::uint64_t>(kept, 1, columns);
    std::vector<Column> drawn(count);
    std::uint64_t framesBefore = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        Column &column = drawn[i];
        const auto edge = [&](std::uint64_t at) {
            return summary.spanFirst +
                   static_cast<std::uint64_t>(static_cast<unsigned __int128>(numbers) * at / count);
        };
        column.first = edge(i);
        column.end = edge(i + 1);
        column.expected = double(keptBelow(column.end, manifest) - keptBelow(column.first, manifest));
        const auto below = recording.findSequence(column.end);
        if (!below)
            return tl::unexpected(below.error());
        column.there = *below > framesBefore ? double(*below - framesBefore) : 0;
        framesBefore = std::max(framesBefore, *below);
    }
    for (const std::uint64_t bad : badSequences) {
        const auto column =
            std::partition_point(drawn.begin(), drawn.end(), [&](const Column &c) { return c.end <= bad; });
        if (column != drawn.end() && column->there >= 1)
            column->there -= 1;
    }
    for (const LossRecord &loss : summary.losses) {
        if (loss.kind == LossKind::Skip)
            subtractSkip(drawn, loss, manifest);
    }
    for (const Column &column : drawn) {
        summary.expected += std::max(column.expected, column.there);
        summary.complete += column.there;
        const bool nothing = column.expected < 0.5 && column.there == 0;
        summary.picture.push_back(nothing ? -1
                                          : std::min(1.0, column.there / std::max(column.expected, 1.0)));
    }
    return {};
}

std::string pictureLine(const std::vector<double> &picture, bool utf8)
{
    static constexpr const char *blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static constexpr const char *ascii[] = {" ", ".", ".", ":", ":", "+", "+", "*", "#"};
    std::string line = "|";
    for (const double part : picture) {
        // A column in which one frame of a million is missing must not look whole, nor one with one empty.
        const int level = part <= 0 ? 0 : part >= 1 ? 8 : std::clamp(int(part * 8), 1, 7);
        if (part < 0)
            line += '-';
        else
            line += (utf8 ? blocks : ascii)[level];
    }
    return line + "|";
}

} // namespace dmaslab::tools
