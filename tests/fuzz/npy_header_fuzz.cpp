// SPDX-License-Identifier: LGPL-2.1-or-later
// Any bytes at all must give a header that adds up, or an error that names the file.
#include <cstddef>
#include <cstdint>
#include <span>

#include "dmaslab/capture/npy_header.h"

#include "fuzz_require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const auto header = dmaslab::parseNpyHeader(std::as_bytes(std::span(data, size)), "input.npy");
    if (!header) {
        REQUIRE(header.error().message.starts_with("input.npy: "));
        REQUIRE(header.error().message.size() < 2000);
        return 0;
    }
    REQUIRE(header->dataOffset >= 10 && header->dataOffset <= size);
    REQUIRE(header->dataBytes + header->dataOffset <= INT64_MAX);
    REQUIRE(header->shape.size() <= 32);
    std::uint64_t bytes = header->dtype.size;
    for (const std::uint64_t axis : header->shape)
        bytes = axis == 0 ? 0 : bytes * axis;
    REQUIRE(bytes == header->dataBytes || header->dataBytes == 0);
    return 0;
}
