// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include "slabqueue/slab_queue.h"

namespace dmaslab {

/** Gives the two pads of the element their functions; `queue` lives as long as they do. */
void setUpSlabQueuePads(GstPad *sink, GstPad *source, SlabQueue &queue);

} // namespace dmaslab
