// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace dmaslab {

/** What strerror says, but safe from any thread. */
[[nodiscard]] std::string errnoText(int error);

/** "12 MiB", "600 KiB", "4097 bytes": the largest unit that keeps the number honest. */
[[nodiscard]] std::string bytesText(std::uint64_t bytes);

/** First line of a small kernel file, nothing when it cannot be read. */
[[nodiscard]] std::optional<std::string> readLine(const std::string &path);

/** The number a small kernel file starts with; nothing when absent or not a number ("max"). */
[[nodiscard]] std::optional<std::uint64_t> readNumber(const std::string &path);

/** The number after a key at the start of a line: "MemAvailable:  123 kB", "inactive_file 4096". */
[[nodiscard]] std::optional<std::uint64_t> readKeyedNumber(const std::string &path, const std::string &key);

} // namespace dmaslab
