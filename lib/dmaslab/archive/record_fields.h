// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dmaslab/error.h"
#include "dmaslab/export.h"

namespace dmaslab {

/** What lies in a frame that is one record or a row of them. */
struct RecordFields
{
    std::string descr; ///< as numpy writes it: "[('sequence', '<u8'), ('sums', '<u8', (20, 20))]"
    std::uint64_t bytes = 0;
};

/**
 * Understands the list that numpy.dtype() takes: names, plain types, and shapes where there are any. Refuses
 * everything else, for the text goes into headers as it is. Safe for any input.
 */
[[nodiscard]] DMASLAB_EXPORT Result<RecordFields> parseRecordFields(std::string_view text);

} // namespace dmaslab
