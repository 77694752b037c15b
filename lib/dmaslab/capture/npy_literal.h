// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace dmaslab {

/** The three values of a .npy header as written, before anybody judges them. */
struct NpyLiteral
{
    std::string descr;
    bool structured = false; ///< descr is a list of fields, not a string; descr is empty then
    bool fortranOrder = false;
    std::vector<std::uint64_t> shape;
};

/**
 * Reads the Python dict of a .npy header: exactly the keys descr, fortran_order and shape, in any
 * order. Not a Python parser: only what numpy (2 and 3) writes, and spaces. The error is a clause
 * that tells what is wrong ("the key 'x' is unknown").
 */
[[nodiscard]] tl::expected<NpyLiteral, std::string> parseNpyLiteral(std::string_view text);

} // namespace dmaslab
