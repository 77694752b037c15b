// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/loss_reason.h"

#include <array>

namespace dmaslab {

namespace {

constexpr std::array<std::string_view, lossReasonCount> nicks = {
    "starved",  "device",  "overrun",       "queue",     "full",  "disk-full",
    "io-error", "corrupt", "slow-consumer", "reclaimed", "flush", "error",
};

} // namespace

std::string_view toString(LossReason reason) noexcept
{
    const auto index = std::size_t(reason);
    return index < nicks.size() ? nicks[index] : std::string_view("error");
}

std::optional<LossReason> lossReasonFromString(std::string_view nick) noexcept
{
    for (std::size_t i = 0; i < nicks.size(); ++i) {
        if (nicks[i] == nick)
            return LossReason(i);
    }
    return std::nullopt;
}

} // namespace dmaslab
