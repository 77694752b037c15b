// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>

namespace dmaslab {

/** What one huge page holds; the only size asked for, because every architecture we know has it. */
inline constexpr std::size_t hugePageSize = std::size_t{2} << 20;

[[nodiscard]] std::size_t systemPageSize();

/** KernelPageSize in bytes of the mapping that holds an address; 0 when smaps does not tell. */
[[nodiscard]] std::size_t pageSizeAt(const void *address);

/** The same from any text of smaps' form. */
[[nodiscard]] std::size_t pageSizeAt(std::uintptr_t address, std::istream &smaps);

[[nodiscard]] constexpr std::size_t roundUp(std::size_t value, std::size_t powerOfTwo)
{
    return (value + powerOfTwo - 1) & ~(powerOfTwo - 1);
}

} // namespace dmaslab
