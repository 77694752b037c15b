// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/capture/npy_header.h"

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>

#include <sys/stat.h>
#include <unistd.h>

#include "dmaslab/capture/npy_literal.h"

namespace dmaslab {

namespace {

constexpr std::string_view magic("\x93NUMPY", 6);
constexpr std::size_t longestPreamble = 12; // magic, two bytes of version, u32 length

struct Preamble
{
    std::size_t bytes = 0;       ///< magic, version and length
    std::size_t headerBytes = 0; ///< the dictionary behind it
};

std::uint32_t byteAt(std::span<const std::byte> bytes, std::size_t i)
{
    return std::to_integer<std::uint32_t>(bytes[i]);
}

tl::unexpected<Error> badFile(std::string_view file, const std::string &what, const std::string &remedy)
{
    return fail(Errc::Format, std::string(file) + ": " + what + "; " + remedy);
}

tl::unexpected<Error> cutOff(std::string_view file, std::size_t have)
{
    return badFile(file, "the file ends inside its .npy header, after " + std::to_string(have) + " bytes",
                   "it was cut off: copy or save it again");
}

Result<Preamble> parsePreamble(std::span<const std::byte> start, std::string_view file)
{
    const std::size_t common = std::min(start.size(), magic.size());
    if (common > 0 && std::memcmp(start.data(), magic.data(), common) != 0)
        return badFile(file, "it does not begin like a .npy file",
                       "save it with numpy.save, or rename it if it holds raw frames");
    if (start.size() < magic.size() + 2)
        return cutOff(file, start.size());
    const std::uint32_t major = byteAt(start, 6);
    const std::uint32_t minor = byteAt(start, 7);
    if (major < 1 || major > 3 || minor != 0)
        return fail(Errc::Unsupported, std::string(file) + ": .npy version " + std::to_string(major) + "." +
                                           std::to_string(minor) +
                                           " is unknown; versions 1.0, 2.0 and 3.0 are read");
    Preamble preamble;
    preamble.bytes = major == 1 ? 10 : 12;
    if (start.size() < preamble.bytes)
        return cutOff(file, start.size());
    for (std::size_t i = preamble.bytes; i-- > 8;)
        preamble.headerBytes = preamble.headerBytes << 8 | byteAt(start, i);
    if (preamble.headerBytes > kNpyMaxHeaderBytes)
        return badFile(file,
                       "its .npy header claims " + std::to_string(preamble.headerBytes) +
                           " bytes, a plain array needs 118",
                       "the file is damaged: save it again");
    return preamble;
}

/** Elements that could be a sample; anything else is named by refuseDtype. */
bool isNumber(char kind, std::uint32_t size)
{
    switch (kind) {
    case 'b':
        return size == 1;
    case 'u':
    case 'i':
        return size == 1 || size == 2 || size == 4 || size == 8;
    case 'f':
        return size == 2 || size == 4 || size == 8 || size == 16;
    case 'c':
        return size == 8 || size == 16 || size == 32;
    default:
        return false;
    }
}

tl::unexpected<Error> refuseDtype(std::string_view file, const std::string &descr)
{
    const bool object = descr.find('O') != std::string::npos;
    return fail(Errc::Unsupported,
                std::string(file) + ": dtype '" + descr + "' " +
                    (object ? "is Python objects, which only Python can read" : "is no plain number") +
                    "; convert it, for example numpy.save(file, array.astype('<u2'))");
}

Result<NpyDtype> parseDtype(const std::string &descr, std::string_view file)
{
    constexpr char nativeOrder = std::endian::native == std::endian::little ? '<' : '>';
    std::string_view rest = descr;
    char order = nativeOrder;
    if (!rest.empty() && std::string_view("<>|=").find(rest.front()) != std::string_view::npos) {
        if (rest.front() == '<' || rest.front() == '>')
            order = rest.front();
        rest.remove_prefix(1);
    }
    if (rest.size() < 2 || rest.size() > 3)
        return refuseDtype(file, descr);
    NpyDtype dtype;
    dtype.kind = rest.front();
    dtype.size = 0;
    for (const char c : rest.substr(1)) {
        if (c < '0' || c > '9')
            return refuseDtype(file, descr);
        dtype.size = dtype.size * 10 + static_cast<std::uint32_t>(c - '0');
    }
    if (rest[1] == '0' || !isNumber(dtype.kind, dtype.size))
        return refuseDtype(file, descr);
    dtype.byteOrder = dtype.size == 1 ? '|' : order;
    return dtype;
}

/** Product of all axes that are not 0 must be countable too: a reader may multiply in any order. */
bool countBytes(const NpyHeader &header, std::uint64_t &bytes)
{
    std::uint64_t product = header.dtype.size;
    bool empty = false;
    for (const std::uint64_t axis : header.shape) {
        if (axis == 0)
            empty = true;
        else if (__builtin_mul_overflow(product, axis, &product))
            return false;
    }
    bytes = empty ? 0 : product;
    constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return product <= largest - kNpyMaxHeaderBytes - longestPreamble; // so that a file offset counts it all
}

/** Reads until `bytes` is full or the file ends; -1 and errno on failure. */
ssize_t readStart(int fd, std::span<std::byte> bytes)
{
    std::size_t have = 0;
    while (have < bytes.size()) {
        const ssize_t got = ::pread(fd, bytes.data() + have, bytes.size() - have, static_cast<off_t>(have));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        have += static_cast<std::size_t>(got);
    }
    return static_cast<ssize_t>(have);
}

tl::unexpected<Error> cannotRead(std::string_view file, int error)
{
    return fail(Errc::Io,
                std::string(file) + ": cannot be read: " + std::strerror(error) +
                    "; check the disk and that it is an ordinary file",
                error);
}

} // namespace

std::string NpyDtype::text() const
{
    return std::string{byteOrder, kind} + std::to_string(size);
}

std::string shapeText(std::span<const std::uint64_t> shape)
{
    std::string text = "(";
    for (std::size_t i = 0; i < shape.size(); i++)
        text += (i ? ", " : "") + std::to_string(shape[i]);
    return text + (shape.size() == 1 ? ",)" : ")");
}

bool hasNpyMagic(std::span<const std::byte> start)
{
    return start.size() >= magic.size() && std::memcmp(start.data(), magic.data(), magic.size()) == 0;
}

Result<NpyHeader> parseNpyHeader(std::span<const std::byte> start, std::string_view file)
{
    const Result<Preamble> preamble = parsePreamble(start, file);
    if (!preamble)
        return tl::unexpected(preamble.error());
    if (start.size() - preamble->bytes < preamble->headerBytes)
        return cutOff(file, start.size());
    const std::string_view text(reinterpret_cast<const char *>(start.data()) + preamble->bytes,
                                preamble->headerBytes);
    auto literal = parseNpyLiteral(text);
    if (!literal)
        return badFile(file, "its .npy header is malformed: " + literal.error(),
                       "save it again with numpy.save");
    if (literal->structured)
        return fail(
            Errc::Unsupported,
            std::string(file) +
                ": structured dtype is not a picture; export its pixels as a plain array, for example "
                "numpy.save('frames.npy', numpy.load(file)['pixels'])");
    Result<NpyDtype> dtype = parseDtype(literal->descr, file);
    if (!dtype)
        return tl::unexpected(dtype.error());

    NpyHeader header;
    header.dtype = *dtype;
    header.shape = std::move(literal->shape);
    header.dataOffset = preamble->bytes + preamble->headerBytes;
    // With fewer than two axes both orders are the same bytes, and numpy then says either.
    if (literal->fortranOrder && header.shape.size() > 1)
        return fail(Errc::Unsupported,
                    std::string(file) + ": Fortran order (columns first) " + shapeText(header.shape) +
                        "; save it in C order: numpy.save(file, numpy.ascontiguousarray(array))");
    if (!countBytes(header, header.dataBytes))
        return badFile(file,
                       "shape " + shapeText(header.shape) + " of " + header.dtype.text() +
                           " is more than any file can hold",
                       "the header is damaged: save it again");
    return header;
}

Result<NpyHeader> readNpyHeader(int fd, std::string_view file)
{
    std::array<std::byte, 4096> first;
    const ssize_t have = readStart(fd, first);
    if (have < 0)
        return cannotRead(file, errno);
    std::span<const std::byte> start(first.data(), static_cast<std::size_t>(have));
    const Result<Preamble> preamble = parsePreamble(start, file);
    if (!preamble)
        return tl::unexpected(preamble.error());

    std::vector<std::byte> longHeader;
    if (preamble->bytes + preamble->headerBytes > first.size() && start.size() == first.size()) {
        longHeader.resize(preamble->bytes + preamble->headerBytes);
        const ssize_t got = readStart(fd, longHeader);
        if (got < 0)
            return cannotRead(file, errno);
        start = std::span<const std::byte>(longHeader).first(static_cast<std::size_t>(got));
    }
    Result<NpyHeader> header = parseNpyHeader(start, file);
    if (!header)
        return header;
    struct stat info = {};
    if (::fstat(fd, &info) != 0)
        return cannotRead(file, errno);
    const auto fileBytes = static_cast<std::uint64_t>(info.st_size);
    if (fileBytes < header->dataOffset || fileBytes - header->dataOffset < header->dataBytes)
        return badFile(file,
                       "shape " + shapeText(header->shape) + " of " + header->dtype.text() + " needs " +
                           std::to_string(header->dataOffset + header->dataBytes) + " bytes, the file has " +
                           std::to_string(fileBytes),
                       "it was cut off: copy or save it again");
    return header;
}

} // namespace dmaslab
