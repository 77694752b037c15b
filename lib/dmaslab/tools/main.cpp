// SPDX-License-Identifier: LGPL-2.1-or-later
// The command line of dmaslab-archive; what the commands do is in a file of each.
#include <clocale>
#include <exception>
#include <functional>
#include <map>
#include <new>

#include <CLI/CLI.hpp>

#include "dmaslab/tools/commands.h"
#include "dmaslab/tools/frame_range.h"
#include "dmaslab/tools/terminal.h"

namespace dmaslab::tools {

namespace {

constexpr const char *kAbout =
    "Looks into recordings of uringarchive, checks and repairs them, and turns them into other files.\n"
    "A recording is a directory; numpy opens what is in it without this program ('info' prints the line).";

constexpr const char *kExamples = R"(Examples:
  dmaslab-archive info run-42                      what is inside, and where gaps are
  dmaslab-archive info run-42 --losses             which frames were lost, who lost them, and why
  dmaslab-archive verify run-42                    hash every frame, name each that is damaged
  dmaslab-archive recover run-42                   after a crash: take in what is complete
  dmaslab-archive export run-42 run-42.npy --time 1.5:2
  dmaslab-archive COMMAND --help                   the options of one command

Exit status: 0 all right; 1 damaged, missing or left out frames; 2 wrong command line;
3 the recording cannot be read or the output not be written; 130 interrupted.
Errors go to standard error as 'dmaslab-archive: MESSAGE'.)";

constexpr const char *kInfoExamples = R"(Examples:
  dmaslab-archive info run-42
  dmaslab-archive info run-42 --frames 100:110     sequence, time, length, hash of ten frames
  dmaslab-archive info run-42 --json | jq '.lost.by_reason'

The picture at the end has a column for each stretch of sequence numbers; its height is how many of
the frames that belong there are there. A recording that is being written may be looked at.)";

constexpr const char *kVerifyExamples = R"(Examples:
  dmaslab-archive verify run-42
  dmaslab-archive verify run-42 --json >report.json
  dmaslab-archive verify --quiet run-42 || echo damaged

Reads every frame, compares its XXH3-64 with the index, and looks for numbers that are absent
without an entry in the loss ledger. Frames that the ledger explains are no fault.
Exit status: 0 all right; 1 faults; 3 the recording cannot be read.)";

constexpr const char *kRecoverExamples = R"(Examples:
  dmaslab-archive recover run-42 --dry-run
  dmaslab-archive recover run-42

A recording whose writer died is readable as it is; recovering takes in frames that are complete but
were not yet counted, gives back space that was reserved, and closes it. No file is removed.
Exit status: 0 done, or nothing to do; 1 frames of closed segments cannot be read;
3 refused, such as while a writer has the recording.)";

constexpr const char *kExportExamples = R"(Examples:
  dmaslab-archive export run-42 run-42.npy                     everything, as numpy.save makes it
  dmaslab-archive export run-42 part.npy --sequence 1000:2000  1000 up to 1999
  dmaslab-archive export run-42 part.npy --time 0.5:           from half a second on
  dmaslab-archive export run-42 frame.png --sequence 1234      one picture
  dmaslab-archive export run-42 pictures --format png --frames 0:10
  dmaslab-archive export run-42 raw/run --format bin           raw/run_000000.bin, .idx; makes raw
  dmaslab-archive export run-42 - --format csv | head          the index

npy   one array, without the padding of rows, behind a header of 128 bytes that every reader knows
bin   frames back to back; beside each .bin a .idx with a line 'SEQUENCE OFFSET' for each frame
png   8 or 16 bit, grey or RGB, uncompressed, samples as recorded
pgm   the same as PGM, or PPM for colours; the maximum follows significant-bits
csv   the index, a line for each frame; times in ns, hash in hexadecimal, what is unknown is empty;
      with OUT '-' to standard output

Several pictures go into a directory OUT as frame-SEQUENCE.png; one goes into a file OUT.png.

Ranges are as in Python: the end does not belong to them, and either end may be left out.
Frames that are damaged are left out and named, and the exit status is 1.
The directory of OUT is made where it is missing.
Nothing is there before it is complete, and an existing file is never replaced without --force.)";

/** A text option that `parse` must understand: a mistake is told before any file is opened. */
CLI::Option *addRange(CLI::App *command, const char *name, std::string &text, const char *help,
                      Result<NumberRange> (*parse)(const std::string &))
{
    return command->add_option(name, text, help)
        ->type_name("A:B")
        ->check(CLI::Validator(
            [parse](const std::string &value) {
                const auto range = parse(value);
                return range ? std::string() : range.error().message;
            },
            ""));
}

void addRecording(CLI::App *command, std::string &recording)
{
    command->add_option("RECORDING", recording, "its directory, or the manifest.json in it")->required();
}

/** Puts the number of bytes in place of "512MB". Returns what is wrong with it. */
std::string sizeValue(std::string &value)
{
    const std::string given = value;
    try {
        // A minus would become a very large number.
        if (!given.starts_with('-') && CLI::AsSizeValue(false)(value).empty())
            return {};
    } catch (const CLI::Error &) {
        // Its words are about units and factors.
    }
    return "'" + given + "' is no size: give a size such as 512MB";
}

