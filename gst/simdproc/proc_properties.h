// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include <gst/gst.h>

#include "dmaslab/process/settings.h"

namespace dmaslab {

enum ProcProperty : guint
{
    PROP_0,
    PROP_DARK,
    PROP_FLAT,
    PROP_BAD_PIXELS,
    PROP_LUT,
    PROP_REFERENCE,
    PROP_CROP,
    PROP_FLIP,
    PROP_BIN,
    PROP_BIN_MODE,
    PROP_THRESHOLD,
    PROP_WINDOW,
    PROP_STATISTICS,
    PROP_HISTOGRAM,
    PROP_MOTION,
    PROP_ROI_MODE,
    PROP_ROI_X,
    PROP_ROI_Y,
    PROP_ROI_WIDTH,
    PROP_ROI_HEIGHT,
    PROP_ROI_COLUMNS,
    PROP_ROI_ROWS,
    PROP_ROI_THRESHOLD,
    PROP_LAMBDA_OCCUPIED,
    PROP_LAMBDA_EMPTY,
    PROP_FP_TARGET,
    PROP_THREADS,
    PROP_SIMD,
    PROP_MESSAGE_EVERY,
    PROP_STATS,
    PROP_STATS_INTERVAL,
};

/** The properties' values; texts are understood on the way to PAUSED, where an error can be posted. */
struct ProcValues
{
    ProcessSettings settings;
    std::string crop, window;
    guint messageEvery = 0;
};

void installProcProperties(GObjectClass *klass);

/** False when the id is none of ProcValues. The caller holds the object lock. */
bool setProcProperty(ProcValues &values, guint id, const GValue *value);
bool getProcProperty(const ProcValues &values, guint id, GValue *value);

} // namespace dmaslab
