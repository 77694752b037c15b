// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/memory/arena_layout.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>

#include "dmaslab/memory/page_info.h"

namespace dmaslab {

namespace {

/** Slab indices travel as 16 bits. */
constexpr std::uint32_t maxSlabs = 65535;

/** O_DIRECT and NVMe want 4096 whatever the machine's page size is. */
constexpr std::size_t minStride = 4096;

/** The largest file the kernel makes; leaves room to round up without overflow. */
constexpr std::size_t maxLength = (std::size_t{1} << 62) - hugePageSize;

} // namespace

Result<ArenaLayout> layoutOf(const ArenaRequest &request, PageKind pages)
{
    if (request.slabSize == 0)
        return fail(Errc::InvalidArgument, "slabs of 0 bytes make no sense: give the size of one frame");
    if (request.slabs == 0)
        return fail(Errc::InvalidArgument, "an arena of 0 slabs makes no sense: ask for at least 1");
    if (request.slabs > maxSlabs)
        return fail(Errc::Limit, std::to_string(request.slabs) + " slabs are more than the " +
                                     std::to_string(maxSlabs) + " an arena can number: ask for fewer");
    if (request.pageSize != 0 && !std::has_single_bit(request.pageSize))
        return fail(Errc::InvalidArgument,
                    "a page size of " + std::to_string(request.pageSize) + " bytes is not a power of two");

    const std::size_t grain = std::max({minStride, systemPageSize(), request.pageSize});
    if (grain > maxLength || request.slabSize > (maxLength - grain) / request.slabs)
        return fail(Errc::Limit, std::to_string(request.slabs) + " slabs of " +
                                     std::to_string(request.slabSize) +
                                     " bytes are more than can be addressed: ask for fewer or smaller slabs");
    ArenaLayout layout;
    layout.stride = roundUp(request.slabSize, grain);
    // A slab that straddles two huge pages is in two physical pieces, and then the devices that huge pages
    // are for (those without scatter-gather) refuse it. Powers of two never straddle.
    if (pages == PageKind::Huge && layout.stride < hugePageSize)
        layout.stride = std::bit_ceil(layout.stride);
    if (layout.stride > maxLength / request.slabs)
        return fail(Errc::Limit,
                    std::to_string(request.slabs) + " slabs, each taking " + std::to_string(layout.stride) +
                        " bytes, are more than can be addressed: ask for fewer or smaller slabs");
    layout.length = layout.stride * request.slabs;
    if (pages == PageKind::Huge)
        layout.length = roundUp(layout.length, hugePageSize);
    return layout;
}

} // namespace dmaslab
