// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace dmaslab {

/** Why a frame was lost. The names are a contract: they appear in stats, events, messages and recordings. */
enum class LossReason : std::uint8_t
{
    Starved,      ///< no free slab to put the frame in
    Device,       ///< the camera or its driver lost it
    Overrun,      ///< its deadline had passed
    Queue,        ///< a leaky queue was full
    Full,         ///< a writer had no room for it in time
    DiskFull,     ///< the disk had no room for it
    IoError,      ///< writing or reading it failed
    Corrupt,      ///< it arrived damaged
    SlowConsumer, ///< a consumer held more frames than it may
    Reclaimed,    ///< it was taken back from a consumer that held it too long
    Flush,        ///< a flush or a state change threw it away
    Error,        ///< the stream failed before it could be delivered
};

inline constexpr std::size_t lossReasonCount = std::size_t(LossReason::Error) + 1;

/** The nick: "starved", "disk-full", … The view is zero-terminated. */
[[nodiscard]] std::string_view toString(LossReason reason) noexcept;
[[nodiscard]] std::optional<LossReason> lossReasonFromString(std::string_view nick) noexcept;

} // namespace dmaslab
