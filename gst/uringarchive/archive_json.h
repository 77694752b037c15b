// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include <gst/gst.h>

namespace dmaslab {

/** An object of the structure's fields; "{}" for nullptr. What JSON has no type for becomes a string. */
[[nodiscard]] std::string structureToJson(const GstStructure *structure);
/** What is more in it than a reader of manifests takes, as the end of a sentence; empty: nothing. */
[[nodiscard]] std::string excessOf(const GstStructure *structure);
/** An object of the tags that can be written as text: no images, nothing that excessOf() would name. */
[[nodiscard]] std::string tagsToJson(const GstTagList *tags);

} // namespace dmaslab
