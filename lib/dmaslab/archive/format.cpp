// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/format.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace dmaslab {

namespace {

std::string numbered(const char *stem, std::uint32_t segment)
{
    char name[32];
    std::snprintf(name, sizeof name, "%s-%06u.npy", stem, segment);
    return name;
}

template <std::size_t N>
void setText(std::array<char, N> &field, const std::string &text)
{
    field.fill('\0');
    std::copy_n(text.begin(), std::min(text.size(), N), field.begin());
}

template <std::size_t N>
std::string textOf(const std::array<char, N> &field)
{
    return {field.begin(), std::find(field.begin(), field.end(), '\0')};
}

} // namespace

std::string framesName(std::uint32_t segment)
{
    return numbered("frames", segment);
}

std::string indexName(std::uint32_t segment)
{
    return numbered("index", segment);
}

std::int64_t utcNowNs()
{
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return std::int64_t(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

const char *toString(ArchiveLayout layout)
{
    switch (layout) {
    case ArchiveLayout::Auto:
        return "auto";
    case ArchiveLayout::Plain:
        return "plain";
    case ArchiveLayout::Rows:
        return "rows";
    case ArchiveLayout::Record:
        return "record";
    case ArchiveLayout::Blob:
        return "blob";
    }
    return "?";
}

void LossRecord::setReason(const std::string &text)
{
    setText(reason, text);
}

void LossRecord::setElement(const std::string &text)
{
    setText(element, text);
}

std::string LossRecord::reasonText() const
{
    return textOf(reason);
}

std::string LossRecord::elementText() const
{
    return textOf(element);
}

} // namespace dmaslab
