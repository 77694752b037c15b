// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <optional>

#include "dmaslab/tools/export_formats.h"
#include "dmaslab/tools/output_file.h"
#include "dmaslab/tools/terminal.h"

namespace dmaslab::tools {

namespace {

constexpr std::size_t kRecordsAtOnce = 4096;

/** What is unknown is an empty field. */
std::string timeText(std::int64_t ns)
{
    return ns == kNoTime ? std::string() : std::to_string(ns);
}

std::string line(std::uint64_t frame, std::uint32_t segment, const IndexRecord &record)
{
    char hash[24] = "";
    if ((record.flags & (kFrameUnhashed | kFrameBad)) == 0)
        std::snprintf(hash, sizeof hash, "%016" PRIx64, record.hash);
    char text[256];
    std::snprintf(text, sizeof text, "%" PRIu64 ",%u,%" PRIu64 ",%s,%s,%s,%s,%s,%u,%u,%u,%u,%u\n", frame,
                  segment, record.sequence, timeText(record.pts).c_str(), timeText(record.capture).c_str(),
                  timeText(record.utc).c_str(), hash,
                  record.device == kNoDeviceNumber ? "" : std::to_string(record.device).c_str(), record.block,
                  record.length, record.dropsBefore, record.epoch, record.flags);
    return text;
}

} // namespace

Result<ExportReport> exportCsv(const ExportJob &job)
{
    std::optional<OutputFile> file;
    if (job.options.output != "-") {
        auto created = OutputFile::create(job.options.output, job.options.force);
        if (!created)
            return tl::unexpected(created.error());
        file.emplace(std::move(*created));
    }
    const auto write = [&](const std::string &text) -> Result<void> {
        if (file)
            return file->write(text);
        if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size())
            return fail(Errc::Io, "standard output cannot be written");
        return {};
    };
    ExportReport report;
    auto written =
        write("frame,segment,sequence,pts,capture,utc,hash,device,block,length,drops_before,epoch,flags\n");
    ProgressBar bar("export", !job.options.quiet);
    std::vector<IndexRecord> records;
    for (const std::size_t number : segmentsOf(job.recording, job.range)) {
        const Recording::Segment &segment = job.recording.segments()[number];
        std::uint64_t frame = std::max(job.range.first, segment.firstFrame);
        const std::uint64_t end = std::min(job.range.end, segment.firstFrame + segment.frames);
        while (written && frame < end && !interrupted()) {
            records.resize(std::min<std::uint64_t>(kRecordsAtOnce, end - frame));
            if (const auto read = job.recording.readIndex(number, frame - segment.firstFrame, records); !read)
                return tl::unexpected(read.error());
            std::string text;
            for (const IndexRecord &record : records)
                text += line(frame++, segment.number, record);
            report.walk.visited += records.size();
            written = write(text);
            bar.update(report.walk.visited, job.range.count());
        }
    }
    bar.clear();
    if (written && !file && std::fflush(stdout) != 0)
        written = fail(Errc::Io, "standard output cannot be written");
    if (!written)
        return tl::unexpected(written.error());
    report.walk.interrupted = interrupted();
    report.made = job.options.output + ": " + countText(report.walk.visited, "line");
    if (file && !report.walk.interrupted) {
        if (const auto committed = file->commit(); !committed)
            return tl::unexpected(committed.error());
    }
    return report;
}

} // namespace dmaslab::tools