/** The first word, where a command should have been. */
const char *firstWord(int argc, char **argv)
{
    for (int i = 1; i < argc; ++i) {
        if (argv[i][0] != '-')
            return argv[i];
    }
    return nullptr;
}

void addExportOptions(CLI::App *command, ExportOptions &options)
{
    static const std::map<std::string, ExportFormat> formats = {{"npy", ExportFormat::Npy},
                                                                {"bin", ExportFormat::Bin},
                                                                {"png", ExportFormat::Png},
                                                                {"pgm", ExportFormat::Pgm},
                                                                {"csv", ExportFormat::Csv}};
    addRecording(command, options.recording);
    command->add_option("OUT", options.output, "file, prefix of files (bin) or directory (pictures)")
        ->required();
    command
        ->add_option("-f,--format", options.format, "npy, bin, png, pgm or csv [default: the ending of OUT]")
        ->type_name("FORMAT")
        ->transform(CLI::CheckedTransformer(formats, CLI::ignore_case).description(""));
    CLI::Option *frames = addRange(command, "--frames", options.range.frames,
                                   "by place in the recording, from 0 [default: all]", parseNumbers);
    CLI::Option *sequence = addRange(command, "--sequence", options.range.sequence,
                                     "by sequence number [default: all]", parseNumbers);
    CLI::Option *time = addRange(command, "--time", options.range.time,
                                 "by pts, seconds from the first frame [default: all]", parseSeconds);
    frames->excludes(sequence)->excludes(time);
    sequence->excludes(time);
    command
        ->add_option("--segment-bytes", options.segmentBytes,
                     "most of one .bin, such as 512MB, units of 1024 [default: 4GB]")
        ->type_name("BYTES")
        ->transform(CLI::Validator(sizeValue, ""));
    command->add_flag_callback(
        "--no-verify", [&options] { options.verify = false; },
        "also take frames whose hash is wrong [default: left out]");
    command->add_flag("--force", options.force, "replace files that exist");
    command->add_flag("-q,--quiet", options.quiet, "no progress, no summary; errors are told");
}

int run(int argc, char **argv)
{
    CLI::App app(kAbout, "dmaslab-archive");
    app.footer(kExamples);
    app.set_version_flag("--version", "dmaslab-archive " DMASLAB_VERSION);
    app.require_subcommand(0, 1); // none is complained about below, where there are better words
    app.get_formatter()->column_width(28);
    std::function<int()> chosen;

    InfoOptions info;
    CLI::App *command = app.add_subcommand("info", "What is in a recording");
    command->footer(kInfoExamples);
    addRecording(command, info.recording);
    command->add_flag("--losses", info.losses, "the loss ledger, instead of the summary");
    addRange(command, "--frames", info.frames, "index entries of these, instead of the summary", parseNumbers)
        ->excludes("--losses");
    command->add_flag("--json", info.json, "everything as JSON; index entries with --frames");
    command->callback([&] { chosen = [&] { return runInfo(info); }; });

    VerifyOptions verify;
    command = app.add_subcommand("verify", "Hash every frame and name each that is damaged or missing");
    command->footer(kVerifyExamples);
    addRecording(command, verify.recording);
    command->add_flag("--json", verify.json, "the report as JSON");
    command->add_flag("-q,--quiet", verify.quiet, "print nothing but errors: the exit status tells");
    command->callback([&] { chosen = [&] { return runVerify(verify); }; });

    RecoverOptions recover;
    command = app.add_subcommand("recover", "Repair a recording whose writer died");
    command->footer(kRecoverExamples);
    addRecording(command, recover.recording);
    command->add_flag("-n,--dry-run", recover.dryRun, "say what would be done and change nothing");
    command->callback([&] { chosen = [&] { return runRecover(recover); }; });

    ExportOptions exporting;
    command = app.add_subcommand("export", "Plain .npy, raw frames, pictures, or the index as CSV");
    command->footer(kExportExamples);
    addExportOptions(command, exporting);
    command->callback([&] { chosen = [&] { return runExport(exporting); }; });

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        if (error.get_exit_code() == 0)
            return app.exit(error); // --help and --version
        const char *word = firstWord(argc, argv);
        if (word != nullptr && app.get_subcommands().empty())
            return complainUsage("no command '" + std::string(word) + "': info, verify, recover or export");
        return complainUsage(error.what());
    }
    if (!chosen)
        return complainUsage("the command is missing: info, verify, recover or export");
    return chosen();
}

} // namespace

} // namespace dmaslab::tools

int main(int argc, char **argv)
{
    // Only the characters: numbers are printed and read the same way everywhere.
    std::setlocale(LC_CTYPE, "");
    try {
        const int status = dmaslab::tools::run(argc, argv);
        if (std::fflush(stdout) != 0 && status == 0)
            return dmaslab::tools::complain("standard output cannot be written");
        return status;
    } catch (const std::bad_alloc &) {
        return dmaslab::tools::complain("not enough memory");
    } catch (const std::exception &error) {
        return dmaslab::tools::complain(error.what());
    }
}
