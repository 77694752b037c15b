// SPDX-License-Identifier: LGPL-2.1-or-later
#include <map>

#include "dmaslab/tools/export_formats.h"
#include "dmaslab/tools/output_directory.h"
#include "dmaslab/tools/output_file.h"
#include "dmaslab/tools/picture.h"
#include "dmaslab/tools/terminal.h"

namespace dmaslab::tools {

namespace {

using FormatsBySeries = std::map<std::uint32_t, PictureFormat>;

Result<FormatsBySeries> formatsOf(const ExportJob &job)
{
    FormatsBySeries formats;
    for (const std::size_t segment : segmentsOf(job.recording, job.range)) {
        const std::uint32_t series = job.recording.segments()[segment].series;
        if (formats.contains(series))
            continue;
        auto format = pictureFormat(job.recording.series(segment));
        if (!format)
            return tl::unexpected(format.error());
        if (!format->note.empty())
            complain("note: the pictures show " + format->note);
        formats.emplace(series, std::move(*format));
    }
    return formats;
}

bool namesPicture(const std::string &path)
{
    return path.ends_with(".png") || path.ends_with(".pgm") || path.ends_with(".ppm");
}

std::string pictureName(const std::string &directory, std::uint64_t sequence, const char *ending)
{
    std::string number = std::to_string(sequence);
    number.insert(0, number.size() < 10 ? 10 - number.size() : 0, '0');
    return directory + "/frame-" + number + ending;
}

} // namespace

Result<ExportReport> exportPictures(const ExportJob &job, ExportFormat format)
{
    const std::string &output = job.options.output;
    const bool single = namesPicture(output);
    if (single && job.range.count() > 1)
        return fail(Errc::InvalidArgument,
                    output + " is one picture and " + std::to_string(job.range.count()) +
                        " frames are chosen: choose one (--sequence N), or name a directory and --format");
    const auto formats = formatsOf(job);
    if (!formats)
        return tl::unexpected(formats.error());
    // Before the files: they go first, so that an empty directory can go too.
    OutputDirectory directory(output);
    if (!single) {
        if (const auto made = directory.make(); !made)
            return tl::unexpected(made.error());
    }
    std::vector<OutputFile> files;
    Picture picture;
    const auto walked = walkFrames(
        job.recording, job.range, job.walkOptions(), [&](const WalkedFrame &frame) -> Result<void> {
            const std::uint32_t series = job.recording.segments()[frame.place.segment].series;
            if (!convertPicture(formats->at(series), frame.bytes, picture))
                return fail(Errc::Format,
                            "frame " + std::to_string(frame.number) + " is shorter than its format says");
            const bool png = format == ExportFormat::Png;
            const char *ending = png ? ".png" : picture.channels == 1 ? ".pgm" : ".ppm";
            const std::uint64_t sequence = frame.place.index.sequence;
            auto file = OutputFile::create(single ? output : pictureName(output, sequence, ending),
                                           job.options.force);
            if (!file)
                return tl::unexpected(file.error());
            files.push_back(std::move(*file));
            const auto bytes = png ? encodePng(picture) : encodePnm(picture);
            return files.back().write(bytes).and_then([&] { return files.back().close(); });
        });
    if (!walked)
        return tl::unexpected(walked.error());
    ExportReport report{*walked, output + ": " + countText(walked->visited, "picture")};
    if (walked->interrupted)
        return report;
    for (OutputFile &file : files) {
        if (const auto committed = file.commit(); !committed)
            return tl::unexpected(committed.error());
    }
    return report;
}

} // namespace dmaslab::tools
