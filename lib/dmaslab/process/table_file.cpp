// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/process/table_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <sys/stat.h>
#include <unistd.h>

#include "dmaslab/unique_fd.h"

namespace dmaslab {

namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1}
                                        << 32; ///< 8-byte numbers for more pixels than a camera has

template <typename T>
double numberAt(const std::byte *at, bool swapped)
{
    std::array<std::byte, sizeof(T)> bytes;
    std::memcpy(bytes.data(), at, sizeof(T));
    if (swapped)
        std::reverse(bytes.begin(), bytes.end());
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return static_cast<double>(value);
}

using Read = double (*)(const std::byte *, bool);

Read readerOf(const NpyDtype &dtype)
{
    const auto is = [&dtype](char kind, unsigned size) { return dtype.kind == kind && dtype.size == size; };
    if (is('u', 1) || is('b', 1))
        return numberAt<std::uint8_t>;
    if (is('i', 1))
        return numberAt<std::int8_t>;
    if (is('u', 2))
        return numberAt<std::uint16_t>;
    if (is('i', 2))
        return numberAt<std::int16_t>;
    if (is('u', 4))
        return numberAt<std::uint32_t>;
    if (is('i', 4))
        return numberAt<std::int32_t>;
    if (is('u', 8))
        return numberAt<std::uint64_t>;
    if (is('i', 8))
        return numberAt<std::int64_t>;
    if (is('f', 4))
        return numberAt<float>;
    if (is('f', 8))
        return numberAt<double>;
    return nullptr;
}

Result<std::vector<std::byte>> readFile(const std::string &property, const std::string &path)
{
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    const auto trouble = [&](const char *what, int error) {
        const Errc code = error == ENOENT ? Errc::NotFound : error == EACCES ? Errc::Permission : Errc::Io;
        return fail(code,
                    property + "=\"" + path + "\": " + what + ": " + std::strerror(error) +
                        "; give the path of a .npy file that can be read",
                    error);
    };
    if (!fd.isValid())
        return trouble("cannot be opened", errno);
    struct stat info = {};
    if (::fstat(fd.get(), &info) != 0)
        return trouble("cannot be examined", errno);
    if (!S_ISREG(info.st_mode))
        return trouble("is no file", EINVAL);
    if (std::uint64_t(info.st_size) > kMaxFileBytes)
        return fail(Errc::Limit, property + "=\"" + path + "\" has " + std::to_string(info.st_size) +
                                     " bytes; a table for pixels has at most 4 GiB");
    std::vector<std::byte> bytes(std::size_t(info.st_size));
    std::size_t have = 0;
    while (have < bytes.size()) {
        const ssize_t got = ::read(fd.get(), bytes.data() + have, bytes.size() - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return trouble("cannot be read", errno);
        if (got == 0)
            break;
        have += std::size_t(got);
    }
    bytes.resize(have);
    return bytes;
}

} // namespace

Result<NumberTable> parseNumberTable(std::span<const std::byte> file, const std::string &name)
{
    const auto header = parseNpyHeader(file, name);
    if (!header)
        return tl::unexpected(header.error());
    const Read read = readerOf(header->dtype);
    if (!read)
        return fail(Errc::Format, name + " has numbers of type " + header->dtype.text() +
                                      "; save it as uint8, uint16 or float32");
    if (header->dataOffset > file.size() || header->dataBytes > file.size() - header->dataOffset)
        return fail(Errc::Format, name + " is cut short: " + std::to_string(file.size()) + " bytes of " +
                                      std::to_string(header->dataOffset + header->dataBytes) +
                                      "; save it again");
    NumberTable table;
    table.dtype = header->dtype;
    table.shape = header->shape;
    const std::size_t count = std::size_t(header->dataBytes / header->dtype.size);
    const std::byte *at = file.data() + header->dataOffset;
    const bool swapped = header->dtype.byteOrder == '>';
    table.values.resize(count);
    for (double &value : table.values) {
        value = read(at, swapped);
        at += header->dtype.size;
    }
    return table;
}

Result<NumberTable> readNumberTable(const std::string &property, const std::string &path)
try {
    const auto bytes = readFile(property, path);
    if (!bytes)
        return tl::unexpected(bytes.error());
    return parseNumberTable(*bytes, property + "=\"" + path + "\"");
} catch (const std::bad_alloc &) {
    return failNoMemory("npy: no memory");
}

} // namespace dmaslab
