// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/record_fields.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace dmaslab {

namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 32;
constexpr std::size_t kMostText = 4096;

/** Bytes of a type as numpy knows it, 0 when it knows none such. */
std::uint64_t plainBytes(std::string_view type)
{
    std::uint64_t bytes = 0;
    if (type.size() < 3 || type.size() > 4 || std::string_view("<>|").find(type[0]) == type.npos)
        return 0;
    const auto [end, error] = std::from_chars(type.data() + 2, type.data() + type.size(), bytes);
    if (error != std::errc{} || end != type.data() + type.size())
        return 0;
    const auto isOneOf = [bytes](std::initializer_list<std::uint64_t> sizes) {
        return std::find(sizes.begin(), sizes.end(), bytes) != sizes.end();
    };
    switch (type[1]) {
    case 'b':
        return isOneOf({1}) ? bytes : 0;
    case 'u':
    case 'i':
        return isOneOf({1, 2, 4, 8}) ? bytes : 0;
    case 'f':
        return isOneOf({2, 4, 8}) ? bytes : 0;
    case 'c':
        return isOneOf({8, 16}) ? bytes : 0;
    default:
        return 0;
    }
}

class Parser
{
public:
    explicit Parser(std::string_view text) : text_(text) {}

    bool list(RecordFields &to)
    {
        to.descr = "[";
        if (!take('['))
            return false;
        while (!take(']')) {
            if (to.bytes != 0) {
                if (!take(','))
                    return false;
                to.descr += ", ";
                if (take(']')) // a comma behind the last
                    return false;
            }
            if (!field(to))
                return false;
        }
        to.descr += "]";
        skipBlanks();
        return text_.empty() && to.bytes != 0;
    }

private:
    bool field(RecordFields &to)
    {
        std::string_view name, type;
        if (!take('(') || !quoted(name) || !take(',') || !quoted(type))
            return false;
        std::uint64_t bytes = plainBytes(type);
        if (bytes == 0 || std::find(names_.begin(), names_.end(), name) != names_.end())
            return false;
        names_.push_back(name);
        to.descr += "('" + std::string(name) + "', '" + std::string(type) + "'";
        if (take(',') && !shape(bytes, to.descr))
            return false;
        to.descr += ")";
        to.bytes += bytes;
        return take(')') && to.bytes <= kMostBytes;
    }

    bool shape(std::uint64_t &bytes, std::string &descr)
    {
        if (!take('('))
            return false;
        std::string text;
        std::size_t axes = 0;
        while (!take(')')) {
            std::uint64_t axis = 0;
            skipBlanks();
            const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), axis);
            if (error != std::errc{} || axis == 0 || bytes > kMostBytes / axis)
                return false;
            text_.remove_prefix(std::size_t(end - text_.data()));
            bytes *= axis;
            text += (axes++ != 0 ? ", " : "") + std::to_string(axis);
            if (!take(',')) {
                if (!take(')') || axes == 1) // "(5)" is a number in brackets
                    return false;
                break;
            }
        }
        descr += ", (" + text + (axes == 1 ? ",)" : ")");
        return axes != 0;
    }

    bool quoted(std::string_view &to)
    {
        if (!take('\''))
            return false;
        const std::size_t end = text_.find('\'');
        if (end == text_.npos || end == 0)
            return false;
        to = text_.substr(0, end);
        text_.remove_prefix(end + 1);
        return std::all_of(to.begin(), to.end(),
                           [](char c) { return c >= ' ' && c <= '~' && c != '\\' && c != '"'; });
    }

    bool take(char wanted)
    {
        skipBlanks();
        if (text_.empty() || text_.front() != wanted)
            return false;
        text_.remove_prefix(1);
        return true;
    }
    void skipBlanks() { text_.remove_prefix(std::min(text_.find_first_not_of(' '), text_.size())); }

    std::string_view text_;
    std::vector<std::string_view> names_;
};

} // namespace

Result<RecordFields> parseRecordFields(std::string_view text)
{
    RecordFields fields;
    if (text.size() > kMostText || !Parser(text).list(fields))
        return fail(Errc::InvalidArgument,
                    "fields=\"" + std::string(text.substr(0, 200)) +
                        "\" is no list of plain numpy fields such as [('sequence', '<u8'), ('sums', '<u8', "
                        "(20, 20))]");
    return fields;
}

} // namespace dmaslab
