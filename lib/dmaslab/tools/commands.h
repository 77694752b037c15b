// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

namespace dmaslab::tools {

/** What the program returns; `dmaslab-archive --help` promises these numbers. */
enum ExitStatus : int
{
    kAllRight = 0,
    kFaults = 1,        ///< a frame is damaged, missing without a reason, or was left out
    kUsage = 2,         ///< the command line asks for something that makes no sense
    kFailed = 3,        ///< the recording cannot be read, or the output cannot be written
    kInterrupted = 130, ///< as a shell reports Ctrl-C
};

/** Which frames; at most one of them is not empty. All are "FROM:TO" without TO, as numpy slices. */
struct RangeOptions
{
    std::string frames;
    std::string sequence;
    std::string time;
};

struct InfoOptions
{
    std::string recording;
    bool losses = false;
    std::string frames;
    bool json = false;
};

struct VerifyOptions
{
    std::string recording;
    bool json = false;
    bool quiet = false;
};

struct RecoverOptions
{
    std::string recording;
    bool dryRun = false;
};

enum class ExportFormat
{
    ByName, ///< what the ending of the output says
    Npy,
    Bin,
    Png,
    Pgm,
    Csv,
};

struct ExportOptions
{
    std::string recording;
    std::string output;
    ExportFormat format = ExportFormat::ByName;
    RangeOptions range;
    std::uint64_t segmentBytes = std::uint64_t{4} << 30;
    bool verify = true;
    bool force = false;
    bool quiet = false;
};

[[nodiscard]] int runInfo(const InfoOptions &options);
[[nodiscard]] int runVerify(const VerifyOptions &options);
[[nodiscard]] int runRecover(const RecoverOptions &options);
[[nodiscard]] int runExport(const ExportOptions &options);

} // namespace dmaslab::tools
