// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include <gst/gst.h>

#include "dmaslab/error.h"

namespace dmaslab {

/** Posts the error once, in the domain its code belongs to; `io` is what an I/O error is for this element. */
void postError(GstElement *element, const Error &error, GstResourceError io = GST_RESOURCE_ERROR_READ);

/** Posts each sentence as a warning; with `oncePerProcess` a sentence that was said already is only logged.
 */
void postDegradations(GstElement *element, const std::vector<std::string> &sentences, bool oncePerProcess);

/**
 * Whether a property may be set now; says no with a warning that names it and the value, because a silent
 * refusal looks like a property that does nothing.
 */
bool mayChangeProperty(GstElement *element, const GParamSpec *property, const GValue *value);

} // namespace dmaslab
