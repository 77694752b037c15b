// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/capture/npy_literal.h"

#include <algorithm>
#include <utility>

namespace dmaslab {

namespace {

constexpr std::size_t maxRank = 32; // numpy 1.x knows no more axes
constexpr std::size_t maxStringLength = 256;

bool isSpace(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}
bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

/**
 * A cursor over the text. Each step returns false and leaves a clause in `problem` when the text is
 * not what was expected. Nothing recurses, so nesting cannot exhaust the stack.
 */
class LiteralReader
{
public:
    explicit LiteralReader(std::string_view text) : text_(text) {}

    std::string problem;

    bool readDict(NpyLiteral &out)
    {
        if (!expect('{'))
            return false;
        bool haveDescr = false;
        bool haveOrder = false;
        bool haveShape = false;
        while (!accept('}')) {
            std::string key;
            if (!readString(key, "a key") || !expect(':'))
                return false;
            bool *have = key == "descr"           ? &haveDescr
                         : key == "fortran_order" ? &haveOrder
                         : key == "shape"         ? &haveShape
                                                  : nullptr;
            if (!have)
                return complain("the key '" + key + "' is unknown");
            if (std::exchange(*have, true))
                return complain("the key '" + key + "' comes twice");
            const bool ok = have == &haveDescr   ? readDescr(out)
                            : have == &haveOrder ? readBool(out.fortranOrder)
                                                 : readShape(out.shape);
            if (!ok)
                return false;
            if (!accept(',')) {
                if (!expect('}'))
                    return false;
                break;
            }
        }
        skipSpace();
        if (at_ != text_.size())
            return complain("something follows the dictionary");
        for (const auto &[have, key] :
             {std::pair{haveDescr, "descr"}, {haveOrder, "fortran_order"}, {haveShape, "shape"}}) {
            if (!have)
                return complain(std::string("the key '") + key + "' is missing");
        }
        return true;
    }

private:
    bool complain(std::string what)
    {
        problem = std::move(what);
        return false;
    }

    void skipSpace()
    {
        while (at_ < text_.size() && isSpace(text_[at_]))
            at_++;
    }

    bool accept(char c)
    {
        skipSpace();
        if (at_ >= text_.size() || text_[at_] != c)
            return false;
        at_++;
        return true;
    }

    bool expect(char c)
    {
        if (accept(c))
            return true;
        return complain(std::string("a '") + c + "' was expected at character " + std::to_string(at_));
    }

    bool readString(std::string &out, const char *what)
    {
        skipSpace();
        const char quote = at_ < text_.size() ? text_[at_] : '\0';
        if (quote != '\'' && quote != '"')
            return complain(std::string(what) + " in quotes was expected at character " +
                            std::to_string(at_));
        const std::size_t end = text_.find(quote, at_ + 1);
        if (end == std::string_view::npos)
            return complain("the string at character " + std::to_string(at_) + " has no end");
        const std::string_view content = text_.substr(at_ + 1, end - at_ - 1);
        if (content.size() > maxStringLength || content.find_first_of("\\\n") != std::string_view::npos)
            return complain("the string at character " + std::to_string(at_) + " is no plain name");
        out = content;
        at_ = end + 1;
        return true;
    }

    bool readDescr(NpyLiteral &out)
    {
        skipSpace();
        const char first = at_ < text_.size() ? text_[at_] : '\0';
        out.structured = first == '[' || first == '(';
        return out.structured ? skipFieldList() : readString(out.descr, "a dtype");
    }

    /** Passes over a balanced list of fields; what is inside does not matter, it is refused anyway. */
    bool skipFieldList()
    {
        std::size_t depth = 0;
        const std::size_t start = at_;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '\'' || c == '"') {
                at_ = text_.find(c, at_ + 1);
                if (at_ == std::string_view::npos) {
                    at_ = text_.size();
                    break;
                }
            } else if (c == '[' || c == '(') {
                depth++;
            } else if (c == ']' || c == ')') {
                depth--; // the first character opened the first level
            }
            at_++;
            if (depth == 0)
                return true;
        }
        return complain("the list at character " + std::to_string(start) + " has no end");
    }

    bool readBool(bool &out)
    {
        skipSpace();
        for (const auto &[word, value] : {std::pair{std::string_view("True"), true}, {"False", false}}) {
            if (text_.substr(at_).starts_with(word)) {
                at_ += word.size();
                out = value;
                return true;
            }
        }
        return complain("True or False was expected at character " + std::to_string(at_));
    }

    bool readShape(std::vector<std::uint64_t> &out)
    {
        if (!expect('('))
            return false;
        while (!accept(')')) {
            std::uint64_t axis = 0;
            if (!readAxis(axis))
                return false;
            if (out.size() == maxRank)
                return complain("the shape has more than " + std::to_string(maxRank) + " axes");
            out.push_back(axis);
            const bool comma = accept(',');
            if (comma)
                continue;
            if (!expect(')'))
                return false;
            if (out.size() == 1) // in Python (5) is a number, (5,) a tuple
                return complain("the shape is a number, not a tuple");
            break;
        }
        return true;
    }

    bool readAxis(std::uint64_t &out)
    {
        skipSpace();
        const std::size_t start = at_;
        if (at_ < text_.size() && text_[at_] == '-')
            return complain("the shape has a negative axis");
        while (at_ < text_.size() && isDigit(text_[at_])) {
            if (__builtin_mul_overflow(out, std::uint64_t{10}, &out) ||
                __builtin_add_overflow(out, static_cast<std::uint64_t>(text_[at_] - '0'), &out))
                return complain("the shape has an axis beyond 64 bits");
            at_++;
        }
        if (at_ == start)
            return complain("a whole number was expected at character " + std::to_string(start));
        if (text_[start] == '0' && out != 0)
            return complain("the shape has a number with leading zeros");
        if (at_ < text_.size() && text_[at_] == 'L') // Python 2 wrote long integers so
            at_++;
        return true;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

} // namespace

tl::expected<NpyLiteral, std::string> parseNpyLiteral(std::string_view text)
{
    const auto printable = [](char c) { return (c >= ' ' && c <= '~') || isSpace(c); };
    const auto odd = std::find_if_not(text.begin(), text.end(), printable);
    if (odd != text.end())
        return tl::unexpected("character " + std::to_string(odd - text.begin()) + " is not printable ASCII");
    NpyLiteral literal;
    LiteralReader reader(text);
    if (!reader.readDict(literal))
        return tl::unexpected(std::move(reader.problem));
    return literal;
}

} // namespace dmaslab
