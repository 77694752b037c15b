// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "dmaslab/error.h"

namespace dmaslab::tools {

/** Columns of standard output; 80 where it is no terminal and COLUMNS does not say. */
[[nodiscard]] unsigned terminalColumns();
[[nodiscard]] bool localeIsUtf8();

/** Text out of a recording as it may be printed: what steers a terminal becomes '?'. */
[[nodiscard]] std::string printable(std::string_view text);
/** "1.500 s", "12:03:04 h": a length of time for people. */
[[nodiscard]] std::string durationText(std::int64_t ns);
/** "2026-11-26 09:00:00.000 UTC" */
[[nodiscard]] std::string utcText(std::int64_t ns);
/** "3 frames", "1 frame" */
[[nodiscard]] std::string countText(std::uint64_t count, const char *noun);

/** "dmaslab-archive: <message>" on standard error. Returns kFailed. */
int complain(std::string_view message);
/** The same for what the command line asked for. Returns kUsage. */
int complainUsage(std::string_view message);

void printJson(const nlohmann::ordered_json &json);

/** From here on Ctrl-C sets interrupted() once; the second one ends the program. */
void catchInterrupt();
[[nodiscard]] bool interrupted();

/** A line on standard error, which is there only while it is a terminal and the work takes long. */
class ProgressBar
{
public:
    ProgressBar(std::string label, bool wanted);
    ~ProgressBar();
    ProgressBar(const ProgressBar &) = delete;
    ProgressBar &operator=(const ProgressBar &) = delete;

    void update(std::uint64_t done, std::uint64_t total);
    /** Makes room for another line on standard error. */
    void clear();

private:
    std::string label_;
    bool wanted_;
    bool shown_ = false;
    std::chrono::steady_clock::time_point start_, next_;
};

} // namespace dmaslab::tools
