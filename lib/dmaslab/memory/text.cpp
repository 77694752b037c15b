// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/memory/text.h"

#include <charconv>
#include <cstdio>
#include <fstream>
#include <string_view>
#include <system_error>

namespace dmaslab {

namespace {

std::optional<std::uint64_t> leadingNumber(std::string_view text)
{
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos)
        return std::nullopt;
    text.remove_prefix(first);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc())
        return std::nullopt;
    return value;
}

} // namespace

std::string errnoText(int error)
{
    return std::generic_category().message(error);
}

std::string bytesText(std::uint64_t bytes)
{
    constexpr const char *units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024 || (bytes < 1024 * 1024 && bytes % 1024 != 0))
        return std::to_string(bytes) + " bytes";
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < std::size(units)) {
        value /= 1024;
        ++unit;
    }
    const bool whole = value == static_cast<double>(static_cast<std::uint64_t>(value));
    char text[48];
    std::snprintf(text, sizeof(text), whole ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text;
}

std::optional<std::string> readLine(const std::string &path)
{
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line))
        return std::nullopt;
    return line;
}

std::optional<std::uint64_t> readNumber(const std::string &path)
{
    const auto line = readLine(path);
    return line ? leadingNumber(*line) : std::nullopt;
}

std::optional<std::uint64_t> readKeyedNumber(const std::string &path, const std::string &key)
{
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::string_view rest = line;
        if (!rest.starts_with(key))
            continue;
        rest.remove_prefix(key.size());
        if (rest.starts_with(":"))
            rest.remove_prefix(1);
        else if (!rest.starts_with(" "))
            continue; // a longer key with the same beginning
        return leadingNumber(rest);
    }
    return std::nullopt;
}

} // namespace dmaslab
