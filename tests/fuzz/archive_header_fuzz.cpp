// SPDX-License-Identifier: LGPL-2.1-or-later
// Any block at all must give a header that can be written and read again, or an error that names the file.
#include <algorithm>
#include <cstdint>
#include <span>

#include "dmaslab/archive/file_header.h"

#include "fuzz_require.h"

using namespace dmaslab;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    // The input is the header's beginning: what follows is what every header has.
    const auto bytes = std::as_bytes(std::span(data, size));
    HeaderBlock block;
    block.fill(std::byte(' '));
    block.back() = std::byte('\n');
    std::copy_n(bytes.begin(), std::min(size, block.size()), block.begin());
    for (const std::span<const std::byte> input : {bytes, std::span<const std::byte>(block)}) {
        const auto header = parseHeader(input, "input.npy");
        if (!header) {
            REQUIRE(header.error().message.starts_with("input.npy: "));
            REQUIRE(header.error().message.size() < 2000);
            continue;
        }
        REQUIRE(!header->shape.empty() && header->shape.size() < 512);
        REQUIRE(header->descr.size() < 512);
        HeaderBlock written;
        if (!writeHeader(written, header->descr, header->shape))
            continue; // its count had fewer places
        const auto again = parseHeader(written, "again.npy");
        REQUIRE(again);
        REQUIRE(again->descr == header->descr && again->shape == header->shape);
    }
    return 0;
}
