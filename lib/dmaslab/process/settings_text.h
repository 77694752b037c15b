// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

#include "dmaslab/error.h"
#include "dmaslab/export.h"
#include "dmaslab/process/settings.h"

namespace dmaslab {

/** "x,y,width,height"; empty: the whole picture. The error names the property and what it must look like. */
[[nodiscard]] DMASLAB_EXPORT Result<PixelRect> parseCrop(std::string_view text);

struct WindowWish
{
    WindowMode mode = WindowMode::None;
    std::uint16_t low = 0, high = 0xFFFF;
};

/** "low,high" or "auto"; empty: none. */
[[nodiscard]] DMASLAB_EXPORT Result<WindowWish> parseWindow(std::string_view text);

} // namespace dmaslab
