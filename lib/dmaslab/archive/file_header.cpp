// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/file_header.h"

#include <charconv>
#include <cstdio>
#include <cstring>

namespace dmaslab {

namespace {

constexpr char kMagic[] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0};
constexpr std::size_t kTextBegins = sizeof kMagic + 2;
constexpr std::size_t kSector = 512; ///< a disk writes that much whole or not at all
constexpr std::string_view kDescr = "{'descr': ";
constexpr std::string_view kShape = ", 'fortran_order': False, 'shape': (";
constexpr int kCountDigits = 20;

/** Reads the number in front of `text`, spaces before it left out. */
bool takeNumber(std::string_view &text, std::uint64_t &number)
{
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{})
        return false;
    text.remove_prefix(std::size_t(end - text.data()));
    return true;
}

} // namespace

const char *indexDescr()
{
    return "[('sequence', '<u8'), ('pts', '<i8'), ('capture', '<i8'), ('utc', '<i8'), ('hash', '<u8'), "
           "('device', '<u8'), ('block', '<u4'), ('length', '<u4'), ('drops_before', '<u4'), "
           "('epoch', '<u2'), ('flags', '<u2')]";
}

const char *lossesDescr()
{
    return "[('first', '<u8'), ('last', '<u8'), ('count', '<u8'), ('time', '<i8'), ('utc', '<i8'), "
           "('series', '<u4'), ('kind', '<u4'), ('reason', '|S16'), ('element', '|S64')]";
}

Result<void> writeHeader(HeaderBlock &block, const std::string &descr, std::span<const std::uint64_t> shape)
{
    std::string text(kDescr);
    text += descr;
    text += kShape;
    text.append(kCountDigits, ' ');
    text += ',';
    for (std::size_t axis = 1; axis < shape.size(); ++axis)
        text += (axis > 1 ? ", " : " ") + std::to_string(shape[axis]);
    text += "), }";
    if (kTextBegins + text.size() > kSector)
        return fail(Errc::Limit, "a numpy type of " + std::to_string(descr.size()) +
                                     " characters does not fit into a header that is written in one piece: " +
                                     "use fewer axes");
    constexpr std::uint16_t length = kArchiveBlock - kTextBegins;
    std::memcpy(block.data(), kMagic, sizeof kMagic);
    block[sizeof kMagic] = std::byte(length & 0xff);
    block[sizeof kMagic + 1] = std::byte(length >> 8);
    std::memset(block.data() + kTextBegins, ' ', length);
    std::memcpy(block.data() + kTextBegins, text.data(), text.size());
    block.back() = std::byte('\n');
    setHeaderCount(block, shape.empty() ? 0 : shape[0]);
    return {};
}

void setHeaderCount(HeaderBlock &block, std::uint64_t count)
{
    const std::string_view text(reinterpret_cast<const char *>(block.data()), kSector);
    const std::size_t shape = text.find(kShape);
    char digits[kCountDigits + 1];
    std::snprintf(digits, sizeof digits, "%*llu", kCountDigits, static_cast<unsigned long long>(count));
    if (shape != text.npos)
        std::memcpy(block.data() + shape + kShape.size(), digits, kCountDigits);
}

Result<FileHeader> parseHeader(std::span<const std::byte> block, std::string_view file)
{
    const auto wrong = [&](const char *what) {
        return fail(Errc::Format, std::string(file) + ": no file of a recording: " + what);
    };
    if (block.size() < kArchiveBlock)
        return wrong("shorter than its header of 4096 bytes");
    const std::string_view all(reinterpret_cast<const char *>(block.data()), kArchiveBlock);
    if (std::memcmp(all.data(), kMagic, sizeof kMagic) != 0)
        return wrong("it does not begin as a .npy file of version 1.0");
    if (std::uint8_t(all[8]) != 0xf6 || std::uint8_t(all[9]) != 0x0f || all.back() != '\n')
        return wrong("its header is not 4096 bytes long");
    std::string_view text = all.substr(kTextBegins, kSector - kTextBegins);
    if (!text.starts_with(kDescr))
        return wrong("its header does not begin with 'descr'");
    text.remove_prefix(kDescr.size());
    const std::size_t shape = text.find(kShape);
    if (shape == text.npos)
        return wrong("its header has no 'shape' within the first 512 bytes");
    FileHeader header;
    header.descr = text.substr(0, shape);
    text.remove_prefix(shape + kShape.size());
    for (;;) {
        std::uint64_t axis = 0;
        if (!takeNumber(text, axis))
            return wrong("an axis of its shape is no number");
        header.shape.push_back(axis);
        const bool comma = text.starts_with(',');
        text.remove_prefix(comma ? 1 : 0);
        text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
        if (text.starts_with(')'))
            break;
        if (!comma)
            return wrong("its shape does not end");
    }
    text.remove_prefix(1);
    text.remove_prefix(std::min(text.find_first_not_of(" ,"), text.size()));
    if (!text.starts_with('}'))
        return wrong("its header does not end behind the shape");
    return header;
}

} // namespace dmaslab
