// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

#include "dmaslab/archive/writer.h"

namespace dmaslab {

enum class OnFull
{
    Auto,
    Drop,
    Wait,
    Error,
};

/** The properties, as the element was asked. Taken over whole when the element starts. */
struct ArchiveSettings
{
    std::string location;
    std::uint64_t numFrames = 0;
    std::uint32_t everyNth = 1;
    std::uint32_t nthPhase = 0;
    ArchiveLayout layout = ArchiveLayout::Auto;
    OnFull onFull = OnFull::Auto;
    WriterSettings writer{.maxHeld = 0}; ///< maxHeld 0: computed
    std::string metadataJson = "{}";
    std::string metadataExcess; ///< why it cannot be recorded; empty: it can

    /** How many frames the element may hold: what is being written, and what comes until the disk is told. */
    [[nodiscard]] std::uint32_t maxHeld(std::uint32_t rateNumerator, std::uint32_t rateDenominator) const;
    [[nodiscard]] bool selects(std::uint64_t sequence) const
    {
        return everyNth != 0 && sequence % everyNth == nthPhase;
    }
};

} // namespace dmaslab
