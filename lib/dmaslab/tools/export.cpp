// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cstdio>
#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

#include "dmaslab/tools/commands.h"
#include "dmaslab/tools/export_formats.h"
#include "dmaslab/tools/open_recording.h"
#include "dmaslab/tools/output_directory.h"
#include "dmaslab/tools/terminal.h"

namespace dmaslab::tools {

namespace {

Result<ExportFormat> formatOf(const ExportOptions &options)
{
    if (options.output == "-" && options.format != ExportFormat::Csv)
        return fail(Errc::InvalidArgument,
                    "'-' is standard output, which takes the index alone: give --format csv, or "
                    "the name of a file (./- if it must be that)");
    if (options.format != ExportFormat::ByName)
        return options.format;
    static constexpr struct
    {
        const char *ending;
        ExportFormat format;
    } endings[] = {{".npy", ExportFormat::Npy}, {".bin", ExportFormat::Bin}, {".png", ExportFormat::Png},
                   {".pgm", ExportFormat::Pgm}, {".ppm", ExportFormat::Pgm}, {".csv", ExportFormat::Csv}};
    for (const auto &[ending, format] : endings) {
        if (options.output.ends_with(ending))
            return format;
    }
    return fail(Errc::InvalidArgument, "the ending of '" + options.output +
                                           "' does not say what to make: give " +
                                           "--format npy, bin, png, pgm or csv");
}

Result<ExportReport> run(const ExportJob &job, ExportFormat format)
{
    switch (format) {
    case ExportFormat::Bin:
        return exportBin(job);
    case ExportFormat::Png:
    case ExportFormat::Pgm:
        return exportPictures(job, format);
    case ExportFormat::Csv:
        return exportCsv(job);
    default:
        return exportNpy(job);
    }
}

/** Where the output is put; "." where its name does not say. */
std::string folderOf(std::string output, ExportFormat format)
{
    const bool pictures = format == ExportFormat::Png || format == ExportFormat::Pgm;
    while (pictures && output.size() > 1 && output.back() == '/')
        output.pop_back();
    const std::size_t slash = output.find_last_of('/');
    return slash == output.npos ? "." : slash == 0 ? "/" : output.substr(0, slash);
}

int complainAbout(const Error &error)
{
    return error.code == Errc::InvalidArgument ? complainUsage(error.message) : complain(error.message);
}

/** Frames of broken files are not in the recording's count: what is there may not be all. */
std::size_t tellProblems(const Recording &recording)
{
    std::size_t problems = 0;
    for (const Recording::Segment &segment : recording.segments()) {
        if (segment.problem.empty())
            continue;
        complain(segment.problem);
        ++problems;
    }
    return problems;
}

} // namespace

std::vector<std::size_t> segmentsOf(const Recording &recording, const FrameRange &range)
{
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < recording.segments().size(); ++i) {
        const Recording::Segment &segment = recording.segments()[i];
        if (segment.frames > 0 && segment.firstFrame < range.end &&
            segment.firstFrame + segment.frames > range.first)
            found.push_back(i);
    }
    return found;
}

bool liesInRecording(const std::string &path, const Recording &recording)
{
    struct stat there = {}, own = {};
    if (stat(recording.path().c_str(), &own) != 0)
        return false;
    std::error_code error;
    std::filesystem::path directory = std::filesystem::weakly_canonical(path, error);
    // The directory of the output may not be there yet, and still lie in the recording.
    while (!error && !directory.empty()) {
        if (stat(directory.c_str(), &there) == 0 && there.st_dev == own.st_dev && there.st_ino == own.st_ino)
            return true;
        if (directory == directory.parent_path())
            break;
        directory = directory.parent_path();
    }
    return false;
}

int runExport(const ExportOptions &options)
{
    const auto format = formatOf(options);
    if (!format)
        return complainAbout(format.error());
    const auto recording = openRecording(options.recording);
    if (!recording)
        return complain(recording.error().message);
    if (liesInRecording(options.output, *recording))
        return complainUsage(options.output + " lies in the recording itself: export to another directory");
    const auto range = resolveRange(*recording, options.range);
    if (!range)
        return complainAbout(range.error());
    catchInterrupt();
    const std::string folder = folderOf(options.output, *format);
    OutputDirectory parent(folder);
    const auto made = access(folder.c_str(), F_OK) == 0 ? Result<void>() : parent.make();
    if (!made)
        return complain(made.error().message);
    const auto report = run({*recording, options, *range}, *format);
    if (!report)
        return complainAbout(report.error());
    if (report->walk.interrupted) {
        complain("interrupted: nothing was exported");
        return kInterrupted;
    }
    if (!options.quiet && options.output != "-")
        std::printf("%s\n", printable(report->made).c_str());
    if (report->walk.leftOut > 0)
        complain(countText(report->walk.leftOut, "frame") + " of " + std::to_string(range->count()) +
                 " left out, as said above");
    const bool whole = tellProblems(*recording) == 0 && report->walk.leftOut == 0;
    return whole ? kAllRight : kFaults;
}

} // namespace dmaslab::tools
