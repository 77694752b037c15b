// SPDX-License-Identifier: LGPL-2.1-or-later
#include <array>
#include <cstdio>
#include <cstring>

#include "dmaslab/tools/picture.h"

namespace dmaslab::tools {

namespace {

constexpr std::array<std::uint32_t, 256> makeCrcTable()
{
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t n = 0; n < 256; ++n) {
        std::uint32_t crc = n;
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc & 1) != 0 ? 0xedb88320u ^ (crc >> 1) : crc >> 1;
        table[n] = crc;
    }
    return table;
}

constexpr auto kCrcTable = makeCrcTable();

std::uint32_t crc32(std::span<const std::byte> bytes)
{
    std::uint32_t crc = 0xffffffffu;
    for (const std::byte byte : bytes)
        crc = kCrcTable[(crc ^ std::uint32_t(byte)) & 0xff] ^ (crc >> 8);
    return ~crc;
}

std::uint32_t adler32(std::span<const std::byte> bytes)
{
    constexpr std::uint32_t modulus = 65521;
    constexpr std::size_t run = 5552; // the sums stay below 2^32 that long
    std::uint32_t a = 1, b = 0;
    while (!bytes.empty()) {
        for (const std::byte byte : bytes.first(std::min(run, bytes.size()))) {
            a += std::uint32_t(byte);
            b += a;
        }
        bytes = bytes.subspan(std::min(run, bytes.size()));
        a %= modulus;
        b %= modulus;
    }
    return b << 16 | a;
}

void put(std::vector<std::byte> &to, std::span<const std::byte> bytes)
{
    // insert() makes g++ 12 see an overflow at -O3.
    const std::size_t at = to.size();
    to.resize(at + bytes.size());
    std::memcpy(to.data() + at, bytes.data(), bytes.size());
}

void put32(std::vector<std::byte> &to, std::uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        to.push_back(std::byte(value >> shift & 0xff));
}

void putChunk(std::vector<std::byte> &png, const char *type, std::span<const std::byte> data)
{
    put32(png, std::uint32_t(data.size()));
    const std::size_t begin = png.size();
    put(png, std::as_bytes(std::span(type, 4)));
    put(png, data);
    put32(png, crc32(std::span(png).subspan(begin)));
}

/** A zlib stream of stored blocks: pictures of a camera are noise, and no library is needed. */
std::vector<std::byte> store(std::span<const std::byte> bytes)
{
    constexpr std::size_t most = 65535;
    std::vector<std::byte> stream{std::byte{0x78}, std::byte{0x01}};
    stream.reserve(bytes.size() + bytes.size() / most * 5 + 16);
    const std::uint32_t check = adler32(bytes);
    do {
        const std::size_t size = std::min(most, bytes.size());
        stream.push_back(std::byte(size == bytes.size() ? 1 : 0));
        for (const std::size_t value : {size, ~size}) {
            stream.push_back(std::byte(value & 0xff));
            stream.push_back(std::byte(value >> 8 & 0xff));
        }
        put(stream, bytes.first(size));
        bytes = bytes.subspan(size);
    } while (!bytes.empty());
    put32(stream, check);
    return stream;
}

std::size_t rowBytes(const Picture &picture)
{
    return std::size_t(picture.width) * picture.channels * picture.sampleBytes;
}

} // namespace

std::vector<std::byte> encodePng(const Picture &picture)
{
    constexpr unsigned char signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    constexpr unsigned char colourTypes[] = {0, 0, 0, 2, 6}; // by number of channels
    std::vector<std::byte> png;
    put(png, std::as_bytes(std::span(signature)));
    std::vector<std::byte> header;
    put32(header, picture.width);
    put32(header, picture.height);
    for (const unsigned value :
         {picture.sampleBytes * 8, unsigned(colourTypes[picture.channels]), 0u, 0u, 0u})
        header.push_back(std::byte(value));
    putChunk(png, "IHDR", header);
    const std::size_t row = rowBytes(picture);
    std::vector<std::byte> filtered;
    filtered.reserve((row + 1) * picture.height);
    for (std::size_t y = 0; y < picture.height; ++y) {
        filtered.push_back(std::byte{0}); // each row begins with its filter: none
        put(filtered, std::span(picture.samples).subspan(y * row, row));
    }
    const std::vector<std::byte> stream = store(filtered);
    // A chunk ends below 2^31 bytes; the data may go on in the next.
    constexpr std::size_t most = std::size_t{1} << 30;
    for (std::size_t at = 0; at < stream.size(); at += most)
        putChunk(png, "IDAT", std::span(stream).subspan(at, std::min(most, stream.size() - at)));
    putChunk(png, "IEND", {});
    return png;
}

std::vector<std::byte> encodePnm(const Picture &picture)
{
    char header[64];
    const int length =
        std::snprintf(header, sizeof header, "%s\n%u %u\n%u\n", picture.channels == 1 ? "P5" : "P6",
                      picture.width, picture.height, picture.maximum);
    std::vector<std::byte> pnm;
    pnm.reserve(std::size_t(length) + picture.samples.size());
    // A maximum below 256 promises one byte for each sample.
    const bool narrow = picture.sampleBytes == 2 && picture.maximum < 256;
    const std::size_t pixel = std::size_t(picture.channels) * picture.sampleBytes;
    const std::size_t colours = std::size_t(std::min(picture.channels, 3u)) * picture.sampleBytes;
    put(pnm, std::as_bytes(std::span(header, std::size_t(length))));
    if (!narrow && colours == pixel) {
        put(pnm, picture.samples);
        return pnm;
    }
    for (std::size_t at = 0; at < picture.samples.size(); at += pixel) {
        for (std::size_t byte = narrow ? 1 : 0; byte < colours; byte += narrow ? 2 : 1)
            pnm.push_back(picture.samples[at + byte]);
    }
    return pnm;
}

} // namespace dmaslab::tools
