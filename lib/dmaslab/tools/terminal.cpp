// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/tools/terminal.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "dmaslab/tools/commands.h"

namespace dmaslab::tools {

namespace {

constexpr unsigned kFewestColumns = 20;
constexpr unsigned kMostColumns = 1000;
constexpr auto kUpdateInterval = std::chrono::milliseconds(100);

std::atomic<bool> interruptSeen{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler writes it");

unsigned columnsOf(int fd)
{
    winsize size{};
    return isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/** Bytes of the UTF-8 character that begins here; 0: none does. */
std::size_t characterLength(std::string_view text)
{
    const auto first = static_cast<unsigned char>(text[0]);
    const std::size_t length = first < 0x80                    ? 1
                               : first >= 0xc2 && first < 0xe0 ? 2
                               : first >= 0xe0 && first < 0xf0 ? 3
                               : first >= 0xf0 && first < 0xf5 ? 4
                                                               : 0;
    if (length > text.size())
        return 0;
    const auto rest = text.substr(1, length > 0 ? length - 1 : 0);
    return std::all_of(rest.begin(), rest.end(), [](char c) { return (c & 0xc0) == 0x80; }) ? length : 0;
}

int complainLine(std::string_view message, const char *hint, int status)
{
    std::fflush(stdout); // where both go to one terminal, in the order they were said
    std::fprintf(stderr, "dmaslab-archive: %s%s\n", printable(message).c_str(), hint);
    return status;
}

} // namespace

unsigned terminalColumns()
{
    unsigned columns = columnsOf(STDOUT_FILENO);
    if (columns == 0) {
        if (const char *text = std::getenv("COLUMNS"))
            std::from_chars(text, text + std::strlen(text), columns);
    }
    return columns == 0 ? 80 : std::clamp(columns, kFewestColumns, kMostColumns);
}

bool localeIsUtf8()
{
    return std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

std::string printable(std::string_view text)
{
    std::string clean;
    clean.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = characterLength(text);
        const auto first = static_cast<unsigned char>(text[0]);
        // U+0080 … U+009F steer terminals too; as UTF-8 they begin with 0xc2.
        const bool c1 = first == 0xc2 && length == 2 && static_cast<unsigned char>(text[1]) < 0xa0;
        if (length == 0 || first < 0x20 || first == 0x7f || c1)
            clean += '?';
        else
            clean += text.substr(0, length);
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return clean;
}

std::string durationText(std::int64_t ns)
{
    char text[48];
    if (ns < 60'000'000'000)
        std::snprintf(text, sizeof text, "%.3f s", double(ns) / 1e9);
    else {
        const std::int64_t seconds = ns / 1'000'000'000;
        std::snprintf(text, sizeof text, "%lld:%02d:%02d h", static_cast<long long>(seconds / 3600),
                      int(seconds / 60 % 60), int(seconds % 60));
    }
    return text;
}

std::string utcText(std::int64_t ns)
{
    const std::int64_t second = ns >= 0 ? ns / 1'000'000'000 : 0;
    const std::time_t time = second;
    std::tm fields{};
    char text[48] = "?";
    if (ns >= 0 && gmtime_r(&time, &fields)) {
        const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &fields);
        std::snprintf(text + length, sizeof text - length, ".%03d UTC", int(ns / 1'000'000 % 1000));
    }
    return text;
}

std::string countText(std::uint64_t count, const char *noun)
{
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

int complain(std::string_view message)
{
    return complainLine(message, "", kFailed);
}

int complainUsage(std::string_view message)
{
    return complainLine(message, " (--help tells more)", kUsage);
}

void printJson(const nlohmann::ordered_json &json)
{
    // A recording may hold any bytes where it should hold UTF-8; the JSON is valid all the same.
    const std::string text = json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    std::printf("%s\n", text.c_str());
}

void catchInterrupt()
{
    struct sigaction action = {};
    action.sa_handler = [](int) { interruptSeen.store(true); };
    action.sa_flags = SA_RESETHAND | SA_RESTART;
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

bool interrupted()
{
    return interruptSeen.load();
}

ProgressBar::ProgressBar(std::string label, bool wanted)
    : label_(std::move(label)), wanted_(wanted && isatty(STDERR_FILENO)),
      start_(std::chrono::steady_clock::now()), next_(start_ + kUpdateInterval)
{
}

ProgressBar::~ProgressBar()
{
    clear();
}

void ProgressBar::clear()
{
    if (shown_)
        std::fputs("\r\033[K", stderr);
    shown_ = false;
}

void ProgressBar::update(std::uint64_t done, std::uint64_t total)
{
    if (!wanted_ || total == 0)
        return;
    const auto now = std::chrono::steady_clock::now();
    if (now < next_)
        return;
    next_ = now + kUpdateInterval;
    const double part = double(done) / double(total);
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const double left = done == 0 ? 0 : seconds / double(done) * double(total - done);
    char tail[96];
    std::snprintf(tail, sizeof tail, " %3.0f %%  %llu of %llu, %.0f s left", part * 100,
                  static_cast<unsigned long long>(done), static_cast<unsigned long long>(total), left);
    const std::size_t columns = std::max(columnsOf(STDERR_FILENO), kFewestColumns);
    const std::size_t text = label_.size() + std::strlen(tail) + 5;
    const std::size_t width = columns > text + 5 ? columns - text : 5;
    const auto full = std::min(width, static_cast<std::size_t>(part * double(width)));
    const std::string bar = std::string(full, '#') + std::string(width - full, '.');
    std::fprintf(stderr, "\r%s [%s]%s\033[K", label_.c_str(), bar.c_str(), tail);
    std::fflush(stderr);
    shown_ = true;
}

} // namespace dmaslab::tools
