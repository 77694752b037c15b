// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace dmaslab {

/** What kind of trouble: lets a caller choose between fallback, retry and giving up. */
enum class Errc
{
    InvalidArgument, ///< the caller asked for something that makes no sense
    NotFound,        ///< file, device, node or CPU does not exist
    Permission,      ///< it exists, but not for us
    NoMemory,        ///< not enough memory, or a limit on memory
    Limit,           ///< another limit (descriptors, sizes)
    Unsupported,     ///< this kernel, machine or file kind cannot do it
    Format,          ///< the data is not what it claims to be
    Io,              ///< the operating system reported an I/O error
};

/**
 * An error as a user reads it: the message names the object, the value and the remedy.
 * Made on cold paths only; per-frame operations return small enums instead.
 */
struct Error
{
    Errc code = Errc::InvalidArgument;
    std::string message;
    int sysErrno = 0; ///< errno behind it, 0 when there is none
};

template <typename T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(Errc code, std::string message, int sysErrno = 0)
{
    return tl::unexpected<Error>(Error{code, std::move(message), sysErrno});
}

/** For the handlers that keep std::bad_alloc inside the library. */
[[nodiscard]] inline tl::unexpected<Error> failNoMemory(const char *what)
{
    // Short enough for the string's own storage: there is nothing left to allocate.
    return tl::unexpected<Error>(Error{Errc::NoMemory, what, 0});
}

} // namespace dmaslab
