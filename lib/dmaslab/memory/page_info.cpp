// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/memory/page_info.h"

#include <charconv>
#include <fstream>
#include <string>
#include <string_view>

#include <unistd.h>

namespace dmaslab {

namespace {

/** Reads "start-end " in hex; false for the lines that describe a mapping instead of opening one. */
bool parseRange(std::string_view line, std::uintptr_t &start, std::uintptr_t &end)
{
    const char *last = line.data() + line.size();
    const auto first = std::from_chars(line.data(), last, start, 16);
    if (first.ec != std::errc() || first.ptr == last || *first.ptr != '-')
        return false;
    const auto second = std::from_chars(first.ptr + 1, last, end, 16);
    return second.ec == std::errc() && second.ptr != last && *second.ptr == ' ';
}

} // namespace

std::size_t systemPageSize()
{
    static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return size;
}

std::size_t pageSizeAt(std::uintptr_t address, std::istream &smaps)
{
    constexpr std::string_view key = "KernelPageSize:";
    bool inside = false;
    for (std::string line; std::getline(smaps, line);) {
        std::uintptr_t start = 0;
        std::uintptr_t end = 0;
        if (parseRange(line, start, end)) {
            inside = address >= start && address < end;
        } else if (inside && line.starts_with(key)) {
            const auto digits = line.find_first_not_of(' ', key.size());
            std::size_t kib = 0;
            if (digits != std::string::npos)
                std::from_chars(line.data() + digits, line.data() + line.size(), kib);
            return kib * 1024;
        }
    }
    return 0;
}

std::size_t pageSizeAt(const void *address)
{
    std::ifstream smaps("/proc/self/smaps");
    return pageSizeAt(reinterpret_cast<std::uintptr_t>(address), smaps);
}

} // namespace dmaslab
