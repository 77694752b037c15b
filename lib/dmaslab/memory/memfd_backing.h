// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

#include "dmaslab/error.h"
#include "dmaslab/memory/host_paths.h"
#include "dmaslab/memory/mapping.h"
#include "dmaslab/unique_fd.h"

namespace dmaslab {

enum class PageKind
{
    Ordinary,
    Huge
};

/** Pages that belong to nobody's file system: they vanish with the last descriptor and mapping. */
struct MemfdBacking
{
    UniqueFd fd;
    Mapping mapping;
};

/**
 * A memfd of that length, its size sealed, mapped read-write. No page exists yet, but huge pages are
 * reserved: when there are too few this fails here, and not with SIGBUS at the first touch.
 */
Result<MemfdBacking> makeMemfdBacking(std::size_t length, PageKind pages, const HostPaths &paths);

/**
 * The last seal: mappings that exist stay writable, new ones can only read. After it the kernel makes no
 * udmabuf of the file any more.
 */
Result<void> sealAgainstWriters(int memfd);

} // namespace dmaslab
