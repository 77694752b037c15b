// SPDX-License-Identifier: LGPL-2.1-or-later
// Any bytes at all must give a table whose numbers are all there, or an error that names the file.
#include <cstddef>
#include <cstdint>
#include <span>

#include "dmaslab/process/table_file.h"

#include "fuzz_require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const auto table = dmaslab::parseNumberTable(std::as_bytes(std::span(data, size)), "input.npy");
    if (!table) {
        REQUIRE(table.error().message.starts_with("input.npy"));
        REQUIRE(table.error().message.size() < 2000);
        return 0;
    }
    REQUIRE(table->values.size() <= size);
    std::uint64_t count = 1;
    for (const std::uint64_t axis : table->shape)
        count = axis == 0 ? 0 : count * axis;
    REQUIRE(count == table->values.size() || table->values.empty());
    return 0;
}
