// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "dmaslab/error.h"
#include "dmaslab/memory/host_paths.h"
#include "dmaslab/memory/mapping.h"

namespace dmaslab {

/** "0-1,4" to {0, 1, 4}. */
[[nodiscard]] std::vector<int> parseNodeList(std::string_view list);

/** Nodes that have memory; {0} on a kernel without NUMA. */
[[nodiscard]] std::vector<int> memoryNodes(const HostPaths &paths);

/** An error that names the nodes there are, unless this is one of them. */
Result<void> checkNode(int node, const HostPaths &paths);

/** To be called before the pages exist. */
Result<void> preferNode(const Mapping &mapping, int node);

/** Where the pages really are: the node of each sampled page; empty when the kernel does not tell. */
[[nodiscard]] std::vector<int> sampleNodes(const Mapping &mapping);

} // namespace dmaslab
