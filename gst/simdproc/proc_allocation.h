// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include "simdproc/proc_caps.h"

namespace dmaslab {

/** A pool of slabs for frames that do not go out where they came in, as many as downstream says it holds. */
[[nodiscard]] bool decideProcAllocation(GstElement *element, GstQuery *query, const PictureLayout &output);

/** What we want of frames that end here: rows as they lie, at the vectors' alignment, one of them at a time.
 */
[[nodiscard]] bool proposeProcAllocation(GstQuery *query);

} // namespace dmaslab
