// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/handles.h"
#include "dmaslab/capture/file_set.h"

namespace dmaslab {

/**
 * What frames of these files are, and after it everything else that has the caps' word only: a u1 file may be
 * Bayer, a raw file anything. Whether the sizes agree is checked when the caps are set, where an error can
 * say which two sizes do not.
 */
CapsPtr capsOfFiles(const FileFrame &frame);

} // namespace dmaslab
